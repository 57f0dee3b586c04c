# SPDX-License-Identifier: GPL-3.0-or-later
"""The matte brush while it is in use: what it paints on, and how it looks.

It follows the chosen object and the frame that is shown. What it paints on is the painting of
that frame; where there is none, the matte that the engine has; else nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import bpy
import numpy as np
from numpy.typing import NDArray

from .canvas import Canvas, Rect, Tip
from .host import BlenderHost, redraw
from .plate import plate_size
from .shaders import batch, flat_shader, projection
from .shared.commands import Shot
from .shared.image import RawImage
from .shared.messages import GetMattes, Mattes

__all__ = ["Brush", "current", "put_down", "take_up"]

Matte = NDArray[np.uint16]
Key = tuple[int, int]  # object and frame

_current: list[Brush] = []


def current() -> Brush | None:
    """The brush in use, if there is one."""
    return _current[-1] if _current else None


def take_up(shot: Shot, host: BlenderHost, touched: Callable[[Matte, Rect], None]) -> Brush:
    """Begins to use the brush on a clip.

    Args:
        shot, host: the clip.
        touched: told which pixels of a matte changed.
    """
    _current[:] = [Brush(shot, host, touched)]
    return _current[-1]


def put_down() -> None:
    """Ends it; what is painted stays."""
    _current.clear()
    redraw()


class Brush:
    """Made by `take_up`.

    Attributes:
        at: mouse in pixels of the region; None outside.
        radius: of the circle that is shown, pixels of the region.
    """

    def __init__(
        self, shot: Shot, host: BlenderHost, touched: Callable[[Matte, Rect], None]
    ) -> None:
        self._shot, self._host, self._touched = shot, host, touched
        self._key: Key = (0, 0)
        self._keys: set[Key] = set()  # of what it painted
        self._canvas: Canvas | None = None
        self._fresh = False
        self._asked = False
        self.at: tuple[float, float] | None = None
        self.radius = 10.0

    # What it paints on

    @property
    def host(self) -> BlenderHost:
        """The clip that it paints on."""
        return self._host

    def is_of(self, clip: bpy.types.MovieClip) -> bool:
        """Whether it paints on that clip, and the engine has it open."""
        return clip.xmempp.token == self._host.token and self._shot.state is not None

    @property
    def ready(self) -> bool:
        """Whether what it paints on is here."""
        return self._canvas is not None

    @property
    def stroking(self) -> bool:
        """Whether a stroke has begun."""
        return self._canvas is not None and self._canvas.stroking

    @property
    def matte(self) -> Matte | None:
        """What it paints on."""
        return None if self._canvas is None else self._canvas.matte

    @property
    def width(self) -> int:
        """Of the plate, in pixels."""
        return plate_size(self._host.movie_clip())[0]

    @property
    def saving(self) -> bool:
        """Whether something that it painted is not in the .blend's data yet."""
        return self._host.paintings.saving

    def paints(self, host: BlenderHost, obj: int, frame: int) -> bool:
        """Whether its canvas is that one."""
        return host is self._host and self._key == (obj, frame) and self.ready

    def turn_to(self, obj: int, frame: int) -> None:
        """Paints that object at that frame from now on."""
        if self._key != (obj, frame):
            self._key, self._canvas, self._asked = (obj, frame), None, False
        if self._canvas is None:
            self._begin(obj, frame)

    def start_anew(self) -> None:
        """What it paints on was replaced, or cleared."""
        self._canvas, self._asked = None, False

    def painted(self) -> dict[Key, Matte]:
        """What it painted since it was taken up, by object and frame."""
        found = {key: self._host.paintings.at_hand(*key) for key in self._keys}
        return {key: matte for key, matte in found.items() if matte is not None}

    def paint_again(self, painted: Mapping[Key, Matte]) -> None:
        """Blender's undo replaced what is painted; what this brush painted is put back."""
        for key, matte in painted.items():
            self._host.paintings.store(*key, matte)
        if self._key not in painted:
            self.start_anew()

    def _begin(self, obj: int, frame: int) -> None:
        paintings = self._host.paintings
        painted = paintings.is_painted(obj, frame)
        matte = paintings.matte(obj, frame) if painted else None
        if matte is not None:
            self._canvas, self._fresh = Canvas(matte), False
            redraw()
        elif not painted and not self._asked:
            self._asked = True
            wanted = GetMattes((frame,), (obj,), form="raw", dtype="uint16")
            self._shot.ask(wanted, lambda reply: self._take((obj, frame), reply))

    def _take(self, key: tuple[int, int], reply: Mattes) -> None:
        if key != self._key or self._canvas is not None:
            return
        width, height = plate_size(self._host.movie_clip())
        matte = np.zeros((height, width), np.uint16)
        for one in reply.mattes:
            if isinstance(one.image, RawImage):
                matte = np.frombuffer(one.image.data, "<u2").reshape(one.image.shape)
        self._canvas, self._fresh = Canvas(matte), True
        redraw()

    # Strokes

    def press(self, x: float, y: float, tip: Tip) -> None:
        """Begins a stroke at a place of the matte."""
        if self._canvas is not None:
            self._canvas.press()
            self.move(x, y, tip)

    def move(self, x: float, y: float, tip: Tip) -> None:
        """Goes on with it."""
        if self._canvas is not None:
            self._show(self._canvas.move(x, y, tip))

    def release(self) -> None:
        """Ends it and keeps it."""
        if self._canvas is not None and self._canvas.release():
            self._keep()

    def undo(self) -> bool:
        """Takes the last stroke back; whether there was one."""
        return self._back(self._canvas.undo() if self._canvas is not None else None)

    def redo(self) -> bool:
        """Does one again that was taken back; whether there was one."""
        return self._back(self._canvas.redo() if self._canvas is not None else None)

    def _back(self, rect: Rect | None) -> bool:
        if rect is not None:
            self._show(rect)
            self._keep()
        return rect is not None

    def _keep(self) -> None:
        """A frame that was not painted before is not painted when all is taken back."""
        if self._canvas.untouched and self._fresh:
            self._keys.discard(self._key)
            self._host.paintings.clear(*self._key)
        else:
            self._keys.add(self._key)
            self._host.paintings.store(*self._key, self._canvas.matte)

    def _show(self, rect: Rect | None) -> None:
        if rect is not None:
            self._touched(self._canvas.matte, rect)
            redraw()

    # How it looks

    def draw(self, context: bpy.types.Context) -> None:
        """Its circle, and within that the part that is covered in full."""
        if self.at is None:
            return
        hardness = context.space_data.clip.xmempp.brush.hardness
        bright = (1.0, 1.0, 1.0, 0.9) if self.ready else (1.0, 0.4, 0.3, 0.9)
        rings = ((self.radius + 1, (0.0, 0.0, 0.0, 0.6)), (self.radius, bright))
        inner = (self.radius * hardness, (1.0, 1.0, 1.0, 0.35))
        flat_shader().bind()
        flat_shader().uniform_float("projection", projection())
        for radius, colour in (*rings, inner):
            _draw_ring(self.at, radius, colour)


def _draw_ring(
    middle: tuple[float, float], radius: float, colour: tuple[float, float, float, float]
) -> None:
    turn = np.linspace(0, 2 * np.pi, 65)
    ring = np.stack([np.cos(turn), np.sin(turn)], axis=1) * radius + middle
    lines = np.repeat(ring, 2, axis=0)[1:-1].astype(np.float32)
    paint = np.tile(np.array(colour, np.float32), (len(lines), 1))
    batch("LINES", pos=lines, paint=paint).draw(flat_shader())
