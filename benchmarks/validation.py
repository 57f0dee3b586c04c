# SPDX-License-Identifier: Apache-2.0
"""``xmempp propagate`` on an annotated data set, scored, as a Markdown table.

    python -m benchmarks.validation DATASET -k 3 [-o OUT] [-- --model lite --device cpu]

DATASET holds ``JPEGImages/SEQ`` and ``Annotations/SEQ``. Of each sequence the masks of K evenly
spaced frames are given as references; the others are scored. What stands after ``--`` goes to
``xmempp propagate`` as it is. OUT keeps what was written, in ``OUT/k3/SEQ``. ``--every 3`` makes
fast shots of slow ones, ``--every -1`` plays them backwards.
"""

from __future__ import annotations

import argparse
import shlex
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.davis import DavisSequence, markdown, merge, open_dataset, paced
from engine_server.evaluation import Report, evaluate


def main() -> None:
    """Propagate, score, print a table for each K."""
    arguments = _parse(sys.argv[1:])
    sequences = open_dataset(arguments.dataset, arguments.sequences)
    with tempfile.TemporaryDirectory() as temporary:
        output = arguments.output or Path(temporary)
        if arguments.every != 1:
            frames = Path(temporary) / "frames"
            sequences = [paced(sequence, arguments.every, frames) for sequence in sequences]
        for k in arguments.k:
            start = time.perf_counter()
            reports = [
                score(sequence, k, output / f"k{k}" / sequence.name, arguments.propagate)
                for sequence in sequences
            ]
            seconds = time.perf_counter() - start
            print(
                f"\n{k} references, {seconds:.0f} s in all\n\n{markdown(merge(reports))}",
                flush=True,
            )


def score(sequence: DavisSequence, k: int, folder: Path, propagate: list[str]) -> Report:
    """Give ``k`` references of a sequence to the command, and score what it wrote.

    Args:
        sequence: frames and true masks.
        k: how many references.
        folder: gets the references and the output; must not exist.
        propagate: the command and its own options, without plate, masks and output.
    """
    painted = sequence.copy_masks(sequence.references(k), folder / "references")
    output = folder / "output"
    places = ["-v", str(sequence.plate), "-m", str(painted), "-o", str(output)]
    subprocess.run([*propagate, *places], check=True, stdout=sys.stderr)
    return evaluate(output / "masks", sequence.masks, skip=painted)


def _parse(words: list[str]) -> argparse.Namespace:
    own, options = words, []
    if "--" in words:
        at = words.index("--")
        own, options = words[:at], words[at + 1 :]
    parser = argparse.ArgumentParser(
        description="Score xmempp propagate on an annotated data set.",
        epilog="Options after -- go to xmempp propagate.",
    )
    parser.add_argument("dataset", type=Path, help="holds JPEGImages/SEQ and Annotations/SEQ")
    parser.add_argument("--sequences", nargs="+", default=[], help="which sequences (all)")
    parser.add_argument("-k", type=int, nargs="+", default=[3], help="references per sequence (3)")
    parser.add_argument(
        "--every", type=int, default=1, metavar="N",
        help="only each Nth frame; from the last one on if N is negative (1)",
    )  # fmt: skip
    parser.add_argument("-o", "--output", type=Path, help="keep what was written in this folder")
    parser.add_argument("--xmempp", default="xmempp", help="how to call the command (xmempp)")
    arguments = parser.parse_args(own)
    arguments.propagate = [*shlex.split(arguments.xmempp), "propagate", "--no-overlays", *options]
    return arguments


if __name__ == "__main__":
    main()
