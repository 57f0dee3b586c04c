# SPDX-License-Identifier: Apache-2.0
"""The fake host keeps the promises that real hosts are held to."""

from __future__ import annotations

import importlib
from types import ModuleType

import pytest

from ..hosts.scripts.host_contract import CHECKS
from .fake_host import FakeHost


class FakeStage:
    """A fake host, set up and looked at."""

    size = (36, 64)

    def __init__(self) -> None:
        self.host = FakeHost()

    def shared(self, name: str) -> ModuleType:
        return importlib.import_module(f"shared.{name}")

    def paint(self, name: str) -> None:
        self.host.strokes[self.host.frame] = {name: "painted"}

    def png(self) -> bytes:
        raise NotImplementedError("it takes raw mattes")

    def described(self, image: object) -> tuple[tuple[int, int], tuple[str, ...]]:
        raise NotImplementedError("it sends raw mattes")

    def marked(self) -> list[int]:
        return [*self.host.markers]

    def artists_marks(self) -> list[int]:
        return [1003]  # a fake host has no others

    def shown(self) -> set[tuple[int, int]]:
        return {*self.host.shown}


@pytest.mark.parametrize("name", CHECKS)
def test_a_promise(name: str) -> None:
    CHECKS[name](FakeStage())
