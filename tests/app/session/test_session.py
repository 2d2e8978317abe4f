"""The session: streams, restores, counts, and survives what happens to cameras."""

import threading
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from app.calibrate.shutter_proof import prove_shutter
from app.session.config import SessionConfig
from app.session.recorder import RecordingRequest
from app.session.session import Session
from app.session.status import SessionState
from drivers.addresses import CameraOptions
from drivers.camera_settings import ExposureSettings, ShutterMode
from drivers.errors import CameraLostError, InstrumentError, SettingRefusedError
from drivers.genicam.genicam_camera import GenicamCamera
from drivers.recording import open_recording
from drivers.timing import ReadoutDirection, TimingSource
from tests.patience import PowerTime, quickest_s, timed_s, wait_until

pytestmark = pytest.mark.usefixtures("virtual_rig")


def config(*node_settings: tuple[str, str], **changes: object) -> SessionConfig:
    return replace(
        SessionConfig(options=CameraOptions(node_settings=node_settings)),
        **changes,
    )


def write_node(session: Session, node: str, text: str) -> None:
    """Turn a knob of the virtual rig's fault page."""
    camera = session.camera
    assert isinstance(camera, GenicamCamera)
    camera.write_node(node, text)


def test_streams_restores_and_counts() -> None:
    with Session(config()) as session:
        session.start()
        wait_until(lambda: session.status().restored > 30)
        session.stop()
        status = session.status()
        restored = session.newest_restored()
    assert status.state == SessionState.STOPPED
    assert status.device_state.shutter_mode == ShutterMode.GLOBAL_RESET
    assert status.counters.captured >= status.restored + status.skipped
    assert status.counters.lost == 0
    assert status.counters.overruns == 0
    assert status.timing.source == TimingSource.NODE
    assert restored is not None
    assert restored.screen.shape == (480, 640)
    assert restored.screen.dtype == np.uint8
    assert 0 < status.latency_ms.p50 <= status.latency_ms.p99
    assert session.state == SessionState.CLOSED


def test_given_line_time_and_black_level_win_over_the_camera() -> None:
    given = config(line_time_us=7.5, black_level_dn=9.0)
    with Session(given) as session:
        timing = session.timing()
        assert timing.source == TimingSource.GIVEN
        assert timing.sensor is not None
        assert timing.sensor.line_time_us == 7.5
        assert session.radiometry().black_level_dn == 9.0


def test_the_readout_that_images_showed_is_used_and_recorded_until_the_mode_changes(
    tmp_path: Path,
) -> None:
    def direction(session: Session) -> ReadoutDirection:
        sensor = session.timing().sensor
        assert sensor is not None
        return sensor.direction

    with Session(config()) as session:
        session.start()
        session.note_shutter_proof(True, ReadoutDirection.BOTTOM_UP)
        assert direction(session) is ReadoutDirection.BOTTOM_UP
        session.start_recording(RecordingRequest(tmp_path / "r"))
        session.stop_recording()
        recorded = open_recording(tmp_path / "r").info.cameras["rsgr"]
        assert recorded.direction is ReadoutDirection.BOTTOM_UP
        session.configure(ExposureSettings(shutter=ShutterMode.GLOBAL_RESET))
        assert direction(session) is ReadoutDirection.TOP_DOWN


def test_rolling_shutter_restores_nothing_and_says_why() -> None:
    rolling = config(settings=ExposureSettings(shutter=ShutterMode.ROLLING, trigger_source="off"))
    with Session(rolling) as session:
        session.start()
        wait_until(lambda: session.status().counters.captured > 5)
        status = session.status()
        assert session.newest_restored() is None
    assert not status.restoring
    assert "rolling" in status.restoring_note


@pytest.mark.parametrize("source", ["internal", "software"])
def test_every_trigger_paces_without_overrun(source: str) -> None:
    triggered = config(settings=ExposureSettings(trigger_source=source, fps=50.0))
    with Session(triggered) as session:
        session.start()
        wait_until(lambda: session.status().counters.captured > 60)
        status = session.status()
    assert status.device_state.trigger_source == source
    assert status.counters.overruns == 0
    assert status.jitter_us_p99 is not None
    assert status.captured_fps == pytest.approx(50.0, rel=0.25)


def test_a_rate_beyond_the_sensor_is_refused_with_the_limit() -> None:
    with Session(config()) as session, pytest.raises(SettingRefusedError, match=r"exceeds .* fps"):
        session.configure(ExposureSettings(fps=1000.0))
    fast = config(settings=ExposureSettings(fps=1000.0))
    with pytest.raises(SettingRefusedError, match=r"exceeds .* fps"):
        Session(fast).open()


def test_a_given_line_time_counts_for_the_limit() -> None:
    slow = config(line_time_us=30.0, settings=ExposureSettings(exposure_us=1000.0, fps=50.0))
    with Session(slow) as session:
        with pytest.raises(SettingRefusedError, match=r"480 rows of 30 us"):
            session.configure(ExposureSettings(exposure_us=9000.0))
        with pytest.raises(SettingRefusedError, match=r"exceeds 64\.\d fps"):
            session.configure(ExposureSettings(fps=70.0))


def test_triggers_beyond_the_sensor_are_counted_as_overruns() -> None:
    line = config(
        ("RigGeneratorRate", "400"),
        ("RigGeneratorEnable", "1"),
        settings=ExposureSettings(trigger_source="Line1"),
    )
    with Session(line) as session:
        session.start()
        wait_until(lambda: (session.status().counters.overruns or 0) > 20)
        assert session.status().counters.lost == 0


def test_settings_change_while_frames_flow_and_what_needs_a_stop_gets_one() -> None:
    with Session(config()) as session:
        session.start()
        wait_until(lambda: session.status().restored > 3)
        achieved = session.configure(ExposureSettings(exposure_us=3000.0))
        assert achieved.exposure_us == pytest.approx(3000.0)
        timing = session.timing().sensor
        assert timing is not None
        assert timing.exposure_us == pytest.approx(3000.0)
        small = session.camera.controls.centred_region(320, 240)
        session.configure(ExposureSettings(region=small, pixel_format="Mono12"))
        wait_until(lambda: session.status().restored > 3)
        raw, restored = session.newest_raw(), session.newest_restored()
        assert raw is not None
        assert restored is not None
        assert raw.pixels.shape == restored.screen.shape == (240, 320)
        assert raw.pixels.dtype == np.uint16
        assert session.state == SessionState.STREAMING


def test_a_refused_setting_leaves_the_stream_running_as_it_was() -> None:
    with Session(config()) as session:
        session.start()
        before = session.camera.settings
        with pytest.raises(SettingRefusedError, match="exposure"):
            session.configure(ExposureSettings(exposure_us=1e9))
        with pytest.raises(SettingRefusedError, match="exceeds the sensor's 1440 x 1080"):
            session.configure(ExposureSettings(region=replace(before.region, width_px=2000)))
        count = session.status().counters.captured
        wait_until(lambda: session.status().counters.captured > count + 5)
        assert session.camera.settings == before


def test_models_switch_while_running() -> None:
    with Session(config(model=None)) as session:
        session.start()
        wait_until(lambda: session.status().counters.captured > 3)
        assert session.newest_restored() is None
        session.use_model("row-gain")
        wait_until(lambda: session.newest_restored() is not None)
        session.use_model(None)
        assert session.newest_restored() is None


@pytest.mark.parametrize("streams", [True, False])
@pytest.mark.parametrize("former", ["row-gain", None])
def test_a_model_that_cannot_be_had_leaves_the_former_one(
    streams: bool, former: str | None
) -> None:
    """It was taken where nothing was restored, and nothing could start any more."""
    with Session(config(model=former)) as session:
        if streams:
            session.start()
        with pytest.raises(InstrumentError, match="no-such-model"):
            session.use_model("no-such-model")
        assert session.status().model == former
        session.start()
        wait_until(lambda: session.status().counters.captured > 3)


def test_two_cameras_stream_side_by_side() -> None:
    with Session(config(gs_camera="virtual:gs")) as session:
        session.start()
        wait_until(lambda: session.newest_raw(1) is not None)
        status = session.status()
        assert status.gs_counters is not None
        exposures = session.camera.settings.exposure_us, session.newest_raw(1).pixels.shape
        assert exposures[1] == (480, 640)


def test_unplugging_is_reported_within_two_seconds_and_reconnects() -> None:
    with Session(config()) as session:
        session.start()
        wait_until(lambda: session.status().restored > 5)
        last_picture = session.newest_restored()

        def seconds_to_lost() -> float:
            if session.state == SessionState.LOST:
                session.reconnect()
            write_node(session, "FaultDisconnect", "execute")
            return timed_s(lambda: wait_until(lambda: session.state == SessionState.LOST))

        assert quickest_s(seconds_to_lost, 2.0) < 2.0
        assert "camera lost" in session.status().message
        assert last_picture is not None
        assert session.newest_restored() is not None
        session.reconnect()
        assert session.state == SessionState.STREAMING
        wait_until(lambda: session.status().restored > 5)
        assert session.status().message == ""
        assert session.camera.state.shutter_mode == ShutterMode.GLOBAL_RESET


def test_reconnecting_too_early_says_so_and_works_later(power_time: PowerTime) -> None:
    with Session(config(("FaultReconnectAfter", "1.5"))) as session:
        session.start()
        wait_until(lambda: session.status().restored > 2)
        write_node(session, "FaultDisconnect", "execute")
        wait_until(lambda: session.state == SessionState.LOST)
        with pytest.raises(InstrumentError):
            session.reconnect()
        assert session.state == SessionState.LOST
        power_time.passes(2.0)
        session.reconnect()
        wait_until(lambda: session.status().restored > 2)


def test_lost_and_damaged_frames_are_counted_and_nothing_stops() -> None:
    with Session(config()) as session:
        session.start()
        wait_until(lambda: session.status().restored > 5)
        write_node(session, "FaultLose", "7")
        wait_until(lambda: session.status().counters.lost == 7)
        write_node(session, "FaultTear", "3")
        wait_until(lambda: session.status().counters.incomplete == 3)
        write_node(session, "FaultCorrupt", "2")
        wait_until(lambda: session.status().counters.incomplete == 5)
        restored = session.status().restored
        wait_until(lambda: session.status().restored > restored + 5)
        assert session.status().counters.lost == 7


def test_stop_returns_within_a_second_when_no_frame_comes() -> None:
    silent = config(settings=ExposureSettings(trigger_source="Line1"))
    with Session(silent) as session:
        session.start()
        time.sleep(0.7)
        assert session.state == SessionState.STREAMING
        assert session.status().counters.captured == 0

        def seconds_to_stop() -> float:
            session.start()
            return timed_s(session.stop)

        assert quickest_s(seconds_to_stop, 1.0) < 1.0


def test_an_unexpected_failure_in_a_thread_ends_the_session_in_order() -> None:
    before = threading.active_count()
    with Session(config()) as session:
        session.start()
        wait_until(lambda: session.status().restored > 2)
        session.on_thread_failure(RuntimeError("the worker tripped"))
        assert session.state == SessionState.FAILED
        assert "the worker tripped" in session.status().message
        assert isinstance(session.failure, RuntimeError)
    assert threading.active_count() == before


def test_images_prove_and_disprove_the_shutter_mode() -> None:
    with Session(config(("SceneFrozen", "1"))) as session:
        assert session.status().shutter_proven is None
        proof = prove_shutter(session)
        assert proof.proven is True, proof.text
        assert session.status().shutter_proven is True
        assert proof.fit is not None
        assert proof.fit.line_time_us == pytest.approx(6.0, rel=0.02)
        session.configure(ExposureSettings(shutter=ShutterMode.ROLLING, trigger_source="off"))
        assert session.status().shutter_proven is None
        assert prove_shutter(session).proven is False


def test_a_camera_that_lies_about_its_mode_is_found_out() -> None:
    with Session(config(("SceneFrozen", "1"), ("FaultLieShutter", "1"))) as session:
        assert session.camera.state.shutter_mode == ShutterMode.GLOBAL_RESET
        session.start()
        assert session.status().restoring
        proof = prove_shutter(session)
        assert proof.proven is False
        assert "own mode says global reset" in proof.text
        assert not session.status().restoring
        assert "disproved" in session.status().restoring_note


def test_a_camera_that_does_global_reset_and_says_rolling_is_found_out_and_restored() -> None:
    modest = config(
        ("SceneFrozen", "1"),
        ("FaultLieShutter", "1"),
        settings=ExposureSettings(shutter=ShutterMode.ROLLING, trigger_source="off", fps=60.0),
    )
    with Session(modest) as session:
        assert session.camera.state.shutter_mode == ShutterMode.ROLLING
        proof = prove_shutter(session)
        assert proof.proven is True
        assert "own mode says rolling" in proof.text
        wait_until(lambda: session.status().restored > 3)


def test_darkness_proves_nothing() -> None:
    dark = config(("SceneFrozen", "1"), settings=ExposureSettings(exposure_us=40.0))
    with Session(dark) as session:
        proof = prove_shutter(session)
    assert proof.proven is None
    assert "too dark" in proof.text


def test_camera_lost_is_an_expected_error() -> None:
    assert issubclass(CameraLostError, InstrumentError)
