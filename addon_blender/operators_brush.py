# SPDX-License-Identifier: GPL-3.0-or-later
"""Operators: the matte brush in the clip editor."""

import bpy
from bpy.props import StringProperty

from . import brush, overlay, status_bar
from .canvas import Tip
from .following import shown_frame
from .host import redraw
from .operators import ClipOperator
from .pictures import Place, place_of
from .shared.errors import UsageError, XmemppError

__all__ = ["CLASSES"]

_HELP = (
    "Matte brush: paint   Ctrl: erase   F: radius   Shift F: strength   Ctrl F: hardness   "
    "Ctrl Z: take back   Enter or Esc: done"
)
_STEP = 1.15  # radius by the keys [ and ]
_SLOPE = 0.005  # strength and hardness by pixels of the mouse


class XMEMPP_OT_brush(ClipOperator, bpy.types.Operator):
    """Paint the chosen object's matte at this frame, on top of the matte that it has."""

    bl_idname = "xmempp.brush"
    bl_label = "Matte Brush"
    bl_options = {"UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """In a clip editor, and not while it paints already."""
        space = context.space_data
        in_editor = space is not None and space.type == "CLIP_EDITOR" and space.clip is not None
        return in_editor and brush.current() is None

    def execute(self, context: bpy.types.Context) -> set[str]:
        """It needs a mouse."""
        return self.invoke(context, None)

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event | None) -> set[str]:
        """Takes it up; a mistake ends it with a sentence."""
        try:
            self._take_up(context)
        except XmemppError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        context.window_manager.modal_handler_add(self)
        return {"RUNNING_MODAL"}

    def _take_up(self, context: bpy.types.Context) -> None:
        if bpy.app.background:
            raise UsageError("The brush needs a window.", hint="Give mattes as masks or images.")
        shot, host = self.shot(context), self.host(context)
        if shot.state is None:
            raise UsageError("The clip is not open.", hint="Open it in the engine first.")
        self.chosen(context)
        context.space_data.clip.xmempp.view.show = True
        self._area, self._leaving, self._setting = context.area, False, ""
        self._region = next(one for one in context.area.regions if one.type == "WINDOW")
        self._brush = brush.take_up(shot, host, overlay.touched)
        self._timer = context.window_manager.event_timer_add(0.05, window=context.window)
        self._told = status_bar.tell(context.workspace, _HELP)

    def cancel(self, context: bpy.types.Context) -> None:
        """Blender ends it: a file is loaded, or the window closed."""
        self._put_down(context)

    def modal(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        """One event; what is not meant for the brush goes on to Blender."""
        if brush.current() is not self._brush or not self._still_there(context):
            self._put_down(context)
            return {"FINISHED"}
        if self._leaving:
            return self._leave(context)
        try:
            self._follow(context)
            return {self._taken(context, event)}
        except XmemppError as error:
            self.report({"ERROR"}, str(error))
            self._leaving = True
            return {"RUNNING_MODAL"}

    def _leave(self, context: bpy.types.Context) -> set[str]:
        """Blender's undo step is made when all that was painted is in its data."""
        if self._brush.saving:
            return {"RUNNING_MODAL"}
        self._put_down(context)
        return {"FINISHED"}

    def _put_down(self, context: bpy.types.Context) -> None:
        if brush.current() is self._brush:
            brush.put_down()
        context.window_manager.event_timer_remove(self._timer)
        status_bar.hide(self._told)
        if self._setting and self._is_there(context):
            self._end_setting()

    def _still_there(self, context: bpy.types.Context) -> bool:
        """The editor shows the clip, the engine has it open, and it has an object."""
        clip = self._area.spaces.active.clip if self._is_there(context) else None
        return clip is not None and self._brush.is_of(clip) and len(clip.xmempp.objects) > 0

    def _is_there(self, context: bpy.types.Context) -> bool:
        areas = [area for window in context.window_manager.windows for area in window.screen.areas]
        return self._area in areas and self._area.type == "CLIP_EDITOR"

    def _follow(self, context: bpy.types.Context) -> None:
        space = self._area.spaces.active
        state = space.clip.xmempp
        if not self._brush.stroking and state.active_object < len(state.objects):
            chosen = state.objects[state.active_object].object
            self._brush.turn_to(chosen, shown_frame(self._brush.host, space))

    # Events

    def _taken(self, context: bpy.types.Context, event: bpy.types.Event) -> str:
        settings = self._area.spaces.active.clip.xmempp.brush
        if self._setting:
            return self._set(event, settings)
        place, mouse = place_of(self._region), self._mouse(event)
        scale = place.width / self._brush.width
        self._brush.radius = settings.radius * scale
        if self._brush.stroking:
            return self._stroke(event, place, mouse, settings)
        if event.type == "Z" and (event.ctrl or event.oskey):  # wherever the mouse is
            return self._step(event)
        inside = self._is_inside(event)
        if event.type in ("MOUSEMOVE", "INBETWEEN_MOUSEMOVE"):
            self._brush.at = mouse if inside else None
            self._area.tag_redraw()
        if not inside or event.value != "PRESS":
            return "PASS_THROUGH"
        return self._key(event, place, mouse, settings)

    def _key(
        self,
        event: bpy.types.Event,
        place: Place,
        mouse: tuple[float, float],
        settings: bpy.types.PropertyGroup,
    ) -> str:
        kind = event.type
        if kind == "LEFTMOUSE" and not event.alt:
            if self._brush.ready:
                self._brush.press(*self._at(place, mouse), self._tip(event, settings))
        elif kind == "F" and not event.alt:
            self._begin_setting(event, mouse, settings)
        elif kind in ("LEFT_BRACKET", "RIGHT_BRACKET"):
            settings.radius *= _STEP if kind == "RIGHT_BRACKET" else 1 / _STEP
        elif kind in ("RET", "NUMPAD_ENTER", "ESC"):
            self._leaving = True
        else:
            return "PASS_THROUGH"
        return "RUNNING_MODAL"

    def _step(self, event: bpy.types.Event) -> str:
        """Blender's own undo would take back more than a stroke."""
        if event.value == "PRESS":
            done = self._brush.redo() if event.shift else self._brush.undo()
            if not done:
                self.report({"INFO"}, "There is no stroke of this frame to take back or do again.")
        return "RUNNING_MODAL"

    def _stroke(
        self,
        event: bpy.types.Event,
        place: Place,
        mouse: tuple[float, float],
        settings: bpy.types.PropertyGroup,
    ) -> str:
        self._brush.at = mouse
        if event.type in ("MOUSEMOVE", "INBETWEEN_MOUSEMOVE"):
            self._brush.move(*self._at(place, mouse), self._tip(event, settings))
        elif event.type == "LEFTMOUSE" and event.value == "RELEASE":
            self._brush.release()
        return "RUNNING_MODAL"

    def _begin_setting(
        self,
        event: bpy.types.Event,
        mouse: tuple[float, float],
        settings: bpy.types.PropertyGroup,
    ) -> None:
        """The circle stays where it is; the mouse to the right is more."""
        self._setting = "strength" if event.shift else "hardness" if event.ctrl else "radius"
        self._origin, self._before = mouse, getattr(settings, self._setting)

    def _set(self, event: bpy.types.Event, settings: bpy.types.PropertyGroup) -> str:
        name, way = self._setting, self._mouse(event)[0] - self._origin[0]
        scale = place_of(self._region).width / self._brush.width
        unit = 1 / scale if name == "radius" else _SLOPE
        if event.type == "MOUSEMOVE":
            setattr(settings, name, self._before + way * unit)
            self._brush.radius = settings.radius * scale
            self._area.header_text_set(f"{name.capitalize()}: {getattr(settings, name):.2f}")
            self._area.tag_redraw()
        elif event.value == "PRESS" and event.type in ("RIGHTMOUSE", "ESC"):
            setattr(settings, name, self._before)
            self._end_setting()
        elif event.value == "PRESS" and event.type in ("LEFTMOUSE", "RET", "NUMPAD_ENTER"):
            self._end_setting()
        return "RUNNING_MODAL"

    def _end_setting(self) -> None:
        self._setting = ""
        self._area.header_text_set(None)
        self._area.tag_redraw()

    def _tip(self, event: bpy.types.Event, settings: bpy.types.PropertyGroup) -> Tip:
        pressure = event.pressure if event.is_tablet else 1.0
        radius = settings.radius * (pressure if settings.pressure_radius else 1)
        strength = settings.strength * (pressure if settings.pressure_strength else 1)
        return Tip(max(radius, 0.5), strength, settings.hardness, erase=event.ctrl)

    def _at(self, place: Place, mouse: tuple[float, float]) -> tuple[float, float]:
        height, width = self._brush.matte.shape
        return place.to_matte(*mouse, (height, width))

    def _mouse(self, event: bpy.types.Event) -> tuple[float, float]:
        return event.mouse_x - self._region.x, event.mouse_y - self._region.y

    def _is_inside(self, event: bpy.types.Event) -> bool:
        """In the region of the clip, and not over a sidebar that lies upon it."""
        x, y = event.mouse_x, event.mouse_y
        over = [
            region.type
            for region in self._area.regions
            if 0 <= x - region.x < region.width and 0 <= y - region.y < region.height
        ]
        return over == ["WINDOW"]


class XMEMPP_OT_painting_clear(ClipOperator, bpy.types.Operator):
    """Forget what the brush painted of the object at this frame; references stay."""

    bl_idname = "xmempp.painting_clear"
    bl_label = "Clear Painting"
    bl_options = {"REGISTER", "UNDO"}

    object_name: StringProperty(name="Name", description="Which; by default the one in the list")

    def run(self, context: bpy.types.Context) -> None:
        """The brush begins with the engine's matte again."""
        host = self.host(context)
        number, frame = self.chosen(context, self.object_name).object, host.current_frame()
        if not host.paintings.is_painted(number, frame):
            raise UsageError(f"The brush painted nothing at frame {frame}.", hint="")
        host.paintings.clear(number, frame)
        if brush.current() is not None:
            brush.current().start_anew()
        redraw()


CLASSES = (XMEMPP_OT_brush, XMEMPP_OT_painting_clear)
