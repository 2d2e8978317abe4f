"""Dark frames of the virtual sensor, whose black level and noise are known."""

from dataclasses import replace

import numpy as np
import pytest

from calibration.radiometric.dark import (
    DarkCalibration,
    DarkShot,
    dark_calibration,
    temporal_variance_dn2,
)
from calibration.radiometric.temporal_noise import rounding_error_dn
from calibration.verdict import Grade
from drivers.errors import InstrumentError
from drivers.pixel_format import Pixels
from drivers.virtual.scene.uniform import UniformScene
from tests.calibration.still_frames import StillCamera

EXPOSURES_US = (100.0, 4000.0)


def capped(format_name: str = "Mono12", gain_db: float = 0.0) -> StillCamera:
    return StillCamera(UniformScene(0.0), format_name, gain_db=gain_db)


def shots(camera: StillCamera, count: int = 16) -> list[DarkShot]:
    return [DarkShot(exposure, camera.frames(count, exposure)) for exposure in EXPOSURES_US]


def evaluate(camera: StillCamera, count: int = 16) -> DarkCalibration:
    return dark_calibration(shots(camera, count), camera.pixel_format)


@pytest.mark.parametrize("format_name", ["Mono12", "Mono12p", "BayerRG12"])
@pytest.mark.parametrize("gain_db", [0.0, 6.0])
def test_black_level_and_dark_noise_at_12_bit(format_name: str, gain_db: float) -> None:
    camera = capped(format_name, gain_db)
    found = evaluate(camera)
    true_noise_dn = camera.characteristics.temporal_dark_noise_e * camera.true_gain_dn_per_e
    assert found.black_level_dn == pytest.approx(64.0, abs=0.02)
    assert abs(found.black_level_dn - 64.0) < 5 * found.black_level_error_dn
    assert found.temporal_dark_noise_dn == pytest.approx(true_noise_dn, rel=0.01)
    assert found.dsnu_dn < 0.05
    assert found.hot_pixel_count == 0
    assert found.verdict.grade == Grade.GOOD


def test_8_bit_says_that_it_cannot_resolve_the_noise() -> None:
    found = evaluate(capped("Mono8"))
    assert found.temporal_dark_noise_dn is None
    assert found.temporal_dark_noise_e is None
    assert abs(found.black_level_dn - 4.0) < 0.5
    assert found.black_level_error_dn > 0.2
    assert found.verdict.grade == Grade.USABLE
    assert "8 bit cannot resolve it" in str(found.verdict)


@pytest.mark.parametrize("noise_dn", [0.0, 0.1, 0.2, 0.3, 0.5])
def test_rounding_errors_are_those_of_rounding(noise_dn: float) -> None:
    rng = np.random.default_rng(1)
    levels = (np.arange(200) + 0.5) / 200
    noise = noise_dn * rng.standard_normal((4000, 1))
    errors = np.rint(levels + noise).mean(axis=0) - levels - noise.mean()
    assert rounding_error_dn(noise_dn) == pytest.approx(np.sqrt(np.mean(errors**2)), abs=0.005)


def test_rounding_is_subtracted_from_the_variance() -> None:
    camera = capped()
    variance, error = temporal_variance_dn2(camera.frames(16, 100.0))
    expected = (2.6 * 0.4) ** 2 + 1 / 12
    assert abs(variance - expected) < 5 * error
    assert error < 0.01


def with_defects(frames: list[Pixels]) -> list[Pixels]:
    """Three hot pixels, and columns that alternate by 2 DN."""
    changed = []
    for frame in frames:
        copy = frame.copy()
        for y, x, excess in ((3, 200, 900), (100, 7, 30), (239, 319, 12)):
            copy[y, x] += excess
        copy[:, ::2] += 2
        changed.append(copy)
    return changed


def test_hot_pixels_are_listed_worst_first_and_patterns_are_told() -> None:
    camera = capped()
    defective = [replace(shot, frames=with_defects(list(shot.frames))) for shot in shots(camera)]
    found = dark_calibration(defective, camera.pixel_format)
    assert [(pixel.x_px, pixel.y_px) for pixel in found.hot_pixels] == [
        (200, 3),
        (7, 100),
        (319, 239),
    ]
    assert found.hot_pixels[0].excess_dn == pytest.approx(900, abs=2)
    assert found.column_pattern_dn == pytest.approx(1.0, rel=0.15)
    assert found.row_pattern_dn == 0.0
    assert found.black_level_dn == pytest.approx(65.0, abs=0.1)


def test_a_light_leak_is_noticed_and_the_black_level_extrapolated() -> None:
    camera = StillCamera(UniformScene(0.004))
    found = dark_calibration(
        [DarkShot(exposure, camera.frames(16, exposure)) for exposure in (100.0, 8000.0)],
        camera.pixel_format,
    )
    assert found.verdict.grade == Grade.REDO
    assert "light leaks in" in str(found.verdict)
    assert found.dark_signal_dn_per_s == pytest.approx(0.004 * 0.4 * 1e6, rel=0.05)


def test_a_black_level_cut_off_at_zero_is_noticed() -> None:
    camera = capped()
    cut = [
        replace(shot, frames=[np.maximum(frame, 64) - 64 for frame in shot.frames])
        for shot in shots(camera)
    ]
    verdict = dark_calibration(cut, camera.pixel_format).verdict
    assert verdict.grade == Grade.REDO
    assert "raise it" in str(verdict)


def test_too_few_or_no_dark_frames_are_refused() -> None:
    camera = capped()
    with pytest.raises(InstrumentError, match="1 dark frames at 100 us are too few"):
        dark_calibration([DarkShot(100.0, camera.frames(1, 100.0))], camera.pixel_format)
    lit = StillCamera()
    with pytest.raises(InstrumentError, match=r"not dark.*cap the lens"):
        dark_calibration([DarkShot(8000.0, lit.frames(2, 8000.0))], lit.pixel_format)
    few = dark_calibration([DarkShot(100.0, camera.frames(4, 100.0))], camera.pixel_format)
    assert few.verdict.grade == Grade.USABLE
    assert "only 4 frames" in str(few.verdict)


def test_it_is_written_and_read_as_json() -> None:
    found = evaluate(capped())
    assert DarkCalibration.model_validate_json(found.model_dump_json()) == found
