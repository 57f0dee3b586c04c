# SPDX-License-Identifier: GPL-3.0-or-later
"""Operators: installing the engine."""

from __future__ import annotations

import bpy
from bpy.props import BoolProperty

from . import bridge, installer
from .host import redraw
from .operators import EngineOperator
from .preferences import preferences
from .shared.errors import UsageError

__all__ = ["CLASSES", "watch_no_more"]

_LOOK = 0.25  # seconds between two looks at the installation


class XMEMPP_OT_engine_install(EngineOperator, bpy.types.Operator):
    """Install the engine into a folder of its own in your user data; takes minutes."""

    bl_idname = "xmempp.engine_install"
    bl_label = "Install Engine"

    wait: BoolProperty(name="Wait", description="Return when it is done; for scripts")

    def run(self, context: bpy.types.Context) -> None:
        """In a thread, as the preferences say."""
        if _running() is not None:
            raise UsageError("The engine is being installed already.", hint="Wait, or cancel it.")
        chosen = preferences()
        options = installer.options_of(chosen.pip_options)
        if chosen.build == "CPU":
            options += installer.CPU_ONLY
        bridge.current().error = None
        made = installer.start(bpy.path.abspath(chosen.python), options)
        if not self.wait:
            bpy.app.timers.register(_watch, first_interval=_LOOK, persistent=True)
            return
        made.wait()
        if made.error is not None:
            raise made.error


class XMEMPP_OT_install_cancel(EngineOperator, bpy.types.Operator):
    """Cancel the installation; an engine that was there before stays."""

    bl_idname = "xmempp.install_cancel"
    bl_label = "Cancel Installation"

    def run(self, context: bpy.types.Context) -> None:
        """The thread ends soon after."""
        made = _running()
        if made is None:
            raise UsageError("The engine is not being installed.", hint="")
        made.cancel()


CLASSES = (XMEMPP_OT_engine_install, XMEMPP_OT_install_cancel)


def watch_no_more() -> None:
    """Takes the timer away, and ends an installation; for the end of the add-on."""
    if bpy.app.timers.is_registered(_watch):
        bpy.app.timers.unregister(_watch)
    installer.cancel_all()


def _running() -> installer.Installation | None:
    made = installer.last()
    return made if made is not None and made.running else None


def _watch() -> float | None:
    """Has the panel drawn while it runs, and tells how it ended."""
    redraw()
    if _running() is not None:
        return _LOOK
    made = installer.last()
    if made is not None and made.error is not None:
        bridge.current().show_error(made.error)
    return None
