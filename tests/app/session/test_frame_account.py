"""The account of frames and clocks as a session tells it: doubt is said, not hidden in a 0."""

from collections.abc import Callable
from pathlib import Path

import pytest

from app.commands.json_report import live_report
from app.gui.presenter import counter_groups
from app.session.config import SessionConfig
from app.session.headless import Usage
from app.session.recorder import RecordingRequest
from app.session.run_statistics import Percentiles
from app.session.session import Session
from app.session.status_text import SCREEN
from drivers.camera_settings import ExposureSettings, TriggerSource
from drivers.recording.recording import open_recording
from drivers.virtual.camera.gentl import BufferInfo
from tests.drivers.genicam.hostile.hostile_description import HostileFeatures
from tests.drivers.genicam.hostile.hostile_producer import Answer, HostileProducer, Script
from tests.patience import wait_until


def test_losses_that_cannot_be_known_are_said_to_be_unknown(
    hostile: Callable[..., HostileProducer],
) -> None:
    config = SessionConfig(
        camera=hostile(Script(number_constant=0)).address,
        settings=ExposureSettings(trigger_source=TriggerSource.OFF),
        model=None,
    )
    with Session(config) as session:
        session.start()
        wait_until(lambda: session.status().counters.captured > 2)
        status = session.status()
    assert status.counters.lost is None
    assert any("losses are not known" in text for text in status.device_state.warnings)
    report = live_report(status, Usage(0.0, Percentiles(0.0, 0.0, 0.0)))
    assert report["frames"]["lost"] is None
    assert any("losses are not known" in text for text in report["warnings"])
    lost = next(
        cell for group in counter_groups(status, 0) for cell in group if cell.name == "lost"
    )
    assert lost.value == SCREEN.unknown


@pytest.mark.parametrize("step_ns", [500_000_000, -3600 * 10**9])
def test_a_clock_that_steps_is_told(
    hostile: Callable[..., HostileProducer], tmp_path: Path, step_ns: int
) -> None:
    # Late deliveries of a busy machine hide no step of many periods.
    features = HostileFeatures(frame_rate_hz=100.0)
    first_ns = 10**13
    script = Script(features, timestamp_first_ns=first_ns, timestamp_step=[(40, step_ns)])
    config = SessionConfig(
        camera=hostile(script).address,
        settings=ExposureSettings(trigger_source=TriggerSource.OFF),
        model=None,
    )
    with Session(config) as session:
        session.start()
        session.start_recording(RecordingRequest(tmp_path / "take"))
        wait_until(lambda: session.status().clock_steps["rsgr"])
        status = session.status()
        session.stop_recording()
    assert status.clock_steps == {"rsgr": 1}
    assert any("clock stepped 1 time" in text for text in status.device_state.warnings)
    report = live_report(status, Usage(0.0, Percentiles(0.0, 0.0, 0.0)))
    assert report["clock_steps"] == {"rsgr": 1}
    (told,) = open_recording(tmp_path / "take").info.cameras["rsgr"].warnings
    assert "clock stepped 1 time" in told


def test_a_recording_tells_how_many_frames_arrived_damaged(
    hostile: Callable[..., HostileProducer], tmp_path: Path
) -> None:
    damaged_from_20_on = [Answer(BufferInfo.IS_INCOMPLETE, 1, "set", "20+")]
    script = Script(HostileFeatures(frame_rate_hz=100.0), answers=damaged_from_20_on)
    config = SessionConfig(
        camera=hostile(script).address,
        settings=ExposureSettings(trigger_source=TriggerSource.OFF),
        model=None,
    )
    with Session(config) as session:
        session.start()
        session.start_recording(RecordingRequest(tmp_path / "a"))
        wait_until(lambda: session.status().counters.incomplete > 5)
        session.stop()
        told = session.status().recording
    assert told is not None
    assert told.damaged["rsgr"] > 5
    warnings = open_recording(tmp_path / "a").info.cameras["rsgr"].warnings
    assert f"not in the recording: {told.damaged['rsgr']}" in " ".join(warnings)
