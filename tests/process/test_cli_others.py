# SPDX-License-Identifier: Apache-2.0
"""The other commands, the help texts, and the way in."""

from __future__ import annotations

import argparse
import json
import socket
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from engine_server import __version__
from engine_server.cli import build_parser
from engine_server.commands import demo
from engine_server.network.weights import resolve
from tests.drawn import draw_shot, write_masks
from tests.process.conftest import Call

SHOT = draw_shot(3, objects=2)


def parsers() -> Iterator[argparse.ArgumentParser]:
    """The parser of every command, and of every action within."""
    waiting = [build_parser()]
    while waiting:
        parser = waiting.pop()
        yield parser
        for action in parser._actions:
            if isinstance(action, argparse._SubParsersAction):
                waiting.extend(action.choices.values())


@pytest.mark.parametrize("parser", list(parsers()), ids=lambda parser: parser.prog)
def test_help_tells_of_every_option(parser: argparse.ArgumentParser) -> None:
    text = " ".join(parser.format_help().split())
    for action in parser._actions:
        told = action.option_strings or action.choices or [str(action.metavar)]
        assert all(name in text for name in told)
        if not isinstance(action, argparse._SubParsersAction):
            assert action.help, f"{parser.prog} {action.dest} has no help text"


def test_every_command_has_its_place_and_the_asked_options() -> None:
    by_name = {parser.prog: parser.format_help() for parser in parsers()}
    asked = {
        "propagate": "-v -m -o --model --device --range --direction --size --overlays "
        "--no-overlays --soft --overwrite --json --debug",
        "suggest": "-v -m --mattes -k --alpha --min-mask-presence --json",
        "evaluate": "--predictions --ground-truth --skip-references --json",
        "weights": "list fetch verify",
        "doctor": "--json",
        "demo": "-o",
    }
    for command, options in asked.items():
        assert all(option in by_name[f"xmempp {command}"] for option in options.split())


def test_version_and_wrong_calls(xmempp: Call) -> None:
    assert xmempp("--version").out == f"xmempp {__version__}\n"
    for wrong in ([], ["juggle"], ["weights"], ["weights", "fetch", "lite"], ["propagate"]):
        ended = xmempp(*wrong)
        assert (ended.code, ended.out) == (2, "")
        assert "error: " in ended.err


def test_evaluate(tmp_path: Path, xmempp: Call) -> None:
    truth = write_masks(tmp_path / "truth", dict(enumerate(SHOT.labels, start=1001)))
    moved = [np.roll(label, 1, axis=1) for label in SHOT.labels]
    made = write_masks(tmp_path / "made", dict(enumerate(moved, start=1001)))
    skip = write_masks(tmp_path / "skip", {1001: SHOT.labels[0]})
    arguments = ["evaluate", "--predictions", made, "--ground-truth", truth]
    ended = xmempp(*arguments, "--skip-references", skip)
    assert ended.code == 0
    assert "J&F" in ended.out
    told = json.loads(xmempp(*arguments, "--json").out)
    assert 0.5 < told["j"] < 1
    assert xmempp(
        "evaluate", "--predictions", truth, "--ground-truth", truth, "--json"
    ).out.count("1.0")  # fmt: skip
    ended = xmempp("evaluate", "--predictions", tmp_path / "nowhere", "--ground-truth", truth)
    assert (ended.code, "nowhere" in ended.sentence) == (2, True)
    ended = xmempp("evaluate", "--predictions", skip, "--ground-truth", truth)
    assert "1002" in ended.sentence


def test_weights_list_and_verify(tmp_path: Path, xmempp: Call) -> None:
    listed = xmempp("weights", "list")
    assert listed.code == 0
    assert "lite" in listed.out
    assert "hkchengrex/XMem" in listed.out.replace("│", "").replace("\n", "").replace(" ", "")
    lite = resolve("lite")
    verified = xmempp("weights", "verify", lite)
    assert verified.code == 0
    assert "lite, " in verified.out
    assert "SHA-256" in verified.out
    cut = tmp_path / "cut.safetensors"
    cut.write_bytes(lite.read_bytes()[:100_000])
    ended = xmempp("weights", "verify", cut)
    assert (ended.code, "cut.safetensors" in ended.sentence) == (1, True)
    ended = xmempp("weights", "verify", tmp_path / "nowhere.pth")
    assert (ended.code, "nowhere.pth" in ended.sentence) == (2, True)


def test_a_picture_is_no_weights_file(tmp_path: Path, xmempp: Call) -> None:
    """And no one is told to load it in an unsafe way."""
    picture = tmp_path / "mask.png"
    Image.fromarray(SHOT.labels[0]).save(picture)
    ended = xmempp("weights", "verify", picture)
    assert (ended.code, "mask.png" in ended.sentence) == (1, True)
    assert "weights_only" not in ended.err


def test_fetching_offline_says_how_to_place_the_file_by_hand(
    xmempp: Call, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XMEMPP_CACHE", str(tmp_path / "cache"))
    with socket.socket() as closed:  # bound, but nobody listens
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}/XMem.pth"
        ended = xmempp("weights", "fetch", "xmem", "--url", url)
    assert ended.code == 1
    assert url in ended.sentence
    assert str(tmp_path / "cache" / "XMem.pth") in ended.sentence
    assert ended.out == ""


def test_doctor(xmempp: Call) -> None:
    ended = xmempp("doctor", "--json")
    found = {check["name"]: check for check in json.loads(ended.out)}
    assert ended.code == 0, [check for check in found.values() if not check["ok"]]
    assert {"python", "torch", "EXR", "DPX", "movie", "device"} <= set(found)
    table = xmempp("doctor")
    assert table.code == 0
    assert "OpenImageIO" in table.out


def test_demo(tmp_path: Path, xmempp: Call) -> None:
    out = tmp_path / "the demo"
    ended = xmempp("demo", "-o", out, "--model", "lite", "--size", "64")
    assert ended.code == 0, ended.err
    assert "J&F" in ended.out
    assert str(out / "contact_sheet.png") in ended.out
    for folder, ending in (("masks", "png"), ("overlays", "jpg")):
        made = sorted(path.name for path in (out / folder).iterdir())
        assert made == [f"plate.{frame}.{ending}" for frame in range(1001, 1049)]
    with Image.open(out / "contact_sheet.png") as sheet:
        assert min(sheet.size) > 100
    again = xmempp("demo", "-o", out, "--model", "lite", "--size", "64")
    assert (again.code, again.out) == (0, ended.out)


def test_demo_takes_no_folder_of_others(
    tmp_path: Path, xmempp: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "contact_sheet.png").write_text("mine")
    ended = xmempp("demo", "-o", out)
    assert (ended.code, str(out) in ended.sentence) == (2, True)
    assert ended.sentence.endswith("Choose another folder with -o.")
    assert [(path.name, path.read_text()) for path in out.iterdir()] == [
        ("contact_sheet.png", "mine")
    ]

    def stopped(*arguments: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(demo, "carry", stopped)
    (tmp_path / "new").mkdir()
    for _ in range(2):  # what was stopped can be begun anew
        assert xmempp("demo", "-o", tmp_path / "new").err.endswith("kept.\n")
    assert xmempp("demo", "-o", out / "contact_sheet.png").code == 1


def test_piped_tables_are_not_cut(tmp_path: Path, xmempp: Call) -> None:
    name = "sequence_" * 20
    truth = write_masks(tmp_path / "truth" / name, {1001: SHOT.labels[0]}).parent
    ended = xmempp("evaluate", "--predictions", truth, "--ground-truth", truth)
    assert name in ended.out
    assert any("https://" in line for line in xmempp("weights", "list").out.splitlines())
