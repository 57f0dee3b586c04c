# SPDX-License-Identifier: Apache-2.0
"""A sample of ``benchmarks/mutations.py``: one wrong constant, and the parity numbers say so.

The script changes every constant and operator of network, memory and tracker; these are the
ones that make the network what it is, and those that a stage can tell.
"""

from __future__ import annotations

import pytest

from benchmarks.mutants import Mutant, in_place, mutants
from tests.parity import lite_checks, parity_checks
from tests.parity.parity_checks import STAGE_TOLERANCE, Remembering

# module, what stands on the line, the change
OF_MEMORY = [
    ("memory.readout", "key.shape[1] ** 0.5", "0.5 -> 0.505"),
    ("memory.readout", "key.shape[1] ** 0.5", "Div -> Mult"),
    ("memory.readout", "2 * weighted", "2 -> 3"),
    ("memory.readout", "key.square() * scaled", "Mult -> Div"),
]
OF_NETWORK = [
    ("network.config", "mean=(0.485, 0.456, 0.406)", "0.485 -> 0.48985"),
    ("network.config", "std=(0.229, 0.224, 0.225)", "0.225 -> 0.22725"),
    ("network.encoders", "d.float().square() + 1", "1 -> 2"),
    ("network.encoders", "masks.sum(1, keepdim=True) - masks", "Sub -> Add"),
    ("network.blocks", "* hidden * (1 - update)", "1 -> 2"),
    ("network.blocks", "g + self.attention(g)", "Add -> Sub"),
    ("network.blocks", 'mode="bilinear", align_corners=False', "False -> True"),
    ("network.decoder", 'mode="bilinear", align_corners=False', "False -> True"),
    ("network.xmem", "torch.prod(1 - prob", "Sub -> Add"),
]
OF_SETTINGS = [
    ("network.config", "memory_every: int = 10", "10 -> 11"),
    ("network.config", "prototypes: int = 128", "128 -> 127"),
    ("network.config", "max_long_term: int = 10_000", "10000 -> 10001"),
    ("network.config", "top_k: int | None = 30", "30 -> 31"),
    ("network.xmem", "clamp(1e-7, 1 - 1e-7)", "1e-07 -> 1e-06"),
]


def stages_fail(network: object) -> bool:
    errors = (parity_checks.stage_error(*stage) for stage in parity_checks.stages(network))
    return any(not error < STAGE_TOLERANCE for error in errors)


def changed(module: str, source: str, change: str) -> list[Mutant]:
    """The mutants of that description: one or two, where a line holds a number twice."""
    found = [
        mutant
        for mutant in mutants(f"engine_server.{module}")
        if source in mutant.source and mutant.what == change
    ]
    assert found, "the code has changed: take another sample"
    return found


@pytest.fixture(scope="module")
def remembering(network: object) -> Remembering:
    return Remembering(network)


def test_unchanged_code_passes(remembering: Remembering) -> None:
    with in_place(None):
        assert not stages_fail(remembering)


@pytest.mark.parametrize(("module", "source", "change"), OF_MEMORY)
def test_memory(module: str, source: str, change: str, remembering: Remembering) -> None:
    for mutant in changed(module, source, change):
        with in_place(mutant):
            assert stages_fail(remembering)


@pytest.mark.parametrize(("module", "source", "change"), OF_NETWORK)
def test_network(module: str, source: str, change: str) -> None:
    for mutant in changed(module, source, change):
        with in_place(mutant):
            assert stages_fail(parity_checks.stand_in_network())


@pytest.mark.parametrize(("module", "source", "change"), OF_SETTINGS)
def test_settings(module: str, source: str, change: str) -> None:
    for mutant in changed(module, source, change):
        with in_place(mutant):
            assert parity_checks.settings() != parity_checks.PUBLISHED


def test_embedded_network() -> None:
    for mutant in changed("network.blocks", "nn.Linear(width, width // 8)", "FloorDiv -> Mult"):
        with in_place(mutant), pytest.raises((RuntimeError, KeyError)):
            dict(lite_checks.lite_stages(lite_checks.lite_network()))


def test_modules_are_themselves_again_afterwards() -> None:
    import engine_server.memory.readout as before

    with in_place(changed(*OF_MEMORY[0])[0]):
        import engine_server.memory.readout as within
    import engine_server.memory.readout as after

    assert within is not before
    assert after is before
