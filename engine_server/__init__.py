# SPDX-License-Identifier: Apache-2.0
"""XMem++ for compositors: the engine as a library.

    from engine_server import Session

    with Session.open("plate.%04d.exr") as session:
        hero = session.add_object("hero")
        session.set_reference(1001, {hero: matte})
        session.propagate(on_frame=lambda result: ...)
        session.candidates(k=3)

`Session` tells the rest.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from engine_server.session import FrameResult, Preparation, PropagationReport, Session

__all__ = ["FrameResult", "Preparation", "PropagationReport", "Session", "__version__"]

__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    """Loads the engine when it is first used, so that ``xmempp --help`` need not wait."""
    if name not in __all__:
        raise AttributeError(f"module 'engine_server' has no attribute {name!r}")
    from engine_server import session

    return getattr(session, name)
