# SPDX-License-Identifier: Apache-2.0
"""The parsers of all commands; what a command does is only loaded when it runs."""

from __future__ import annotations

import argparse
import re
from pathlib import Path
from typing import Any

__all__ = ["add_parsers"]

INPUT_SPACES = ("auto", "linear", "srgb", "log", "acescg", "aces2065")


def add_parsers(commands: Any, common: argparse.ArgumentParser) -> None:
    """Adds every command; its ``action`` is the module and function that does it."""
    for add in (add_propagate, add_suggest, add_evaluate, add_weights, add_doctor, add_demo):
        add(commands, common)
    add_workspace(commands, common)
    add_serve(commands, common)


def add_shot_options(parser: argparse.ArgumentParser) -> None:
    """``-v PLATE -m MASKS`` and how the plate is read."""
    shot = parser.add_argument_group("the shot")
    shot.add_argument(
        "-v",
        "--video",
        required=True,
        metavar="PLATE",
        help="folder of frames, pattern (plate.%%04d.exr, plate.####.dpx) or movie file; JPEG, "
        "PNG, TIFF, EXR, DPX",
    )
    shot.add_argument(
        "-m",
        "--masks",
        required=True,
        type=Path,
        metavar="MASKS",
        help="folder of painted masks, each named like its plate frame; all of them are "
        "references. Palette, grey, RGB or alpha; several objects by index or colour, or a "
        "folder for each object",
    )
    shot.add_argument(
        "--input-space",
        choices=INPUT_SPACES,
        default="auto",
        help="colour space of the plate; auto trusts the file (default: %(default)s)",
    )
    shot.add_argument(
        "--exposure", type=float, default=0.0, metavar="STOPS", help="for a dark or bright plate"
    )


def add_model_options(parser: argparse.ArgumentParser) -> None:
    """Which network, where, how large."""
    model = parser.add_argument_group("the network")
    model.add_argument(
        "--model",
        metavar="lite|lite-permissive|xmem|FILE",
        help="weights by name or file (default: xmem where fetched, else lite)",
    )
    model.add_argument(
        "--device",
        default="auto",
        metavar="auto|cpu|cuda|mps",
        help="where it computes (default: the best present)",
    )
    model.add_argument(
        "--precision",
        default="auto",
        choices=("auto", "int8", "bfloat16", "float32"),
        help="number format (default: the quickest of this device); float32 where different "
        "machines of a farm are to give the same mattes, but for rounding",
    )
    model.add_argument(
        "--size",
        type=int,
        default=480,
        metavar="PIXELS",
        help="short side of the frame as the network sees it; lite spends as many pixels on "
        "the part where the objects are (default: %(default)s)",
    )
    model.add_argument(
        "--threads",
        type=int,
        metavar="N",
        help="processor threads (default: OMP_NUM_THREADS, else all that the job may use)",
    )


def frame_range(text: str) -> tuple[int, int]:
    """``1001-1100`` or ``1001`` -> first and last frame, both included."""
    match = re.fullmatch(r"(-?\d+)(?:-(-?\d+))?", text.strip())
    if match is None:
        raise argparse.ArgumentTypeError(f"{text!r} is no frame range such as 1001-1100")
    first = int(match[1])
    last = int(match[2]) if match[2] else first
    if last < first:
        raise argparse.ArgumentTypeError(f"{text!r} ends before it begins")
    return first, last


def seconds(text: str) -> float:
    """A time above 0."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is no number of seconds above 0")
    return value


def add_propagate(commands: Any, common: argparse.ArgumentParser) -> None:
    """``xmempp propagate``."""
    parser = commands.add_parser(
        "propagate",
        parents=[common],
        help="carry painted masks through a shot",
        description="Carries painted masks through a shot. Every mask in MASKS is a reference; "
        "frame numbers and file names are those of the plate.",
        epilog="writes OUT/masks/STEM.png, OUT/overlays/STEM.jpg, OUT/confidence.csv, and with "
        "--soft OUT/soft/OBJECT/STEM.png. Example: xmempp propagate -v plate.%04d.exr -m masks "
        "-o out --soft",
    )
    add_shot_options(parser)
    _add_sweep_options(parser)
    _add_result_options(parser)
    add_model_options(parser)
    parser.set_defaults(action="propagate:run")


def _add_sweep_options(parser: argparse.ArgumentParser) -> None:
    """Which frames, in which order, with what evidence."""
    sweep = parser.add_argument_group("the propagation")
    sweep.add_argument(
        "--range",
        type=frame_range,
        metavar="FIRST-LAST",
        help="only these frames, such as 1001-1100 (--range=-8-100 with a minus first); "
        "references outside still count",
    )
    sweep.add_argument(
        "--direction",
        choices=("forward", "backward", "both"),
        default="forward",
        help="both goes outward from each reference (default: %(default)s)",
    )
    sweep.add_argument(
        "--flow",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="weigh in painted mattes carried by optical flow (default: yes)",
    )


def _add_result_options(parser: argparse.ArgumentParser) -> None:
    """What is written, and where."""
    out = parser.add_argument_group("results")
    out.add_argument("-o", "--output", required=True, type=Path, metavar="OUT", help="folder")
    out.add_argument(
        "--adapt",
        type=seconds,
        metavar="SECONDS",
        help="take so long to fit the network to what is painted, two frames or more; it is used "
        "only where painted frames left out of the fit come out better (default: no)",
    )
    out.add_argument(
        "--overlays",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="pictures of the plate with the mattes drawn in (default: yes)",
    )
    out.add_argument("--soft", action="store_true", help="16-bit mattes for each object")
    out.add_argument("--overwrite", action="store_true", help="replace results that are there")
    out.add_argument("--json", action="store_true", help="print what was done as JSON")


def add_suggest(commands: Any, common: argparse.ArgumentParser) -> None:
    """``xmempp suggest``."""
    parser = commands.add_parser(
        "suggest",
        parents=[common],
        help="tell which frames to paint next",
        description="Tells which frames to paint next, best first: those that look least like "
        "every painted frame where the object is (XMem++, section 3.3).",
        epilog="Example: xmempp suggest -v plate -m masks --mattes out/masks -k 3",
    )
    add_shot_options(parser)
    choice = parser.add_argument_group("the choice")
    choice.add_argument(
        "--mattes",
        type=Path,
        metavar="OUT/masks",
        help="results of `xmempp propagate`; without them the masks are carried through first",
    )
    choice.add_argument("-k", type=int, default=5, help="how many frames (default: %(default)s)")
    choice.add_argument(
        "--alpha",
        type=float,
        default=0.5,
        help="0 compares whole frames, 1 only the object (default: %(default)s)",
    )
    choice.add_argument(
        "--min-mask-presence",
        type=float,
        default=0.25,
        metavar="PERCENT",
        help="pass over frames with less of the object than this (default: %(default)s)",
    )
    choice.add_argument("--json", action="store_true", help="print the frames as JSON")
    add_model_options(parser)
    parser.set_defaults(action="suggest:run")


def add_evaluate(commands: Any, common: argparse.ArgumentParser) -> None:
    """``xmempp evaluate``."""
    parser = commands.add_parser(
        "evaluate",
        parents=[common],
        help="measure masks against the truth",
        description="Measures masks against the truth: J (mean IoU), F (the DAVIS boundary "
        "measure, tolerance 0.008 of the diagonal) and their mean, for each object, each "
        "sequence and in all. Labels are matched by index.",
        epilog="DIR holds masks, or one folder of masks for each sequence.",
    )
    parser.add_argument(
        "--predictions", required=True, type=Path, metavar="DIR", help="the masks to measure"
    )
    parser.add_argument(
        "--ground-truth", required=True, type=Path, metavar="DIR", help="the masks that are right"
    )
    parser.add_argument(
        "--skip-references",
        type=Path,
        metavar="MASKS",
        help="leave out the frames that have a mask there: they were given, not predicted",
    )
    parser.add_argument("--json", action="store_true", help="print the scores as JSON")
    parser.set_defaults(action="evaluate:run")


def add_weights(commands: Any, common: argparse.ArgumentParser) -> None:
    """``xmempp weights``."""
    parser = commands.add_parser(
        "weights",
        parents=[common],
        help="list, fetch or verify weights",
        description="Lists, fetches or verifies the weights of the network.",
    )
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    known = actions.add_parser(
        "list", parents=[common], help="weights with a name, and their terms"
    )
    known.set_defaults(action="weights:run_list")
    get = actions.add_parser("fetch", parents=[common], help="download published weights, once")
    get.add_argument("name", choices=["xmem"], help="which weights")
    get.add_argument("--url", help="another place to take them from, such as a studio's mirror")
    get.set_defaults(action="weights:run_fetch")
    check = actions.add_parser("verify", parents=[common], help="tell what a weights file is")
    check.add_argument("file", type=Path, metavar="FILE", help="a .pth or .safetensors file")
    check.set_defaults(action="weights:run_verify")


def add_doctor(commands: Any, common: argparse.ArgumentParser) -> None:
    """``xmempp doctor``."""
    parser = commands.add_parser(
        "doctor",
        parents=[common],
        help="examine this machine",
        description="Examines this machine: Python, libraries, device, memory, weights, and "
        "whether EXR, DPX and movies can really be read. Exit code 1 if something is amiss.",
    )
    parser.add_argument("--json", action="store_true", help="print the findings as JSON")
    parser.set_defaults(action="doctor:run")


def add_demo(commands: Any, common: argparse.ArgumentParser) -> None:
    """``xmempp demo``."""
    parser = commands.add_parser(
        "demo",
        parents=[common],
        help="carry three painted masks through the sample shot",
        description="Carries three painted masks through the sample shot (48 EXR frames, two "
        "objects), draws overlays and a contact sheet, and measures J&F against the exact "
        "alpha of the render.",
    )
    parser.add_argument(
        "-o", "--output", type=Path, default=Path("demo"), metavar="DIR", help="default: demo"
    )
    add_model_options(parser)
    parser.set_defaults(action="demo:run")


def add_workspace(commands: Any, common: argparse.ArgumentParser) -> None:
    """``xmempp workspace``."""
    parser = commands.add_parser(
        "workspace",
        parents=[common],
        help="list, check, repair or tidy up projects",
        description="Looks after the projects that `xmempp serve` keeps: one folder for each "
        "clip, with everything painted, every matte, and the log for undo.",
    )
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument(
        "--workspace",
        type=Path,
        metavar="DIR",
        help="folder of projects (default: XMEMPP_WORKSPACE, else one in the user's data folder)",
    )
    shared.add_argument("--json", action="store_true", help="print JSON")
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    for name, about in (
        ("list", "all projects"),
        ("info", "what a project holds"),
        ("verify", "is every file there and what was written; exit code 1 if not"),
        ("repair", "mend a damaged project; what is whole is kept"),
        ("gc", "delete what no undo step can reach, and caches"),
    ):
        action = actions.add_parser(name, parents=[common, shared], help=about)
        if name != "list":
            action.add_argument("project", metavar="PROJECT", help="name or folder of a project")
        if name == "gc":
            action.add_argument(
                "--keep-undo", type=int, metavar="N", help="forget undo steps before the last N"
            )
        action.set_defaults(action=f"workspace:run_{name}")


def add_serve(commands: Any, common: argparse.ArgumentParser) -> None:
    """``xmempp serve``."""
    parser = commands.add_parser(
        "serve",
        parents=[common],
        help="run as an engine for plugins and scripts",
        description="Runs as an engine for plugins and scripts (docs/protocol.md). Clients find it "
        "by its connection file. Every edit is on disk before it is confirmed.",
    )
    parser.add_argument(
        "--bind",
        default="tcp://127.0.0.1:*",
        metavar="ADDRESS",
        help="where to listen (default: %(default)s)",
    )
    parser.add_argument(
        "--workspace",
        type=Path,
        metavar="DIR",
        help="folder of projects (default: XMEMPP_WORKSPACE, else one in the user's data folder)",
    )
    parser.add_argument(
        "--connection-file",
        type=Path,
        metavar="FILE",
        help="tells clients address and key (default: .engine.json in the workspace)",
    )
    parser.add_argument(
        "--allow-export",
        type=Path,
        action="append",
        default=[],
        metavar="DIR",
        help="clients may export results into this folder, too; may be given several times",
    )
    parser.add_argument(
        "--curve",
        action="store_true",
        help="encrypt the connection; a must for addresses that other machines can reach",
    )
    parser.add_argument(
        "--device", default="auto", metavar="auto|cpu|cuda|mps", help="where it computes"
    )
    parser.add_argument("--threads", type=int, metavar="N", help="processor threads")
    parser.add_argument(
        "--parent-pid", type=int, default=0, metavar="N", help="end when this process ends"
    )
    parser.add_argument(
        "--with-parent", action="store_true", help="end when the standard input ends"
    )
    parser.set_defaults(action="serve:run")
