"""A camera that gives no frame: what is said, and that everything ends when it should."""

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from app.session.config import SessionConfig
from app.session.headless import stream
from app.session.session import Session
from app.session.status import SessionState
from app.session.status_text import waiting_text
from drivers.camera_settings import ExposureSettings, TriggerSource
from drivers.genicam.genicam_camera import GenicamCamera
from tests.app.test_cli import ngs
from tests.drivers.genicam.hostile.hostile_description import HostileFeatures
from tests.drivers.genicam.hostile.hostile_producer import HostileProducer, Script
from tests.patience import wait_until

Maker = Callable[..., HostileProducer]


def config(producer: HostileProducer, **settings: Any) -> SessionConfig:
    return SessionConfig(camera=producer.address, settings=ExposureSettings(**settings), model=None)


def test_what_is_waited_for_is_told_and_is_no_loss(hostile: Maker) -> None:
    producer = hostile(Script(access_status_open=3))
    with Session(config(producer, trigger_source="Line1")) as session:
        session.start()
        wait_until(lambda: bool(waiting_text(session.status())))
        told = waiting_text(session.status())
        assert told.startswith("no trigger on Line1 for ")
        assert "0 frames so far; start the signal" in told
        assert session.state is SessionState.STREAMING
        producer.pulse(3)
        wait_until(lambda: session.status().counters.captured == 3)
        assert not waiting_text(session.status())


@pytest.mark.usefixtures("virtual_rig")
def test_pulses_that_no_frame_follows_are_told_from_none_at_all() -> None:
    """By a counter that the camera has to spare: the wire is silent, or the camera is."""
    asked = ExposureSettings(trigger_source="Line1")
    with Session(SessionConfig(camera="virtual:rsgr", settings=asked, model=None)) as session:
        camera = session.camera
        assert isinstance(camera, GenicamCamera)
        camera.write_node("RigGeneratorEnable", "false")
        session.start()
        wait_until(lambda: "0 pulses counted" in waiting_text(session.status()))
        assert waiting_text(session.status()).startswith("no trigger on Line1 for ")
        camera.write_node("FaultFreeze", "true")
        camera.write_node("RigGeneratorRate", "50")
        camera.write_node("RigGeneratorEnable", "true")
        wait_until(lambda: "pulses came on Line1" in waiting_text(session.status()))
        assert not session.status().counters.captured
        camera.write_node("FaultFreeze", "false")
        wait_until(lambda: session.status().counters.captured > 3)
        assert not waiting_text(session.status())
        assert session.status().counters.silent_pulses is None


def test_a_slow_camera_is_not_silent(hostile: Maker) -> None:
    producer = hostile(Script(HostileFeatures(frame_rate_hz=0.3)))
    with Session(config(producer, trigger_source=TriggerSource.OFF)) as session:
        session.start()
        wait_until(lambda: session.status().silent_s > 2.5)
        assert not waiting_text(session.status())


def test_a_headless_run_ends_after_its_seconds_and_has_said_why(hostile: Maker) -> None:
    producer = hostile(Script(silent_after_frames=2, access_status_open=4))
    text = io.StringIO()
    with Session(config(producer, trigger_source=TriggerSource.OFF, fps=50.0)) as session:
        status, _ = stream(session, 3.5, Console(file=text, width=300))
    assert status.counters.captured == 2
    assert text.getvalue().count("no frame for 2 s although the camera runs freely") == 1
    assert status.state is not SessionState.LOST


def test_a_recording_of_nothing_ends_by_the_clock(
    hostile: Maker,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    producer = hostile()
    report = tmp_path / "report.json"
    asked = ("--camera", producer.address, "--trigger", "Line1", "--json", str(report))
    out = str(tmp_path / "r")
    assert ngs(monkeypatch, "record", out, *asked, "--seconds", "2.5", "--pretrigger-s", "1") == 0
    said = capsys.readouterr()
    assert "no trigger on Line1 for 2 s" in said.err
    told = json.loads(report.read_text())
    assert told["frames"] == {"rsgr": 0}
    assert told["reason"].startswith("2.5 s have passed, no frame came for the last ")


def test_a_recording_begun_by_a_trigger_waits_for_it(
    hostile: Maker, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    producer = hostile(Script(silent_first_ms=1500.0))
    out = tmp_path / "r"
    asked = ("--camera", producer.address, "--trigger", "off", "--frames", "3")
    assert ngs(monkeypatch, "record", str(out), *asked) == 0
    assert out.is_dir()
