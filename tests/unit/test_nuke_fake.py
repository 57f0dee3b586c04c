# SPDX-License-Identifier: Apache-2.0
"""The fake Nuke: no name that the stubs lack, and as strict as the real one is known to be."""

from __future__ import annotations

import ast
import importlib.util
import inspect
import threading
from pathlib import Path
from types import ModuleType

import numpy as np
import OpenImageIO as oiio  # noqa: N813 - the name its own manual uses
import pytest

from tests.nuke_fake import App, make_module
from tests.nuke_fake.render import channel_name, pull
from tests.nuke_fake.tcl import interpreter


def stubs() -> tuple[set[str], dict[str, set[str]]]:
    """Names of the module, and of each class with what it inherits."""
    spec = importlib.util.find_spec("nuke-stubs")
    assert spec is not None
    assert spec.submodule_search_locations is not None
    names: set[str] = set()
    own: dict[str, tuple[list[str], set[str]]] = {}
    for path in Path(spec.submodule_search_locations[0]).glob("*.pyi"):
        for node in ast.parse(path.read_text("utf-8")).body:
            if isinstance(node, ast.ClassDef):
                bases = [base.id for base in node.bases if isinstance(base, ast.Name)]
                members = {m.name for m in node.body if isinstance(m, ast.FunctionDef)}
                own[node.name] = bases, members
            names |= {
                getattr(node, "name", ""),
                getattr(getattr(node, "target", None), "id", ""),
            }

    def whole(name: str) -> set[str]:
        bases, members = own.get(name, ([], set()))
        return members.union(*map(whole, bases))

    return names, {name: whole(name) for name in own}


def test_it_has_no_name_that_the_stubs_lack() -> None:
    names, classes = stubs()
    module = make_module(App(gui=True))
    public = {name for name in vars(module) if not name.startswith("__")}
    assert public - names == set()
    for name in public:
        cls = getattr(module, name)
        if inspect.isclass(cls) and not issubclass(cls, Exception):
            methods = {m for m, _ in inspect.getmembers(cls, callable) if not m.startswith("_")}
            assert methods - classes[name] == set(), name


@pytest.fixture
def app() -> App:
    return App(gui=True)


@pytest.fixture
def nuke(app: App) -> ModuleType:
    return make_module(app)


@pytest.mark.parametrize(
    ("name", "channel"),
    [
        ("R", "rgba.red"),
        ("A", "rgba.alpha"),
        ("object_01.A", "object_01.alpha"),
        ("01_hero.alpha", "_hero.alpha"),
        ("hero-left.alpha", "hero_left.alpha"),
        ("0.Y", "rgba.red"),
        ("hero.alpha", "hero.alpha"),
    ],
)
def test_names_of_channels(name: str, channel: str) -> None:
    assert channel_name(name) == channel


def test_what_is_refused(nuke: ModuleType) -> None:
    copy, write = nuke.nodes.Copy(), nuke.nodes.Write()
    for wrong in (
        lambda: nuke.nodes.Nothing(),
        lambda: copy["nothing"],
        lambda: copy["from0"].setValue("hero.alpha"),
        lambda: write["datatype"],
        lambda: write["file_type"].setValue("jpg"),
        lambda: write["file"].setValue(5),
        lambda: copy.setInput(5, write) or 1 / 0,
        lambda: nuke.executeInMainThreadWithResult(print),
        lambda: nuke.frame(1.5),
    ):
        with pytest.raises(
            (AttributeError, NameError, ValueError, TypeError, RuntimeError, ZeroDivisionError)
        ):
            wrong()


def test_nodes_belong_to_the_main_thread(nuke: ModuleType) -> None:
    node, caught = nuke.nodes.Dot(), []

    def touch() -> None:
        try:
            node["label"].setValue("x")
        except RuntimeError as error:
            caught.append(error)

    thread = threading.Thread(target=touch)
    thread.start()
    thread.join()
    assert caught


def test_a_deleted_node_is_not_attached(nuke: ModuleType) -> None:
    node = nuke.nodes.Dot()
    nuke.delete(node)
    with pytest.raises(ValueError, match="not attached"):
        node.name()
    nuke.undo()
    assert node.name() == "Dot1"


def test_knob_changed_only_while_the_panel_is_open(nuke: ModuleType) -> None:
    node, seen = nuke.nodes.Switch(), []
    nuke.addKnobChanged(lambda: seen.append(nuke.thisKnob().name()))
    node["which"].setValue(1)
    node.showControlPanel()
    node["which"].setValue(2)
    assert seen == ["which"]


def test_a_write_honours_channels_directories_and_proxy(nuke: ModuleType, tmp_path: Path) -> None:
    roto = nuke.nodes.Roto()
    roto._painted[5, "rgba.alpha"] = np.ones((36, 64), np.float32)
    out = tmp_path / "deep" / "m.####.exr"
    write = nuke.nodes.Write(inputs=[roto], file=str(out), file_type="exr")
    with pytest.raises(RuntimeError, match="directory"):
        nuke.execute(write, 5, 5)
    write["create_directories"].setValue(True)
    with pytest.raises(RuntimeError, match="channels"):  # rgb is the default
        nuke.execute(write, 5, 5)
    write["channels"].setValue("alpha")
    nuke.root()["proxy"].setValue(True)
    nuke.execute(write, 5, 5)
    spec = oiio.ImageInput.open(str(tmp_path / "deep" / "m.0005.exr")).spec()
    assert (spec.width, spec.height, spec.channelnames) == (32, 18, ("A",))


@pytest.mark.skipif(not importlib.util.find_spec("tkinter"), reason="install python3-tk")
def test_a_script_is_tcl_and_comes_back(nuke: ModuleType, app: App, tmp_path: Path) -> None:
    group = nuke.nodes.Group(name="G")
    group.addKnob(nuke.String_Knob("odd", "O"))
    group["odd"].setValue('{"a": ["b } $c \\ [d]"]}')
    group.addKnob(nuke.Double_Knob("curve"))
    group["curve"].setAnimated()
    for frame in (1001, 1005):
        group["curve"].setValueAt(frame / 1000, frame)
    nuke.Layer("hero", ["hero.alpha"])
    with group:
        plate = nuke.nodes.Input(name="plate")
        copy = nuke.nodes.Copy(inputs=[plate, plate], from0="hero.alpha", to0="hero.alpha")
        nuke.nodes.Output(inputs=[copy])
    path = tmp_path / "x.nk"
    nuke.scriptSaveAs(str(path))
    assert interpreter().call("info", "complete", path.read_text("utf-8"))
    nuke.scriptOpen(str(path))
    again = nuke.toNode("G")
    assert again is not group
    assert again["odd"].value() == '{"a": ["b } $c \\ [d]"]}'
    assert again["curve"].getKeyList() == [1, 1001, 1005]  # the first by setAnimated
    assert again["curve"].getValueAt(1003) == pytest.approx(1.003)
    copy = again.node("Copy1")
    assert [copy.input(i).name() for i in (0, 1)] == ["plate", "plate"]
    assert copy["from0"].value() == "hero.alpha"
    assert pull(again, 1) is None
