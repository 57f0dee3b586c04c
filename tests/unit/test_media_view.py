# SPDX-License-Identifier: Apache-2.0
"""The view transform: no value may wrap, crash or turn over."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from engine_server.media.view import INPUT_SPACES, ViewTransform, scene_to_display
from shared.errors import UsageError

FLOATS = npst.arrays(np.float32, (2, 3, 3), elements=st.floats(width=32, allow_subnormal=True))


def show(values: list[float], encoding: str = "linear", **options: float) -> list[int]:
    pixels = np.repeat(np.array([values], np.float32)[..., None], 3, axis=2)
    shown = ViewTransform(**options).apply(pixels, encoding)  # type: ignore[arg-type]
    assert shown.dtype == np.uint8
    assert shown.shape == pixels.shape
    return [int(value) for value in shown[0, :, 1]]


def test_values_that_wrapped_elsewhere() -> None:
    hostile = [float("nan"), float("-inf"), -1.0, -0.0, 0.0, 1e-30, float("inf"), 1e38]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert show(hostile) == [0, 0, 0, 0, 0, 0, 255, 255]


def test_below_the_knee_is_the_srgb_curve() -> None:
    light = np.array([0.0, 0.001, 0.0031308, 0.18, 0.5, 0.7])
    curve = np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055)
    assert np.allclose(scene_to_display(light), curve, atol=1e-12)
    assert show([0.18]) == [118]


def test_highlights_keep_their_detail() -> None:
    shown = show([0.7, 1.0, 2.0, 4.0, 16.0])
    assert shown == sorted(set(shown)), "each step of light must still be a step on screen"
    assert shown[1] < 245
    assert shown[-1] <= 255


def test_the_curve_never_turns_over() -> None:
    light = np.linspace(-1.0, 100.0, 200_001)
    shown = scene_to_display(light)
    assert (np.diff(shown) >= 0).all()
    assert shown.min() == 0.0
    assert shown.max() < 1.0


def test_the_knee_has_no_kink() -> None:
    below, at, above = scene_to_display(np.array([0.7 - 1e-6, 0.7, 0.7 + 1e-6]))
    assert np.isclose(at - below, above - at, rtol=1e-3)


def test_exposure_is_in_stops() -> None:
    assert show([0.1, 0.05], exposure=1.0) == show([0.2, 0.1])
    assert show([0.4], exposure=-2.0) == show([0.1])
    assert show([float("nan"), float("inf"), -3.0], exposure=20.0) == [0, 255, 0]


def test_8_bit_srgb_passes_untouched() -> None:
    pixels = np.arange(48, dtype=np.uint8).reshape(4, 4, 3)
    assert ViewTransform().apply(pixels, "srgb") is pixels


def test_16_bit_srgb_is_rounded_not_cut() -> None:
    pixels = np.array([[[0, 128, 129], [257, 32896, 65535]]], np.uint16)
    assert ViewTransform().apply(pixels, "srgb").tolist() == [[[0, 0, 1], [1, 128, 255]]]


def test_float_srgb_is_clipped() -> None:
    values = [-1.0, float("nan"), 0.5, 1.0, 1.5, float("inf")]
    assert show(values, "srgb") == [0, 0, 128, 255, 255, 255]


def test_log_black_white_and_grey() -> None:
    codes = np.array([0, 95, 470, 685, 1023])
    pixels = np.repeat((codes * 65535 // 1023).astype(np.uint16)[None, :, None], 3, axis=2)
    shown = ViewTransform().apply(pixels, "log")[0, :, 0].tolist()
    assert shown[0] == 0
    assert shown[1] <= 2
    assert 110 <= shown[2] <= 126, "code 470 is 18 percent grey"
    assert shown[3] == show([1.0])[0]
    assert shown[4] > shown[3]


@pytest.mark.parametrize("space", ["acescg", "aces2065"])
def test_aces_white_and_grey_stay_neutral(space: str) -> None:
    shown = ViewTransform(space=space).apply(np.full((1, 1, 3), 0.18, np.float32), "linear")
    assert shown.ravel().tolist() == [118, 118, 118]


def test_acescg_red_is_outside_rec709_and_stays_red() -> None:
    shown = ViewTransform(space="acescg").apply(np.array([[[0.5, 0, 0]]], np.float32), "linear")
    assert shown[0, 0, 0] > 200
    assert shown[0, 0, 1:].max() == 0


def test_acescg_survives_infinity_beside_infinity() -> None:
    pixels = np.array([[[np.inf, np.inf, np.inf], [np.nan, -np.inf, 0.0]]], np.float32)
    shown = ViewTransform(space="acescg").apply(pixels, "linear")
    assert shown[0, 0].min() >= 254
    assert shown[0, 1].max() == 0


def test_auto_follows_the_file_and_a_name_overrides_it() -> None:
    pixels = np.full((1, 1, 3), 128, np.uint8)
    assert ViewTransform().apply(pixels, "srgb")[0, 0, 0] == 128
    assert ViewTransform(space="linear").apply(pixels, "srgb")[0, 0, 0] == 188


@pytest.mark.parametrize("space", INPUT_SPACES)
@given(pixels=FLOATS)
def test_any_float_is_shown_in_any_space(space: str, pixels: np.ndarray) -> None:
    shown = ViewTransform(space=space).apply(pixels, "linear")
    assert shown.dtype == np.uint8
    assert shown.shape == pixels.shape


@given(st.floats(-10, 1000), st.floats(-10, 1000))
def test_brighter_light_is_never_shown_darker(one: float, other: float) -> None:
    low, high = sorted((one, other))
    shown = show([low, high])
    assert shown[0] <= shown[1]


def test_the_table_is_the_formula() -> None:
    light = np.linspace(0, 5, 4001, dtype=np.float32)
    shown = ViewTransform().apply(np.repeat(light[None, :, None], 3, axis=2), "linear")
    exact = np.rint(scene_to_display(light) * 255)
    assert np.abs(shown[0, :, 0] - exact).max() <= 1


def test_wrong_settings_are_refused() -> None:
    with pytest.raises(UsageError, match="not a known input space"):
        ViewTransform(space="rec2100")
    with pytest.raises(UsageError, match="out of range"):
        ViewTransform(exposure=float("nan"))
