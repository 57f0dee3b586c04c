# SPDX-License-Identifier: Apache-2.0
"""Pixels: pulled through the graph, read from files and written to files."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import OpenImageIO as oiio
from numpy.typing import NDArray

from .app import RGBA
from .file_names import numbered

Plane = NDArray[np.float32]
_RENAMED = {"r": "red", "g": "green", "b": "blue", "a": "alpha", "y": "red"}
_WRITTEN = dict(zip(RGBA, "RGBA", strict=True))


@dataclass(frozen=True)
class Picture:
    """Planes by channel, H x W each."""

    size: tuple[int, int]
    planes: dict[str, Plane]


def channel_name(name: str) -> str:
    """What Nuke's reader makes of the name of an EXR channel."""
    parts = [re.sub(r"^\d+", "", part) for part in name.split(".", 2)]
    plain = [re.sub(r"[^A-Za-z0-9]", "_", part) for part in parts if part]
    last = plain[-1] if plain else "unnamed"
    last = _RENAMED.get(last.lower(), last.lower() if last.lower() in _NAMES else last)
    return f"{'_'.join(plain[:-1]) or 'rgba'}.{last}"


_NAMES = ("red", "green", "blue", "alpha")


def pull(node: Any, frame: int) -> Picture | None:
    """What a node gives at a frame; None where nothing is connected."""
    if node is None:
        return None
    if node["disable"].value() and node._inputs:
        return pull(node.input(0), frame)
    return _PULLS.get(node._class, _through)(node, frame)


def _through(node: Any, frame: int) -> Picture | None:
    return pull(node.input(0), frame)


def _group(node: Any, frame: int) -> Picture | None:
    return pull(node._output(), frame)


def _outside(node: Any) -> Any:
    return node._parent.input(int(node["number"].value()))


def _input(node: Any, frame: int) -> Picture | None:
    return pull(_outside(node), frame)


def _switch(node: Any, frame: int) -> Picture | None:
    return pull(node.input(int(node["which"].value())), frame)


def _grade(node: Any, frame: int) -> Picture | None:
    found = pull(node.input(0), frame)
    by = np.float32(node["multiply"].value())
    if found is None:
        return None
    return Picture(found.size, {n: p * by if n in RGBA[:3] else p for n, p in found.planes.items()})


def _roto(node: Any, frame: int) -> Picture:
    found = pull(node.input(0), frame) or Picture(node._app.root["format"].value(), {})
    width, height = found.size
    black = np.zeros((height, width), np.float32)
    drawn = {name: plane for (at, name), plane in node._painted.items() if at == frame}
    layers = {"rgba.alpha": black, **{name: black for _, name in node._painted}}
    return Picture(found.size, {**found.planes, **layers, **drawn})


def _copy(node: Any, frame: int) -> Picture | None:
    below, above = pull(node.input(0), frame), pull(node.input(1), frame)
    whole = below or above
    if whole is None:
        return None
    size = whole.size
    planes = dict(below.planes if below else {})
    for n in range(4):
        source, target = node[f"from{n}"].value(), node[f"to{n}"].value()
        if above is not None and "none" not in (source, target):
            planes[target] = _placed(above.planes.get(source), size)
    return Picture(size, planes)


def _placed(plane: Plane | None, size: tuple[int, int]) -> Plane:
    """A plane in a picture of another size: the lower left corners are the same."""
    width, height = size
    result = np.zeros((height, width), np.float32)
    if plane is not None:
        part = plane[-height:, :width]
        result[height - part.shape[0] :, : part.shape[1]] = part
    return result


def _read(node: Any, frame: int) -> Picture:
    wanted = _frame_of(node, frame)
    path = None if wanted is None else file_at(node, wanted)
    if path is not None and path.is_file():
        if path not in node._cache:
            node._cache[path] = _decoded(node, path)
        return _converted(node, path, node._cache[path])
    if wanted is not None and node["on_error"].value() == "error":
        raise RuntimeError(f"{node.name()}: Error reading file. {path}: no such file")
    first = file_at(node, int(node["first"].value()))
    size = _decoded(node, first).size if first.is_file() else node._app.root["format"].value()
    return Picture(size, {name: np.zeros(size[::-1], np.float32) for name in RGBA})


def _converted(node: Any, path: Path, picture: Picture) -> Picture:
    """What a Read does to colours and not to alpha: of all spaces the fake knows sRGB only."""
    space = node["colorspace"].value()
    space = ("linear" if path.suffix == ".exr" else "sRGB") if space == "default" else space
    if node["raw"].value() or space != "sRGB":
        return picture
    planes = {n: _light(p) if n in RGBA[:3] else p for n, p in picture.planes.items()}
    return Picture(picture.size, planes)


def _light(plane: Plane) -> Plane:
    bent = ((np.maximum(plane, 0) + np.float32(0.055)) / np.float32(1.055)) ** np.float32(2.4)
    return np.where(plane <= 0.04045, plane / np.float32(12.92), bent).astype(np.float32)


def file_at(node: Any, frame: int) -> Path:
    """The file of a Read or Write at a frame."""
    return Path(numbered(node["file"].getEvaluatedValue(), frame))


def _frame_of(node: Any, frame: int) -> int | None:
    """The number of the file that is read; None for black."""
    mode, text = node["frame_mode"].value(), node["frame"].value()
    first, last = int(node["first"].value()), int(node["last"].value())
    if text and mode == "start at":
        frame = frame - int(text) + first
    elif text:
        raise NotImplementedError("the fake knows neither offsets nor expressions of frames")
    if first <= frame <= last:
        return frame
    edge = node["before" if frame < first else "after"].value()
    return None if edge == "black" else min(max(frame, first), last)


def _decoded(node: Any, path: Path) -> Picture:
    config = oiio.ImageSpec()
    config.attribute("oiio:UnassociatedAlpha", 1)
    source = oiio.ImageInput.open(str(path), config)
    if source is None:
        raise RuntimeError(f"{node.name()}: {path} can't be read: {oiio.geterror()}")
    spec = source.spec()
    pixels = np.asarray(source.read_image("float"), np.float32)
    full = np.zeros((spec.full_height, spec.full_width, spec.nchannels), np.float32)
    top, left = spec.y - spec.full_y, spec.x - spec.full_x
    full[top : top + spec.height, left : left + spec.width] = pixels.reshape(
        spec.height, spec.width, spec.nchannels
    )
    planes: dict[str, Plane] = {}
    for n, name in enumerate(spec.channelnames):
        channel = channel_name(name)
        layer = channel.partition(".")[0]
        node._app.add_layer(layer, [channel])
        if channel in planes:
            raise AssertionError(f"two channels of {path} become {channel}")
        planes[channel] = full[..., n]
    return Picture((spec.full_width, spec.full_height), planes)


_PULLS = {
    "Group": _group,
    "Input": _input,
    "Switch": _switch,
    "Grade": _grade,
    "Roto": _roto,
    "Copy": _copy,
    "Read": _read,
}


# What is known without pixels


def frame_range(node: Any) -> tuple[int, int]:
    """First and last frame of what a node gives."""
    if node._class == "Read":
        return _read_range(node)
    source = _source(node)
    if source is None:
        return int(node._app.root["first_frame"].value()), int(node._app.root["last_frame"].value())
    return frame_range(source)


def _read_range(node: Any) -> tuple[int, int]:
    first, last = int(node["first"].value()), int(node["last"].value())
    mode, text = node["frame_mode"].value(), node["frame"].value()
    shift = int(text) - first if text and mode == "start at" else 0
    return first + shift, last + shift


def _source(node: Any) -> Any:
    if node._class == "Input":
        return _outside(node)
    return node._output() if node._class == "Group" else node.input(0)


def size_of(node: Any) -> tuple[int, int]:
    """Width and height; with the proxy on those of the proxy."""
    picture = pull(node, frame_range(node)[0])
    size = node._app.root["format"].value() if picture is None else picture.size
    return (size[0] // 2, size[1] // 2) if node._app.root["proxy"].value() else size


def channels_of(node: Any) -> list[str]:
    """Channels of what a node gives."""
    picture = pull(node, frame_range(node)[0])
    return [] if picture is None else sorted(picture.planes)


# Writing


def execute(app: Any, node: Any, first: int, last: int) -> None:
    """Renders a Write, as ``nuke.execute`` does."""
    app.check_thread()
    if node._class != "Write":
        raise RuntimeError(f"{node.name()} can't be executed")
    app.executing = True
    try:
        for frame in range(first, last + 1):
            if app.while_rendering is not None:
                app.while_rendering()
            if app.cancel_render_at == frame:
                app.cancel_render_at = None
                raise app.cancelled("Cancelled")
            _write(app, node, frame)
    finally:
        app.executing = False


def _write(app: Any, node: Any, frame: int) -> None:
    path, picture = file_at(node, frame), pull(node.input(0), frame)
    if picture is None:
        raise RuntimeError(f"{node.name()}: there is no input")
    if path.suffix != ".exr" or node["file_type"].value() != "exr":
        raise RuntimeError(f"{node.name()}: the fake writes exr only")
    if node["create_directories"].value():
        path.parent.mkdir(parents=True, exist_ok=True)
    if not path.parent.is_dir():
        raise RuntimeError(f"{node.name()}: {path}: the directory does not exist")
    names = [name for name in _wanted(node["channels"].value(), picture) if name in picture.planes]
    if not names:
        raise RuntimeError(f"{node.name()}: none of the channels are there")
    step = 2 if app.root["proxy"].value() else 1
    pixels = np.dstack([picture.planes[name][::step, ::step] for name in names])
    _encode(path, pixels, [_WRITTEN.get(name, name) for name in names], node)
    app.rendered.append(path.name)


def _wanted(mask: str, picture: Picture) -> list[str]:
    layers = {"rgb": [*RGBA[:3]], "rgba": [*RGBA], "alpha": ["rgba.alpha"], "all": []}
    if mask == "all":
        return sorted(picture.planes)
    return layers.get(mask) or [n for n in picture.planes if mask in (n, n.partition(".")[0])]


def _encode(path: Path, pixels: NDArray[np.float32], names: list[str], node: Any) -> None:
    height, width, count = pixels.shape
    kind = "float" if node["datatype"].value() == "32 bit float" else "half"
    spec = oiio.ImageSpec(width, height, count, kind)
    spec.channelnames = tuple(names)
    spec["compression"] = "none" if node["compression"].value() == "none" else "zip"
    output = oiio.ImageOutput.create(str(path))
    if not (output.open(str(path), spec) and output.write_image(pixels) and output.close()):
        raise RuntimeError(f"{node.name()}: {path} can't be written: {output.geterror()}")
