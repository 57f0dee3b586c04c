# SPDX-License-Identifier: Apache-2.0
"""Movies as plates: frame 0 is the first shown, whatever the container's time stamps say.

Reading in order decodes each frame once. A frame elsewhere is reached from the last key
frame before it; what is decoded on the way is kept, so that reading backwards is cheap too.
Rotation and pixel-aspect metadata are ignored, as is HDR transfer (PQ, HLG): the stored
code values are taken for display-referred.
"""

from __future__ import annotations

import threading
from bisect import bisect_right
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.video.reformatter import Colorspace
from numpy.typing import NDArray

from engine_server.media.cache import FrameCache
from engine_server.media.image import MAX_PIXELS
from engine_server.media.plate import Plate
from engine_server.media.view import ViewTransform
from shared.errors import BadPlate, FrameUnreadable, UnknownFrame

__all__ = ["Movie"]

_KEPT_BYTES = 192 * 2**20
_UNSPECIFIED = 2  # AVCOL_SPC_UNSPECIFIED
_HD_HEIGHT = 720  # untagged pictures of this height and above are Rec.709 by convention


@dataclass(frozen=True)
class _Index:
    """Presentation time stamps of all frames, in order shown, and those of key frames."""

    shown: tuple[int, ...]
    keys: tuple[int, ...]


class Movie(Plate):
    """A plate from a movie file.

    Args:
        path: the movie.
        view: the view transform.

    Raises:
        BadPlate: not a movie, without pictures in it, or with frames larger than allowed.
    """

    def __init__(self, path: Path, view: ViewTransform) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._kept = FrameCache(_KEPT_BYTES)
        self._container, self._stream = _open(path)
        self._index = _scan(path)
        size = (self._stream.codec_context.height, self._stream.codec_context.width)
        if not self._index.shown or not 0 < size[0] * size[1] <= MAX_PIXELS:
            raise BadPlate(f"'{path}' has no frames that can be read.")
        frames = tuple(range(len(self._index.shown)))
        super().__init__(name=path.stem, frames=frames, size=size, view=view)
        self._number = {stamp: frame for frame, stamp in enumerate(self._index.shown)}
        self._decoder: Iterator[tuple[int, av.VideoFrame]] | None = None
        self._next = 0

    def stem(self, frame: int) -> str:
        """``frame_000012`` for frame 12."""
        if frame not in self._present:
            raise UnknownFrame(f"'{self.name}' has no frame {frame}.", hint=self._range_hint())
        return f"frame_{frame:06d}"

    def path(self, frame: int) -> Path:
        """The movie itself."""
        return self._path

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            self._decoder = None
            self._container.close()

    def _load(self, frame: int) -> tuple[NDArray[Any], str]:
        pixels = self._kept.get(frame)
        if pixels is None:
            with self._lock:
                pixels = self._reach(frame)
        return pixels, "srgb"

    def _reach(self, frame: int) -> NDArray[Any]:
        """Decode up to a frame, going back to a key frame where that is needed or shorter."""
        try:
            if self._decoder is None or not self._next <= frame < self._key_after(self._next):
                self._seek(frame)
            pixels = self._advance(frame)
        except (av.FFmpegError, OSError):
            pixels, self._decoder = None, None
        if pixels is None:
            raise FrameUnreadable(
                f"Frame {frame} of '{self._path}' is damaged and can't be decoded.",
                frame=frame,
                hint="Convert the movie again, or to an image sequence.",
            )
        return pixels

    def _key_after(self, frame: int) -> int:
        """The first frame from which on seeking beats decoding on from ``frame``."""
        keys = self._index.keys
        stamp = self._index.shown[min(frame, len(self) - 1)]
        later = bisect_right(keys, stamp) + 1  # the next key frame may be reached by going on
        return self._number[keys[later]] if later < len(keys) else len(self)

    def _seek(self, frame: int) -> None:
        """Point the decoder at a key frame at or before a frame."""
        keys = self._index.keys
        start = bisect_right(keys, self._index.shown[frame]) - 1
        for key in (*reversed(keys[: start + 1]), None):
            self._decoder = self._decode_from(key)
            first = next(self._decoder, None)
            if first is not None and first[0] <= frame:
                self._decoder = _chain(first, self._decoder)
                self._next = first[0]
                return
        self._decoder = None

    def _decode_from(self, key: int | None) -> Iterator[tuple[int, av.VideoFrame]]:
        """Numbered frames from a key frame's time stamp, or from the start of the file."""
        if key is None:
            self._container.close()
            self._container, self._stream = _open(self._path)
        else:
            self._container.seek(key, stream=self._stream, backward=True, any_frame=False)
        for picture in _pictures(self._container, self._stream):
            number = self._number.get(picture.pts if picture.pts is not None else -1)
            if number is not None:
                yield number, picture

    def _advance(self, frame: int) -> NDArray[Any] | None:
        """Decode on until a frame, keeping what fits on the way; None when it never comes."""
        keep = max(1, _KEPT_BYTES // (self.size[0] * self.size[1] * 6))
        for number, picture in self._decoder or ():
            self._next = number + 1
            if number > frame - keep:
                pixels = _to_rgb(picture)
                self._kept.put(number, pixels)
            if number == frame:
                return pixels
            if number > frame:
                break
        self._decoder = None
        return None


def _pictures(
    container: av.container.InputContainer, stream: av.VideoStream
) -> Iterator[av.VideoFrame]:
    """Decoded frames from where a container stands; damaged ones are passed over."""
    for packet in container.demux(stream):
        with suppress(av.error.InvalidDataError):
            yield from packet.decode()


def _chain(
    first: tuple[int, av.VideoFrame], rest: Iterator[tuple[int, av.VideoFrame]]
) -> Iterator[tuple[int, av.VideoFrame]]:
    """Put one item back in front."""
    yield first
    yield from rest


def _open(path: Path) -> tuple[av.container.InputContainer, av.VideoStream]:
    """Open the first video stream of a movie."""
    try:
        container = av.open(str(path))
    except (av.FFmpegError, OSError) as error:
        raise BadPlate(
            f"'{path}' is neither a picture nor a movie that can be read.",
            hint="Convert it to an image sequence.",
        ) from error
    if not container.streams.video:
        container.close()
        raise BadPlate(f"'{path}' has no pictures in it.")
    stream = container.streams.video[0]
    stream.thread_type = "AUTO"
    return container, stream


def _scan(path: Path) -> _Index:
    """Read the packets, without decoding, for the time stamps of the frames."""
    container, stream = _open(path)
    shown, keys = [], []
    try:
        for packet in container.demux(stream):
            stamp = packet.pts if packet.pts is not None else packet.dts
            if stamp is None or packet.size == 0 or packet.is_discard:
                continue
            shown.append(stamp)
            if packet.is_keyframe:
                keys.append(stamp)
    except av.FFmpegError:
        pass  # a movie that was cut off: what came before is usable
    finally:
        container.close()
    ordered = tuple(sorted(set(shown)))
    return _Index(ordered, tuple(sorted(set(keys))) or ordered[:1])


def _to_rgb(picture: av.VideoFrame) -> NDArray[Any]:
    """H x W x 3, uint8, or uint16 for more than 8 bits a channel."""
    deep = any(component.bits > 8 for component in picture.format.components)
    source = picture.colorspace
    if source == _UNSPECIFIED:
        source = Colorspace.ITU709 if picture.height >= _HD_HEIGHT else Colorspace.ITU601
    pixels = picture.to_ndarray(format="rgb48le" if deep else "rgb24", src_colorspace=source)
    return np.ascontiguousarray(pixels)
