# SPDX-License-Identifier: Apache-2.0
"""Does the plugin work in this Nuke? For ``nuke -t``, without windows.

    nuke -t smoke.py PLATE MATTE FIRST LAST [CONNECTION_FILE]

PLATE is a sequence (``/shots/plate.%04d.exr``), MATTE one whose red channel is the matte of an
object, at least at FIRST. Without a connection file the engine is started. It prints a line
for each thing that works, and ends with 1 at the first that does not.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import nuke
import xmempp_nuke

__all__ = ["main", "steps"]


def main(words: list[str]) -> int:
    """Runs the steps; the exit code."""
    if len(words) not in (4, 5):
        sys.stdout.write(f"{__doc__}\n")
        return 2
    with tempfile.TemporaryDirectory(prefix="xmempp-smoke-") as folder:
        try:
            for step in steps(Path(folder), *words):
                sys.stdout.write(f"ok      {step}\n")
        except Exception as error:  # whatever it is, it is what this script is for
            sys.stdout.write(f"FAILED  {type(error).__name__}: {error}\n")
            return 1
    sys.stdout.write("XMem++ works in this Nuke\n")
    return 0


def steps(
    folder: Path, plate: str, matte: str, first: str, last: str, engine: str = ""
) -> Iterator[str]:
    """Does one thing after the other, and tells what was done."""
    script = folder / "smoke.nk"
    nuke.scriptSaveAs(str(script), 1)
    node = _node(plate, matte, int(first), int(last))
    yield f"{node.name()} with {len(node.knobs())} knobs"
    if engine:
        node["connection_file"].setValue(engine)
    xmempp_nuke.run(node, "engine_connect" if engine else "engine_start")
    yield f"engine: {node['state'].value()}"
    yield from _paint(node, int(first))
    yield from _render(node, folder, int(last), "first")
    nuke.scriptSaveAs(str(script), 1)
    xmempp_nuke.run(node, "engine_stop")
    name = node.name()
    nuke.scriptOpen(str(script))
    again = nuke.toNode(name)
    if not isinstance(again, nuke.Group):
        raise RuntimeError(f"{name} is not in the saved script")
    yield from _render(again, folder, int(last), "again")


def _node(plate: str, matte: str, first: int, last: int) -> nuke.Group:
    node = xmempp_nuke.create()
    for number, file in enumerate((plate, matte)):
        read = nuke.nodes.Read(file=file, first=first, last=last)
        node.setInput(number, nuke.nodes.Dot(inputs=[read]))
    for knob, value in (("range", "custom"), ("first", first), ("last", last)):
        node[knob].setValue(value)
    return node


def _paint(node: nuke.Group, frame: int) -> Iterator[str]:
    """The artist's work: an object, a reference, mattes, candidates."""
    xmempp_nuke.run(node, "clip_open")
    yield f"shot: {node['state'].value()}"
    xmempp_nuke.run(node, "object_add", name="01 hero", source="matte:rgba.red")
    nuke.frame(frame)
    xmempp_nuke.run(node, "reference_add")
    yield f"reference: {node['reference'].value()}, {node['sent_as'].value()}"
    xmempp_nuke.run(node, "propagate")
    yield f"mattes: {node['message'].value() or 'all frames'}"
    xmempp_nuke.run(node, "suggest")
    yield f"candidates: keys at {[int(key) for key in node['candidates'].getKeyList()]}"


def _render(node: nuke.Group, folder: Path, frame: int, name: str) -> Iterator[str]:
    """What a node downstream sees: the layer is there and can be rendered."""
    if "object_01_hero.alpha" not in node.channels():
        raise RuntimeError(f"{node.name()} has no layer, but {node.channels()}")
    file = folder / f"{name}.exr"
    write = nuke.nodes.Write(inputs=[node], file=str(file), file_type="exr", channels="all")
    nuke.execute(write, frame, frame, 1)
    nuke.delete(write)
    yield f"render of frame {frame}, {file.stat().st_size} bytes"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
