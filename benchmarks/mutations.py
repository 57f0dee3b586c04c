# SPDX-License-Identifier: Apache-2.0
"""Do the tests notice? Every constant and operator of network and memory, changed one by one.

    python -m benchmarks.mutations [-o RESULTS.jsonl] [--only memory/] [--markdown FILE]

Each mutant is one changed number, sign, comparison or operator in one module. It is checked
by what is quickest first: published settings, stages, the embedded network's stages, whole
sweeps of the parity clip, then the unit tests of network, memory and tracker. A mutant that
passes them all has survived: either no result depends on it, and `equivalent_mutants` says why,
or a test is missing and the exit code is 1. RESULTS keeps what is done; a later call goes on
there, and tries the unit tests again on what survived.

Needs ``os.fork`` (not Windows): a process that has the network and a table of all that the
true code asks it makes a child for each mutant, so that a sweep costs nothing until the
mutant's own results differ.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import signal
import sys
import time
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from benchmarks.equivalent_mutants import why_equivalent
from benchmarks.mutants import MODULES, ROOT, Mutant, in_place, mutants
from tests.parity import lite_checks, parity_checks

UNIT_TESTS = ("test_network_*.py", "test_memory_*.py", "test_tracker*.py")
TIME_LIMIT = 600  # seconds; a mutant may loop for ever


@dataclass
class Bench:
    """What the children share: the true networks and all that the true code asks of them."""

    raw: parity_checks.Remembering
    prepared: parity_checks.Remembering

    @classmethod
    def built(cls, *, with_table: bool) -> Bench:
        """Runs the true code once.

        Args:
            with_table: whether whole sweeps follow; mutants of the network do not need them.

        Raises:
            SystemExit: it does not pass.
        """
        remembering = parity_checks.Remembering
        bench = cls(remembering(parity_checks.stand_in_network()), remembering(_prepared()))
        failed = _parity_failure(bench) if with_table else _parity_failure_of_network()
        if failed := failed or _unit_failure():
            raise SystemExit(f"The unchanged code fails {failed}.")
        return bench


def _prepared() -> Any:
    """The published network with stand-in weights, as it runs."""
    from engine_server.network.inference import Runtime, prepare

    return prepare(parity_checks.stand_in_network(), Runtime(torch.device("cpu"), torch.float32))


def _parity_failure(bench: Bench) -> str:
    """The first parity check that fails where the network is the true one, or nothing."""
    return _failed_settings() or _failed_stages(bench.raw) or _failed_sweeps(bench.prepared, 32)


def _parity_failure_of_network() -> str:
    """The same where the network is not, so that each answer must be computed."""
    raw = parity_checks.stand_in_network()
    shapes = {name: list(tensor.shape) for name, tensor in raw.state_dict().items()}
    if shapes != parity_checks.manifest():
        return "settings"
    # what a sweep uses of the network it uses within the first frames
    return _failed_settings() or _failed_stages(raw) or _failed_sweeps(_prepared(), 8)


def _failed_settings() -> str:
    return "" if parity_checks.settings() == parity_checks.PUBLISHED else "settings"


def _failed_stages(network: Any) -> str:
    limit = parity_checks.STAGE_TOLERANCE
    for name, ours in parity_checks.stages(network):
        if not parity_checks.stage_error(name, ours) < limit:
            return "stages"
    for name, ours in lite_checks.lite_stages(lite_checks.lite_network()):
        if not lite_checks.lite_error(name, ours) < limit:
            return "stages"
    return ""


def _failed_sweeps(network: Any, frames: int) -> str:
    names = ("long_term", "two_objects", "one_object") if frames == 32 else ("two_objects",)
    passed = all(_passes(parity_checks.load_run(name), network, frames) for name in names)
    return "" if passed else "sweeps"


def _passes(run: parity_checks.Run, network: Any, frames: int) -> bool:
    steps = itertools.islice(parity_checks.sweep(run, network), frames)
    return all(_agrees(run, *step) for step in steps)


def _agrees(run: parity_checks.Run, frame: int, prob: Any, sizes: tuple[int, int, int]) -> bool:
    if sizes != run.sizes[frame]:
        return False
    theirs = run.prob.get(frame)
    if theirs is None:
        return True
    limit = parity_checks.RUN_TOLERANCE
    return prob.shape == theirs.shape and bool((prob - theirs).abs().max() < limit)


def _unit_failure() -> str:
    import pytest

    paths = [str(p) for pattern in UNIT_TESTS for p in sorted((ROOT / "tests/unit").glob(pattern))]
    # a plug-in of the project's settings may be missing where only this is run
    flags = ["-x", "-q", "-p", "no:cacheprovider", "-W", "ignore::pytest.PytestConfigWarning"]
    flags.append("--hypothesis-profile=quick")
    return "" if pytest.main([*flags, *paths]) == 0 else "unit tests"


def check(mutant: Mutant, bench: Bench, *, parity: bool) -> dict[str, Any]:
    """What notices the mutant, found out in a child process; ``parity``: by parity checks too."""
    start = time.perf_counter()
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        _check_in_child(mutant, bench, writing, parity=parity)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        answer = pipe.read()
    os.waitpid(child, 0)
    seconds = round(time.perf_counter() - start, 1)
    found = json.loads(answer) if answer else {"by": "time limit or crash", "error": ""}
    return {**asdict(mutant), **found, "seconds": seconds}


def _check_in_child(mutant: Mutant, bench: Bench, writing: int, *, parity: bool) -> None:
    signal.alarm(TIME_LIMIT)
    for stream in (1, 2):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream)
    answer = {"by": "", "error": ""}
    try:
        with in_place(mutant):
            answer["by"] = _failure(mutant, bench, parity=parity)
    except Exception as error:
        answer = {"by": "an error", "error": repr(error)[:200]}
    os.write(writing, json.dumps(answer).encode())
    os._exit(0)


def _failure(mutant: Mutant, bench: Bench, *, parity: bool) -> str:
    failed = ""
    if parity:
        network = _is_of_network(mutant)
        failed = _parity_failure_of_network() if network else _parity_failure(bench)
    return failed or _unit_failure()


def _is_of_network(mutant: Mutant) -> bool:
    return mutant.path.startswith("network/")


def _leave_numbers_alone() -> None:
    """Networks get all their numbers from a state; drawing random ones first takes as long."""
    for name in ("kaiming_uniform_", "kaiming_normal_", "uniform_"):
        setattr(torch.nn.init, name, lambda tensor, *_, **__: tensor)


def main() -> int:
    """Check all mutants, say which survived."""
    arguments = _parse(sys.argv[1:])
    torch.set_num_threads(1)  # a pool of threads does not survive a fork
    _leave_numbers_alone()
    todo = [m for module in MODULES for m in mutants(module) if arguments.only in m.path]
    _check_all(todo, arguments.output)
    done = _read(arguments.output)
    results = [done[_key(asdict(m))] for m in todo]
    if arguments.markdown:
        arguments.markdown.write_text(markdown(results))
    unexplained = [r for r in results if not r["by"] and not explanation(r)]
    print(f"{len(results)} mutants, {len(unexplained)} survived without a reason")
    return 1 if unexplained else 0


def _check_all(todo: list[Mutant], output: Path) -> None:
    """Checks what is not in the results yet, and again what survived."""
    done = _read(output)
    settled = {key for key, r in done.items() if r["by"] or explanation(r)}
    left = [m for m in todo if _key(asdict(m)) not in settled]
    if not left:
        return
    fresh = [m for m in left if _key(asdict(m)) not in done]
    bench = Bench.built(with_table=not all(map(_is_of_network, fresh)))
    with output.open("a") as file:
        for mutant in left:
            result = check(mutant, bench, parity=_key(asdict(mutant)) not in done)
            file.write(json.dumps(result) + "\n")
            file.flush()
            print(result["by"] or "SURVIVED", *_key(result), sep=" | ", flush=True)


def explanation(result: dict[str, Any]) -> str:
    """Why a mutant changes no result, or nothing."""
    file = Mutant(**{k: result[k] for k in Mutant.__dataclass_fields__}).path
    return why_equivalent(file, result["source"], result["what"])


def markdown(results: list[dict[str, Any]]) -> str:
    """A table of what noticed the mutants, by file, and the equivalent ones with reasons."""
    kinds = ("settings", "stages", "sweeps", "an error", "unit tests", "time limit or crash")
    files = dict.fromkeys(r["module"] for r in results)
    rows = ["| module | mutants | " + " | ".join(kinds) + " | no effect | survived |"]
    rows.append("| --- |" + " ---: |" * (len(kinds) + 3))
    for module in files:
        own = [r for r in results if r["module"] == module]
        by = Counter(r["by"] for r in own)
        excused = sum(1 for r in own if not r["by"] and explanation(r))
        cells = [len(own), *(by[kind] for kind in kinds), excused, by[""] - excused]
        rows.append(f"| `{module}` | " + " | ".join(map(str, cells)) + " |")
    rows += ["", "| no effect | change | why |", "| --- | --- | --- |"]
    for r in results:
        if not r["by"]:
            where = f"`{r['module'].rpartition('.')[2]}:{r['line']}`"
            rows.append(f"| {where} | {r['what']} | {explanation(r) or '**survived**'} |")
    return "\n".join(rows) + "\n"


def _key(result: dict[str, Any]) -> tuple[str, int, str, str, int]:
    return tuple(result[name] for name in ("module", "number", "what", "source", "column"))  # type: ignore[return-value]


def _read(path: Path) -> dict[tuple[str, int, str, str, int], dict[str, Any]]:
    if not path.is_file():
        return {}
    results = map(json.loads, path.read_text().splitlines())
    return {_key(result): result for result in results}


def _parse(words: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("-o", "--output", type=Path, default=Path("mutations.jsonl"))
    parser.add_argument("--only", default="", help="part of the modules' paths")
    parser.add_argument("--markdown", type=Path, help="where to write a table of the results")
    return parser.parse_args(words)


if __name__ == "__main__":
    sys.exit(main())
