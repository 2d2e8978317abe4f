"""The line time and the proof of global reset, on ramps whose truth is known."""

import numpy as np
import pytest

from calibration.line_time import (
    ExposurePair,
    LineTimeFit,
    fit_line_time,
    judge_global_reset,
    row_means,
)
from drivers.timing import ReadoutDirection, SensorTiming

ROWS = 400
FULL_SCALE_DN = 4095.0


def pairs_of(
    line_time_us: float,
    direction: ReadoutDirection = ReadoutDirection.TOP_DOWN,
    offset_us: float = 0.0,
    noise: float = 0.0,
    level: float = 1.0,
    count: int = 6,
) -> list[ExposurePair]:
    """Exposures of 4000 and 1600 us of a scene with structure, noisy row means."""
    rng = np.random.default_rng(3)
    scene = level * rng.uniform(0.05, 0.15, ROWS)

    def exposed(exposure_us: float) -> np.ndarray:
        timing = SensorTiming(exposure_us + offset_us, line_time_us, ROWS, direction)
        return scene * timing.row_exposure_us() * (1 + noise * rng.standard_normal(ROWS))

    return [ExposurePair(exposed(4000.0), exposed(1600.0)) for _ in range(count)]


def fit(pairs: list[ExposurePair]) -> LineTimeFit:
    result = fit_line_time(pairs, 4000.0, 1600.0, FULL_SCALE_DN)
    assert isinstance(result, LineTimeFit), result
    return result


@pytest.mark.parametrize("direction", list(ReadoutDirection))
@pytest.mark.parametrize("offset_us", [0.0, 40.0])
def test_line_time_and_direction_are_found(direction: ReadoutDirection, offset_us: float) -> None:
    found = fit(pairs_of(6.0, direction, offset_us))
    assert found.direction == direction
    assert found.line_time_us == pytest.approx(6.0, rel=1e-6)
    assert found.short_exposure_us == pytest.approx(1600.0 + offset_us, rel=1e-6)


def test_the_stated_error_covers_the_truth() -> None:
    found = fit(pairs_of(6.0, noise=0.003))
    assert abs(found.line_time_us - 6.0) < 4 * found.line_time_error_us
    assert 0 < found.line_time_error_us < 0.5


def test_a_ramp_proves_and_its_absence_disproves_global_reset() -> None:
    assert judge_global_reset(fit(pairs_of(6.0, noise=0.002))).proven is True
    disproved = judge_global_reset(fit(pairs_of(0.0, noise=0.0005)))
    assert disproved.proven is False
    assert "every row sees the same exposure" in disproved.text


def test_too_noisy_too_dark_or_too_few_tell_nothing() -> None:
    assert judge_global_reset(fit(pairs_of(1.0, noise=0.2, count=3))).proven is None
    dark = fit_line_time(pairs_of(6.0, level=0.01), 4000.0, 1600.0, FULL_SCALE_DN)
    assert isinstance(dark, str)
    assert "too dark" in dark
    assert judge_global_reset(dark).proven is None
    few = fit_line_time(pairs_of(6.0, count=2), 4000.0, 1600.0, FULL_SCALE_DN)
    assert isinstance(few, str)
    assert "3 at least" in few


def test_clipped_rows_are_left_out() -> None:
    pixels = np.full((4, 5000), 100, np.uint16)
    pixels[1, :200] = 4095
    pixels[2, :2] = 4095
    means = row_means(pixels, black_level_dn=10.0, saturation_dn=4095.0)
    assert means[0] == pytest.approx(90.0)
    assert np.isnan(means[1])
    assert np.isfinite(means[2])
