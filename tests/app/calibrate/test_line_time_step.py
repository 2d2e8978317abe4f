"""Line time through the real camera path, against the virtual rig's true values."""

import io
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from app.calibrate.frame_acquisition import CameraShowsScene
from app.calibrate.line_time_step import calibrate_line_time, print_line_time
from app.session.config import SessionConfig
from calibration.radiometric.dark import DarkCalibration, DarkShot, dark_calibration
from calibration.temporal.line_time import GlobalReset, LineTimeCalibration
from calibration.verdict import Grade
from drivers.addresses import CameraOptions
from drivers.camera_settings import ExposureSettings, ShutterMode
from drivers.errors import InstrumentError
from drivers.virtual.camera.camera_models import RSGR
from drivers.virtual.scene.uniform import UniformScene
from tests.calibration.still_frames import StillCamera

pytestmark = pytest.mark.usefixtures("virtual_rig")


def dark(pixel_format: str) -> DarkCalibration:
    camera = StillCamera(UniformScene(0.0), pixel_format)
    shots = [DarkShot(us, camera.frames(16, us)) for us in (100.0, 4000.0)]
    return dark_calibration(shots, camera.pixel_format)


def calibrate(
    *nodes: tuple[str, str],
    pixel_format: str = "Mono12",
    scene: str | None = None,
    **settings: object,
) -> LineTimeCalibration:
    config = SessionConfig(
        settings=replace(ExposureSettings(pixel_format=pixel_format), **settings),
        size_px=(320, 480),
        options=CameraOptions(node_settings=nodes, scene=None if scene is None else Path(scene)),
    )
    return calibrate_line_time(
        config, CameraShowsScene(), dark(pixel_format), lambda done, total: None
    )


@pytest.mark.parametrize(
    ("pixel_format", "offset_us"), [("Mono12", 0.0), ("Mono12", 50.0), ("Mono8", 25.0)]
)
def test_within_half_a_percent_with_a_hidden_offset(pixel_format: str, offset_us: float) -> None:
    found = calibrate(("TrueExposureOffset", str(offset_us)), pixel_format=pixel_format)
    assert found.line_time_us == pytest.approx(RSGR.line_time_us, rel=0.005)
    assert found.exposure_offset_us == pytest.approx(offset_us, abs=3.0)
    assert found.frames_per_exposure == 32
    assert found.global_reset == GlobalReset.PROVEN
    assert found.verdict.grade == Grade.GOOD
    text = io.StringIO()
    print_line_time(found, Console(file=text, width=200))
    assert "global reset proven" in text.getvalue()
    assert "verdict: good" in text.getvalue()


@pytest.mark.parametrize("rate_hz", ["100", "120"])
def test_mains_light_is_averaged_by_the_frame_rate_chosen(rate_hz: str) -> None:
    found = calibrate(("SceneFlickerDepth", "0.1"), ("SceneFlickerRate", rate_hz))
    assert found.line_time_us == pytest.approx(RSGR.line_time_us, rel=0.005)
    assert found.flicker is not None
    assert found.flicker.rate_hz == float(rate_hz)
    assert found.verdict.grade == Grade.USABLE


ROLLING = {"shutter": ShutterMode.ROLLING, "trigger_source": "off"}
LIE = ("FaultLieShutter", "1")


def test_a_camera_that_lies_about_its_shutter_is_found_out() -> None:
    assert calibrate(LIE).global_reset == GlobalReset.DISPROVED


@pytest.mark.whole
def test_rolling_shutter_is_told_whatever_the_camera_says() -> None:
    assert calibrate(**ROLLING).global_reset == GlobalReset.DISPROVED
    honest = calibrate(LIE, **ROLLING)
    assert honest.global_reset == GlobalReset.PROVEN
    assert honest.line_time_us == pytest.approx(RSGR.line_time_us, rel=0.005)


def test_too_bright_a_scene_is_exposed_shorter() -> None:
    found = calibrate(scene="flat", exposure_us=12_000.0, gain_db=6.0)
    assert found.long_exposure_us < 9000.0
    assert found.clipped_percent < 0.1
    assert found.line_time_us == pytest.approx(RSGR.line_time_us, rel=0.005)
    assert found.flat_ramp is not None


def test_what_carries_no_line_time_is_refused_with_the_reason() -> None:
    with pytest.raises(InstrumentError, match="the scene moves"):
        calibrate(scene="bench")
    with pytest.raises(InstrumentError, match="too dark"):
        calibrate(scene="dark")


def test_dark_frames_of_another_pixel_format_are_refused() -> None:
    config = SessionConfig(settings=ExposureSettings(pixel_format="Mono12"))
    with pytest.raises(InstrumentError, match="dark frames are Mono8, the camera delivers Mono12"):
        calibrate_line_time(config, CameraShowsScene(), dark("Mono8"), lambda done, total: None)
