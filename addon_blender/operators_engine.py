# SPDX-License-Identifier: GPL-3.0-or-later
"""Operators: the engine, the clip in it, and waiting for both."""

from pathlib import Path

import bpy
from bpy.props import FloatProperty, StringProperty

from . import bridge
from .operators import ClipOperator, EngineOperator, active_clip
from .preferences import preferences

__all__ = ["CLASSES"]


class XMEMPP_OT_engine_start(EngineOperator, bpy.types.Operator):
    """Start the engine on this machine; it ends with Blender."""

    bl_idname = "xmempp.engine_start"
    bl_label = "Start Engine"

    def run(self, context: bpy.types.Context) -> None:
        """As the preferences say."""
        chosen = preferences()
        options = ["--device", chosen.device or "auto"]
        if chosen.workspace:
            options += ["--workspace", bpy.path.abspath(chosen.workspace)]
        bridge.current().start_engine(bpy.path.abspath(chosen.engine), options)


class XMEMPP_OT_engine_stop(EngineOperator, bpy.types.Operator):
    """Leave the engine, and end it if Blender started it; nothing that is done is lost."""

    bl_idname = "xmempp.engine_stop"
    bl_label = "Stop Engine"

    def run(self, context: bpy.types.Context) -> None:
        """Ends it in a thread."""
        bridge.current().stop_engine()


class XMEMPP_OT_engine_connect(EngineOperator, bpy.types.Operator):
    """Connect to an engine that runs already, by its connection file."""

    bl_idname = "xmempp.engine_connect"
    bl_label = "Connect to Engine"

    filepath: StringProperty(
        name="Connection File",
        description="It lies in the engine's workspace, .engine.json, unless it was told otherwise",
        subtype="FILE_PATH",
    )
    filter_glob: StringProperty(default="*.json", options={"HIDDEN"})

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        """Asks for the file."""
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def run(self, context: bpy.types.Context) -> None:
        """Reads the file and connects."""
        bridge.current().connect(Path(bpy.path.abspath(self.filepath)))


class XMEMPP_OT_clip_open(ClipOperator, bpy.types.Operator):
    """Open the clip in the engine; one that was open before continues where it was left."""

    bl_idname = "xmempp.clip_open"
    bl_label = "Open Clip"

    def run(self, context: bpy.types.Context) -> None:
        """By its path, or by the session that the .blend remembers."""
        bridge.current().open(self.movie_clip(context))


class XMEMPP_OT_clip_close(ClipOperator, bpy.types.Operator):
    """Leave the clip's session; its workspace stays and can be taken up at any time."""

    bl_idname = "xmempp.clip_close"
    bl_label = "Close Clip"

    def run(self, context: bpy.types.Context) -> None:
        """What is saved in the .blend stays."""
        bridge.current().close_clip(self.movie_clip(context))


class XMEMPP_OT_clip_forget(ClipOperator, bpy.types.Operator):
    """Forget the clip's session, to open the clip as new; its workspace stays on disk."""

    bl_idname = "xmempp.clip_forget"
    bl_label = "Forget Session"
    bl_options = {"UNDO"}

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        """A button asks first; a script does not."""
        return context.window_manager.invoke_confirm(self, event)

    def run(self, context: bpy.types.Context) -> None:
        """Leaves the session first."""
        clip = self.movie_clip(context)
        bridge.current().close_clip(clip)
        clip.xmempp.session = clip.xmempp.workspace = ""
        clip.xmempp.anew = True


class XMEMPP_OT_wait(EngineOperator, bpy.types.Operator):
    """Wait until the engine has answered and no job runs; for scripts."""

    bl_idname = "xmempp.wait"
    bl_label = "Wait for the Engine"
    bl_options = {"INTERNAL"}

    seconds: FloatProperty(name="Seconds", description="At most", default=600.0, min=0.0)

    def run(self, context: bpy.types.Context) -> None:
        """Blender does nothing else meanwhile."""
        bridge.current().wait(seconds=self.seconds)


class XMEMPP_OT_error_clear(EngineOperator, bpy.types.Operator):
    """Put the error message away."""

    bl_idname = "xmempp.error_clear"
    bl_label = "Close"
    bl_options = {"INTERNAL"}

    def run(self, context: bpy.types.Context) -> None:
        """That of the engine and that of the clip."""
        bridge.current().error = None
        found = bridge.current().find(active_clip(context)) if bpy.data.movieclips else None
        if found is not None:
            found[1].error = None


CLASSES = (
    XMEMPP_OT_engine_start,
    XMEMPP_OT_engine_stop,
    XMEMPP_OT_engine_connect,
    XMEMPP_OT_clip_open,
    XMEMPP_OT_clip_close,
    XMEMPP_OT_clip_forget,
    XMEMPP_OT_wait,
    XMEMPP_OT_error_clear,
)
