# SPDX-License-Identifier: GPL-3.0-or-later
"""What all operators share: the clip they are about, and how they fail.

An operator calls one command. A command that is wrong as it stands ends the operator with its
sentence; what fails later in the engine is shown in the panel.
"""

import bpy
from bpy.props import IntProperty, StringProperty

from . import bridge, sending
from .host import BlenderHost
from .host_layer import is_matte_clip
from .shared.errors import Busy, UnknownObject, UsageError, XmemppError
from .shared.steps import SteppedShot

__all__ = ["ClipOperator", "EditOperator", "EngineOperator", "FrameOperator", "active_clip"]


def active_clip(context: bpy.types.Context, name: str = "") -> bpy.types.MovieClip:
    """The clip of that name, or of the clip editor, or the only one.

    Raises:
        UsageError: there is none, or it can't be told which.
    """
    clips = bpy.data.movieclips
    if name and name in clips:
        return clips[name]
    space = context.space_data
    shown = space.clip if space is not None and space.type == "CLIP_EDITOR" else None
    plates = [one for one in clips if not is_matte_clip(one)]
    found = shown or (plates[0] if len(plates) == 1 else None)
    if found is None or name:
        raise UsageError(
            f"There is no clip '{name}'." if name else "No clip is shown.",
            hint="Open the plate in the movie clip editor.",
        )
    return found


class EngineOperator:
    """An operator about the engine."""

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Does `run`; an error becomes Blender's own report."""
        try:
            self.run(context)
        except XmemppError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        return {"FINISHED"}

    def run(self, context: bpy.types.Context) -> None:
        """What the operator does; raises an `XmemppError` where it can't."""
        raise NotImplementedError


class ClipOperator(EngineOperator):
    """An operator about a clip."""

    clip: StringProperty(
        name="Clip", description="Which clip; by default the one shown", options={"HIDDEN"}
    )

    def movie_clip(self, context: bpy.types.Context) -> bpy.types.MovieClip:
        """The clip; ``UsageError`` if there is none."""
        return active_clip(context, self.clip)

    def shot(self, context: bpy.types.Context) -> SteppedShot:
        """Its commands; ``UsageError`` if it is not open in the engine."""
        return bridge.current().shot(self.movie_clip(context))

    def whole_shot(self, context: bpy.types.Context) -> SteppedShot:
        """The same, with all of its plate; ``Busy`` while some of that is being sent."""
        shot, host = self.shot(context), self.host(context)
        left = len(sending.frames_left(shot, host)) + host.sent.busy
        if left:
            raise Busy(f"{left} frames of the plate are still on their way.", hint="Wait for them.")
        return shot

    def host(self, context: bpy.types.Context) -> BlenderHost:
        """The clip as the commands see it; ``UsageError`` if it is not open in the engine."""
        return bridge.current().host(self.movie_clip(context))

    def chosen(self, context: bpy.types.Context, name: str = "") -> bpy.types.PropertyGroup:
        """The object of that name, or the one that is chosen in the list.

        Raises:
            UnknownObject: there is none.
        """
        state = self.movie_clip(context).xmempp
        index = state.objects.find(name) if name else state.active_object
        if not 0 <= index < len(state.objects):
            what = f"There is no object '{name}'." if name else "No object is chosen."
            raise UnknownObject(what, hint="Add one, or choose one in the list.")
        return state.objects[index]


class EditOperator(ClipOperator):
    """An operator whose work in the engine goes back with Blender's undo.

    Its properties are kept for *Adjust Last Operation*, and never for the next call: buttons and
    menus are about what the panel and the clip editor show.
    """

    bl_options = {"REGISTER", "UNDO"}

    def fill(self, **values: object) -> None:
        """Properties that were not set get these values."""
        for name, value in values.items():
            if not self.properties.is_property_set(name):
                setattr(self, name, value)


class FrameOperator(EditOperator):
    """One about a frame."""

    frame: IntProperty(
        name="Frame",
        description="The clip's own number; by default the frame that is shown",
        options={"SKIP_SAVE"},
    )

    def at_frame(self, context: bpy.types.Context) -> int:
        """Once known it stays: Blender's undo leads to another frame before it does it again."""
        self.fill(frame=self.host(context).current_frame())
        return self.frame
