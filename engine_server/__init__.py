# SPDX-License-Identifier: Apache-2.0
"""XMem++ for compositors: the engine as a library.

    from engine_server import Session

    with Session.open("plate.%04d.exr") as session:
        hero = session.add_object("hero")
        session.set_reference(1001, {hero: matte})
        session.propagate(on_frame=lambda result: ...)
        session.candidates(k=3)
"""

from engine_server.session import FrameResult, PropagationReport, Session

__all__ = ["FrameResult", "PropagationReport", "Session", "__version__"]

__version__ = "0.1.0"
