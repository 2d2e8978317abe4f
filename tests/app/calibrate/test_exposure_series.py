"""Frames after a change of exposure are of the new one, however many are still on their way."""

import pytest

from app.calibrate.exposure_series import ExposureSeries
from app.calibrate.frame_acquisition import CameraShowsScene, acquiring
from app.session.config import SessionConfig
from drivers.camera_settings import ExposureSettings
from drivers.genicam.genicam_camera import GenicamCamera

pytestmark = pytest.mark.usefixtures("virtual_rig")


def test_frames_held_up_from_before_the_change_are_let_go() -> None:
    config = SessionConfig(
        settings=ExposureSettings(exposure_us=1000.0, pixel_format="Mono12"), size_px=(64, 64)
    )
    with acquiring(config, CameraShowsScene(), "Flat", "a panel") as acquisition:
        series = ExposureSeries(acquisition)
        before = float(series.frames(2)[0].pixels.mean()) - 64
        camera = acquisition.session.camera
        assert isinstance(camera, GenicamCamera)
        # Some 15 frames are on their way from now on, far more than usually settle.
        camera.write_node("FaultDelay", "250000")
        series.frames(2)
        assert series.expose(4000.0) == 4000.0
        after = [float(frame.pixels.mean()) - 64 for frame in series.frames(6)]
        assert min(after) > 2.5 * before


def test_each_camera_is_given_time_to_settle() -> None:
    config = SessionConfig(
        gs_camera="virtual:gs",
        settings=ExposureSettings(exposure_us=1000.0, pixel_format="Mono12"),
        size_px=(64, 64),
    )
    with acquiring(config, CameraShowsScene(), "Flat", "a panel") as acquisition:
        series = ExposureSeries(acquisition)
        before = float(series.frames(1, 1)[0].pixels.mean()) - 64
        for exposure_us in (4000.0, 1000.0, 4000.0, 1000.0):
            series.expose(exposure_us)
            series.frames(1, 0)
            ratio = (float(series.frames(1, 1)[0].pixels.mean()) - 64) / before
            assert ratio == pytest.approx(exposure_us / 1000.0, rel=0.1)


def test_the_frame_rate_makes_room_for_long_exposures() -> None:
    with acquiring(
        SessionConfig(size_px=(64, 64)), CameraShowsScene(), "Flat", "a panel"
    ) as acquisition:
        series = ExposureSeries(acquisition)
        series.make_room(90_000.0, 8)
        assert series.expose(90_000.0) == 90_000.0
        fps = acquisition.session.camera.settings.fps
        assert fps is not None
        assert fps < 1e6 / 90_000
        series.expose(1000.0)
        series.make_room(1000.0, 8)
        assert acquisition.session.camera.settings.fps == pytest.approx(160 / 3, rel=1e-3)
