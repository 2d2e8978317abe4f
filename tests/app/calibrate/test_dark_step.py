"""Dark calibration through the real camera path, against the virtual rig's true values."""

import io
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from app.calibrate.dark_step import calibrate_dark, print_dark
from app.calibrate.frame_acquisition import CameraShowsScene
from app.session.config import SessionConfig
from calibration.radiometric.dark import DarkCalibration
from calibration.verdict import Grade
from drivers.addresses import CameraOptions
from drivers.camera_settings import ExposureSettings
from drivers.errors import InstrumentError
from drivers.virtual.camera.camera_models import GS, RSGR, CameraModel

pytestmark = pytest.mark.usefixtures("virtual_rig")


def config(pixel_format: str = "Mono12", **changes: object) -> SessionConfig:
    settings = ExposureSettings(pixel_format=pixel_format)
    return replace(SessionConfig(settings=settings, size_px=(320, 240)), **changes)


def check_against_truth(found: DarkCalibration, model: CameraModel) -> None:
    true = model.characteristics
    assert found.black_level_dn == pytest.approx(64.0, abs=0.2)
    assert found.temporal_dark_noise_e == pytest.approx(true.temporal_dark_noise_e, rel=0.05)
    assert found.photon_transfer is not None
    gain = found.photon_transfer.system_gain_dn_per_e
    assert gain == pytest.approx(true.system_gain_dn_per_e, rel=0.05)
    clipped_e = (4095 - 64) / true.system_gain_dn_per_e
    assert found.photon_transfer.saturation_capacity_e == pytest.approx(clipped_e, rel=0.07)
    assert found.verdict.grade == Grade.GOOD


@pytest.mark.whole
def test_both_cameras_at_12_bit_against_the_truth() -> None:
    progress: list[tuple[int, int]] = []
    found = calibrate_dark(
        config(gs_camera="virtual:gs"),
        CameraShowsScene(),
        lambda done, total: progress.append((done, total)),
    )
    assert len(found) == 2
    for dark, model in zip(found, (RSGR, GS), strict=True):
        check_against_truth(dark, model)
    assert progress == [(done, progress[0][1]) for done in range(1, progress[0][1] + 1)]


def test_8_bit_with_a_lens_cap_alone_says_what_it_cannot_resolve() -> None:
    (found,) = calibrate_dark(
        config("Mono8"), CameraShowsScene(), lambda done, total: None, with_panel=False
    )
    assert found.photon_transfer is None
    assert found.temporal_dark_noise_dn is None
    assert abs(found.black_level_dn - 4.0) < 0.5
    text = io.StringIO()
    print_dark(found, Console(file=text, width=200))
    assert "temporal dark noise below 0.40 DN" in text.getvalue()
    assert "8 bit cannot resolve it" in text.getvalue()


def test_a_lens_without_its_cap_is_refused() -> None:
    lit = config(options=CameraOptions(scene=Path("flat")))
    bright = replace(lit, settings=replace(lit.settings, exposure_us=9000.0))
    with pytest.raises(InstrumentError, match="the frames are not dark"):
        calibrate_dark(bright, CameraShowsScene(), lambda done, total: None)
