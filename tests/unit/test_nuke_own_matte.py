# SPDX-License-Identifier: Apache-2.0
"""Mattes as a Read's own files: what the files hold, whether they are black, when they are sent."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import numpy as np
import OpenImageIO as oiio  # noqa: N813 - the name its own manual uses
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.nuke_fake.plugin import Session

SIZE = (12, 7)
again = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def file(path: Path, pixels: np.ndarray, names: str = "A", kind: str = "half", **tags: Any) -> Path:
    """A picture with a channel for each letter."""
    height, width = pixels.shape[:2]
    spec = oiio.ImageSpec(width, height, len(names), kind)
    spec.channelnames = tuple(names)
    spec["oiio:UnassociatedAlpha"] = 1
    for name, value in tags.items():
        if hasattr(spec, name):
            setattr(spec, name, value)
        else:
            spec[name] = value
    output = oiio.ImageOutput.create(str(path))
    assert output.open(str(path), spec), output.geterror()
    assert output.write_image(np.ascontiguousarray(pixels.reshape(height, width, -1)))
    output.close()
    return path


def drawn(random: np.random.Generator, names: str, size: tuple[int, int]) -> np.ndarray:
    """Noise; some channels are black, some all but for a pixel, some of one value."""
    planes = []
    for _ in names:
        plane = random.random(size[::-1], np.float32)
        how = random.integers(4)
        if how in (0, 1):
            plane[:] = 0
        if how == 1:
            plane[random.integers(size[1]), random.integers(size[0])] = 0.25
        if how == 2:
            plane[:] = random.choice([1.0, 0.5, 2.0])
        planes.append(plane)
    return np.dstack(planes)


@again
@given(
    seed=st.integers(0, 2**32),
    compression=st.sampled_from(["none", "zips", "zip"]),
    kind=st.sampled_from(["half", "float"]),
    names=st.sampled_from(["A", "RGBA", "RGB", "R"]),
    width=st.integers(1, 40),
    height=st.integers(1, 40),
)
def test_what_is_black_in_an_exr(
    session: Session, tmp_path: Path, seed: int, compression: str, kind: str, names: str,
    width: int, height: int,
) -> None:  # fmt: skip
    exr = session.part("exr")
    pixels = drawn(np.random.default_rng(seed), names, (width, height))
    data = file(tmp_path / "a.exr", pixels, names, kind, compression=compression).read_bytes()
    head = exr.header(data)
    assert (head.size, [*head.channels]) == ((width, height), sorted(names))
    for n, name in enumerate(names):
        assert exr.is_black(data, name) == (not pixels[..., n].any())
    assert exr.is_black(data) == (not pixels.any())


@again
@given(
    seed=st.integers(0, 2**32),
    kind=st.sampled_from(["uint8", "uint16"]),
    names=st.sampled_from(["Y", "YA", "RGB", "RGBA"]),
    width=st.integers(1, 40),
    height=st.integers(1, 40),
    rows=st.sampled_from(["none", "sub", "up", "average", "paeth"]),
)
def test_what_is_black_in_a_png(
    session: Session, tmp_path: Path, seed: int, kind: str, names: str, width: int, height: int,
    rows: str,
) -> None:  # fmt: skip
    png = session.part("png")
    pixels = np.minimum(drawn(np.random.default_rng(seed), names, (width, height)), 1)
    tags = {"png:filter": {"none": 8, "sub": 16, "up": 32, "average": 64, "paeth": 128}[rows]}
    data = file(tmp_path / "a.png", pixels, names, kind, **tags).read_bytes()
    head = png.header(data)
    assert (head.size, head.channels) == ((width, height), names)
    steps = 255 if kind == "uint8" else 65535
    stored = np.rint(pixels * steps)
    for n, name in enumerate(names):
        assert png.is_black(data, name) == (not stored[..., n].any())


def test_files_that_are_not_understood(session: Session, tmp_path: Path) -> None:
    """A clause says why; nothing else is raised, wherever a file is cut or changed."""
    exr, png = session.part("exr"), session.part("png")
    pixels = np.random.default_rng(1).random((16, 16, 4), np.float32)
    plain = file(tmp_path / "a.exr", pixels, "RGBA", compression="zip").read_bytes()
    for data, why in (
        (b"no picture", "no OpenEXR"),
        (file(tmp_path / "b.exr", pixels, "RGBA", tile_width=16, tile_height=16), "scanlines"),
        (file(tmp_path / "c.exr", pixels, "RGBA", "uint"), "half or float"),
        (file(tmp_path / "d.exr", pixels, "RGBA", compression="piz"), "compression"),
    ):
        with pytest.raises(ValueError, match=why):
            exr.is_black(data if isinstance(data, bytes) else data.read_bytes(), "A")
    whole = file(tmp_path / "a.png", pixels, "RGBA", "uint8").read_bytes()
    with pytest.raises(ValueError, match="no PNG"):
        png.header(plain)
    for part, data in ((exr, plain), (png, whole)):
        for size in range(len(data) - 1):
            with pytest.raises(ValueError, match=r"."):
                part.is_black(data[:size], "A")
        for at in range(0, len(data), 3):
            changed = data[:at] + bytes([data[at] ^ 255]) + data[at + 1 :]
            with contextlib.suppress(ValueError):
                part.is_black(changed, "A")


@again
@given(at=st.integers(8, 400), size=st.integers(-400, 400), kind=st.sampled_from(["half", "float"]))
def test_a_size_that_is_wrong_ends_nowhere(
    session: Session, tmp_path: Path, at: int, size: int, kind: str
) -> None:
    """Such as one below zero, which would lead back to where it was read."""
    pixels = np.ones((8, 8, 4), np.float32)
    data = file(tmp_path / "a.exr", pixels, "RGBA", kind, compression="zips").read_bytes()
    changed = data[:at] + size.to_bytes(4, "little", signed=True) + data[at + 4 :]
    with contextlib.suppress(ValueError):
        session.part("exr").is_black(changed, "A")


# When they are sent


def matte(session: Session, folder: Path, name: str, **knobs: Any) -> Any:
    """A Read of frames 1001 to 1003."""
    values = {"file": f"{folder}/{name}", "first": 1001, "last": 1003, **knobs}
    return session.nuke.nodes.Read(**values)


def sent(session: Session, read: Any, channel: str = "rgba.alpha", frame: int = 1001) -> Any:
    session.plugin._commands()
    dot = session.nuke.nodes.Dot(inputs=[read])
    return session.part("own_matte").own_matte(dot, channel, frame, SIZE)


@pytest.mark.parametrize(
    ("name", "names", "kind", "channel", "knobs"),
    [
        ("m.%04d.exr", "A", "half", "rgba.alpha", {}),
        ("m.####.exr", "RGBA", "float", "rgba.alpha", {"colorspace": "sRGB"}),
        ("m.%04d.exr", "R", "half", "rgba.red", {"colorspace": "linear"}),
        ("m.%04d.exr", "RGB", "half", "rgba.red", {"raw": True}),
        ("m.%d.png", "RGBA", "uint8", "rgba.alpha", {"premultiplied": True}),
        ("m.%04d.png", "YA", "uint16", "rgba.alpha", {}),
        ("m.%04d.png", "Y", "uint8", "rgba.red", {"raw": True}),
    ],
)
def test_a_file_is_sent_as_it_is(
    session: Session, tmp_path: Path, name: str, names: str, kind: str, channel: str, knobs: Any
) -> None:
    pixels = np.full((*SIZE[::-1], len(names)), 0.5, np.float32)
    one = file(tmp_path / f"m.1001{name[-4:]}", pixels, names, kind)
    found = sent(session, matte(session, tmp_path, name, **knobs), channel)
    assert (found.file, found.image.data, found.is_black) == (one, one.read_bytes(), False)
    assert found.image.format == name[-3:]
    read = matte(session, tmp_path, name, frame_mode="start at", frame="-1", **knobs)
    assert sent(session, read, channel, -1).file == one


@pytest.mark.parametrize(
    ("names", "kind", "channel", "knobs", "why"),
    [
        ("RGB", "half", "rgba.alpha", {}, "has no rgba.alpha"),
        ("RGBA", "half", "rgba.red", {"raw": True}, "not what the engine would take"),
        ("RGB", "half", "rgba.green", {"raw": True}, "not what the engine would take"),
        ("RGB", "half", "rgba.red", {"colorspace": "sRGB"}, "converts its colour"),
        ("RGBAZ", "half", "rgba.alpha", {}, "other channels"),
        ("A", "uint", "rgba.alpha", {}, "half or float"),
        ("A", "half", "rgba.alpha", {"disable": True}, "straight from a Read"),
        ("A", "half", "rgba.alpha", {"last": 1000, "first": 990}, "ends before frame 1001"),
        ("A", "half", "rgba.alpha", {"file": "/nowhere/m.%04d.exr"}, "can't be read"),
    ],
)
def test_what_has_to_be_rendered(
    session: Session, tmp_path: Path, names: str, kind: str, channel: str, knobs: Any, why: str
) -> None:
    file(tmp_path / "m.1001.exr", np.ones((*SIZE[::-1], len(names)), np.float32), names, kind)
    read = matte(session, tmp_path, "m.%04d.exr", on_error="black", **knobs)
    read.channels = lambda: [f"rgba.{n}" for n in ("red", "green", "blue", "alpha")]
    if "has no" in why:
        del read.channels
    with pytest.raises(ValueError, match=why):
        sent(session, read, channel)


def test_a_picture_that_is_not_the_plate(session: Session, tmp_path: Path) -> None:
    """Another size, or pixels outside of it, which Nuke may repeat at the edges."""
    ones = np.ones((*SIZE[::-1], 1), np.float32)
    read = matte(session, tmp_path, "m.%04d.exr")
    file(tmp_path / "m.1001.exr", ones[:-1])
    with pytest.raises(ValueError, match=r"12 x 6 pixels, the plate 12 x 7"):
        sent(session, read)
    file(tmp_path / "m.1001.exr", ones, full_width=20)
    with pytest.raises(ValueError, match="more or less than the picture"):
        sent(session, read)
    file(tmp_path / "m.1001.exr", ones, x=2, full_x=2)
    with pytest.raises(ValueError, match="more or less than the picture"):
        sent(session, read)
    (tmp_path / "m.1001.exr").write_bytes(b"II*\0")
    read.channels = lambda: ["rgba.alpha"]
    with pytest.raises(ValueError, match="neither EXR nor PNG"):
        sent(session, read)


def test_what_lies_between_has_to_be_rendered(session: Session, tmp_path: Path) -> None:
    file(tmp_path / "m.1001.exr", np.ones((*SIZE[::-1], 1), np.float32))
    read = matte(session, tmp_path, "m.%04d.exr")
    grade = session.nuke.nodes.Grade(inputs=[read])
    with pytest.raises(ValueError, match="straight from a Read"):
        sent(session, grade)
