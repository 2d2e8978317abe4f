"""Mains light: recognised, named, and averaged out by the frame rate."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from calibration.temporal.mains_flicker import Flicker, RowLevels, averaging_fps, find_flicker

ROWS = 400
EXPOSURE_US = 3000.0 + 6.0 * np.arange(ROWS)
VARIANCE_DN2 = np.full(ROWS, 0.25)


def levels(depth: float, rate_hz: float, fps: float, trend: float = 0.0) -> RowLevels:
    """Row means of 4 blocks of 8 frames, 1000 DN bright, under swinging light."""
    rng = np.random.default_rng(2)
    start_s = (np.arange(32) / fps + 0.0007)[:, None]
    turns = 2 * np.pi * rate_hz
    end_s = start_s + EXPOSURE_US * 1e-6
    swing = (np.cos(turns * start_s) - np.cos(turns * end_s)) / (turns * EXPOSURE_US * 1e-6)
    frames = 1000 * (1 + depth * swing) * (1 + trend * start_s)
    frames = frames + 0.5 * rng.standard_normal(frames.shape)
    return RowLevels(frames.reshape(4, 8, ROWS), VARIANCE_DN2, EXPOSURE_US)


@pytest.mark.parametrize("rate_hz", [100.0, 120.0])
@pytest.mark.parametrize("fps", [53.3, 47.0])
def test_mains_light_is_found_and_named(rate_hz: float, fps: float) -> None:
    found = find_flicker([levels(0.05, rate_hz, fps)])
    assert found is not None
    assert found.rate_hz == rate_hz
    seen = 5 * np.abs(np.sinc(rate_hz * EXPOSURE_US * 1e-6)).mean()
    assert found.swing_percent == pytest.approx(seen, rel=0.25)
    assert str(found).startswith(f"mains light ({rate_hz:g} Hz) flickers by")


def test_steady_and_slowly_drifting_light_do_not_flicker() -> None:
    assert find_flicker([levels(0.0, 100.0, 53.3)]) is None
    assert find_flicker([levels(0.0, 100.0, 53.3, trend=0.05)]) is None


def test_light_of_another_rhythm_is_not_called_mains() -> None:
    rng = np.random.default_rng(4)
    frames = 1000 * (1 + 0.03 * rng.standard_normal((4, 8, 1))) * np.ones(ROWS)
    stripes = 1 + 0.03 * rng.standard_normal((4, 8, 1)) * np.sin(np.arange(ROWS) / 10)
    found = find_flicker([RowLevels(frames * stripes, VARIANCE_DN2, EXPOSURE_US)])
    assert isinstance(found, Flicker)
    assert found.rate_hz is None


@given(limit_fps=st.floats(17.0, 400.0), frames=st.sampled_from([7, 8, 9, 11, 16]))
def test_the_averaging_rate_averages_100_and_120_hz_and_their_harmonics(
    limit_fps: float, frames: int
) -> None:
    fps = averaging_fps(limit_fps, frames)
    assert fps is not None
    assert fps <= limit_fps
    for rate_hz in (100.0, 120.0, 200.0, 240.0):
        phases = 2 * np.pi * rate_hz * np.arange(frames) / fps
        assert abs(np.exp(1j * phases).mean()) < 1e-9
