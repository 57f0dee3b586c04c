# SPDX-License-Identifier: Apache-2.0
"""The stand-in network, built once for all parity tests."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import pytest
import torch

from engine_server.network import XMem
from engine_server.network.inference import Runtime, prepare
from tests.parity.parity_checks import Remembering, stand_in_network


@pytest.fixture(scope="module", autouse=True)
def _two_threads() -> Iterator[None]:
    """The published network is large enough to be worth two threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def network() -> XMem:
    """The published network with stand-in weights, as it is loaded."""
    return stand_in_network()


@pytest.fixture(scope="session")
def prepared(network: XMem) -> Any:
    """The same, as it runs: norms folded, channels last, float32, nothing computed twice."""
    runtime = Runtime(torch.device("cpu"), torch.float32)
    return Remembering(prepare(copy.deepcopy(network), runtime))
