"""The line time and the proof of global reset, on ramps whose truth is known."""

import numpy as np
import pytest

from calibration.temporal.ramp_fit import (
    ExposurePair,
    LineTimeFit,
    fit_line_time,
    judge_global_reset,
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


def test_a_ramp_too_small_to_tell_neither_proves_nor_disproves() -> None:
    proof = judge_global_reset(fit(pairs_of(0.05, noise=1e-5)))
    assert proof.proven is None
    assert "shorten the exposure" in proof.text


def with_black_level_error(pair: ExposurePair, error_dn: float) -> ExposurePair:
    variance = np.full(ROWS, 1e-4)
    return ExposurePair(pair.long_dn + error_dn, pair.short_dn + error_dn, variance, variance)


def test_a_wrong_black_level_is_found_from_a_scene_with_structure() -> None:
    wrong = [with_black_level_error(pair, 0.8) for pair in pairs_of(6.0, offset_us=20.0)]
    found = fit_line_time(wrong, 4000.0, 1600.0, FULL_SCALE_DN, black_level_error_dn=1.0)
    assert isinstance(found, LineTimeFit)
    assert found.black_shift_dn == pytest.approx(0.8, abs=0.05)
    assert found.short_exposure_us == pytest.approx(1620.0, abs=1.0)
    trusting = fit_line_time(wrong, 4000.0, 1600.0, FULL_SCALE_DN)
    assert isinstance(trusting, LineTimeFit)
    assert abs(trusting.short_exposure_us - 1620.0) > 3.0


def test_the_fit_is_unbiased_and_its_errors_honest_at_few_photons() -> None:
    """What the shares are for: the reciprocal of the ratio is off by several percent here."""
    rng = np.random.default_rng(11)
    rows, pixels, light_per_us = np.arange(240), 8, 0.02
    found = []
    for _ in range(60):
        long, short = (
            [
                rng.poisson(pixels * light_per_us * (exposure_us + 6.0 * rows)) / pixels
                for _ in range(4)
            ]
            for exposure_us in (6480.0, 2880.0)
        )
        pairs = [
            ExposurePair(a, b, (a + 1) / pixels, (b + 1) / pixels)
            for a, b in zip(long, short, strict=True)
        ]
        result = fit_line_time(pairs, 6480.0, 2880.0, 200.0)
        assert isinstance(result, LineTimeFit)
        found.append((result.line_time_us, result.line_time_error_us))
    line_times, errors = np.array(found).T
    scatter = line_times.std(ddof=1)
    assert abs(line_times.mean() - 6.0) < 4 * scatter / np.sqrt(len(found))
    assert scatter == pytest.approx(errors.mean(), rel=0.35)


def test_a_pair_whose_exposures_do_not_differ_is_named() -> None:
    """A change of exposure that came too late, or a light that went out meanwhile."""
    pairs = pairs_of(6.0)
    pairs[2] = ExposurePair(pairs[2].short_dn, pairs[2].short_dn)
    told = fit_line_time(pairs, 4000.0, 1600.0, FULL_SCALE_DN)
    assert isinstance(told, str)
    assert told.startswith("in pair 3 of 6 the long exposure is 1.00 times as bright")
    assert judge_global_reset(told).proven is None
