# SPDX-License-Identifier: Apache-2.0
"""The embedded network stays what its weights were trained for."""

from __future__ import annotations

import pytest
from torch import Tensor

from tests.parity.lite_checks import lite_error, lite_network, lite_numbers, lite_stages
from tests.parity.parity_checks import STAGE_TOLERANCE


@pytest.fixture(scope="module")
def ours() -> dict[str, Tensor]:
    return dict(lite_stages(lite_network()))


@pytest.mark.parametrize("name", sorted(lite_numbers()))
def test_stage(name: str, ours: dict[str, Tensor]) -> None:
    assert lite_error(name, ours[name]) < STAGE_TOLERANCE


def test_every_stage_is_compared(ours: dict[str, Tensor]) -> None:
    assert ours.keys() == lite_numbers().keys()
