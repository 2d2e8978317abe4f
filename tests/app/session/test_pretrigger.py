"""Frames from before the start: as many as asked for, or refused, or fewer and told."""

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.session.config import SessionConfig
from app.session.recorder import RecordingRequest
from app.session.session import Session
from drivers.errors import InstrumentError
from drivers.recording import open_recording
from drivers.recording.frame_index import Gap, GapCause
from drivers.recording.integrity import verify
from drivers.recording.writer import RecordingWriter
from tests import small_recording as small
from tests.app.recordings.run_ngs import ngs
from tests.app.session.test_recorder import Rig, sequences
from tests.patience import wait_until


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A camera of 32 x 24 at 100 frames a second."""
    folder = small.write(tmp_path_factory.mktemp("films") / "source", {"rsgr": range(60)})
    return f"replay:{folder}#rsgr"


def test_what_a_ring_does_not_hold_is_told_and_recorded(tmp_path: Path) -> None:
    rig = Rig(slots=100)
    rig.publish(*range(150))
    recorder = rig.record(tmp_path / "a", pretrigger_s=2.0)
    recorder.stop()
    # Half a second of the hundred frames is left to those that come meanwhile.
    recording = open_recording(tmp_path / "a")
    assert sequences(recording, "rsgr") == list(range(102, 150))
    status = recorder.status()
    assert status.as_asked
    assert (status.pretrigger_asked_s, status.pretrigger_s) == (2.0, pytest.approx(0.48))
    told = "pre-trigger shortened: 2 s from before the start were asked for, 0.48 s were in memory"
    assert status.note == told
    written = json.loads((tmp_path / "a" / "recording.json").read_text())
    assert written["pretrigger_s"] == pytest.approx(0.48)
    assert written["cameras"]["gs"]["warnings"] == [told]


def test_what_was_there_is_as_asked(tmp_path: Path) -> None:
    rig = Rig()
    rig.publish(*range(50))
    recorder = rig.record(tmp_path / "a", pretrigger_s=0.2)
    recorder.stop()
    assert recorder.status().note == ""
    info = open_recording(tmp_path / "a").info
    assert info.pretrigger_s == 0.2
    assert info.cameras["rsgr"].warnings == ()


def test_nothing_from_before_is_told(tmp_path: Path) -> None:
    recorder = Rig().record(tmp_path / "a", pretrigger_s=0.2)
    recorder.stop()
    assert "0.00 s were in memory" in recorder.status().note


def test_a_camera_that_knows_no_rate_has_a_past_too(tmp_path: Path) -> None:
    """Its triggers come from outside: there was none, silently."""
    rig = Rig()
    rig.camera = rig.camera.model_copy(update={"fps": None})
    rig.publish(*range(50))
    rig.record(tmp_path / "a", pretrigger_s=0.2).stop()
    assert sequences(open_recording(tmp_path / "a"), "rsgr") == list(range(30, 50))


def test_first_frames_that_were_overwritten_are_a_gap(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig = Rig(slots=100)
    rig.publish(*range(50))
    make = RecordingWriter.__init__

    def slowly(self: RecordingWriter, *given: object) -> None:
        rig.publish(*range(50, 150))
        make(self, *given)  # type: ignore[arg-type]

    monkeypatch.setattr(RecordingWriter, "__init__", slowly)
    recorder = rig.record(tmp_path / "a", pretrigger_s=0.2)
    recorder.stop()
    recording = open_recording(tmp_path / "a")
    first = sequences(recording, "rsgr")[0]
    assert recording.stream("rsgr").gaps == (Gap(0, first - 30, GapCause.DISK),)
    assert recorder.status().lost_to_disk == 2 * (first - 30) > 0
    assert verify(recording) == []


@given(
    pretrigger_s=st.floats(0.01, 1e4), ring_mb=st.integers(1, 50), ring_seconds=st.floats(1.0, 5.0)
)
@settings(max_examples=60)
def test_a_refusal_tells_what_is_possible(
    source: str, pretrigger_s: float, ring_mb: int, ring_seconds: float
) -> None:
    config = SessionConfig(
        source,
        model=None,
        pretrigger_s=pretrigger_s,
        ring_budget_bytes=ring_mb * 10**6,
        ring_seconds=ring_seconds,
    )

    def refusal(config: SessionConfig) -> str:
        with Session(config) as session:
            try:
                session.check_pretrigger()
            except InstrumentError as error:
                return str(error)
        return ""

    told = refusal(config)
    holds = ring_mb * 10**6 // (small.ROWS * small.COLUMNS) / 100
    assert bool(told) == (pretrigger_s > holds - 0.6) or abs(pretrigger_s - holds + 0.6) < 0.2
    if not told:
        return
    found = re.search(
        r"ring of rsgr holds ([\d.e+]+) s of 32 x 24 Mono8 at 100 fps; ask for less, or give "
        r"--ring-mb (\d+)$",
        told,
    )
    assert found is not None, told
    assert refusal(replace(config, pretrigger_s=float(found[1]))) == ""
    larger = replace(config, ring_budget_bytes=int(found[2]) * 10**6)
    assert refusal(larger) == "" or "MB are free" in refusal(larger)


@pytest.mark.parametrize(
    "command", [("record", "out"), ("live", "--headless", "--model", "none", "--seconds", "0.2")]
)
def test_commands_refuse_it_before_anything_begins(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    source: str,
    command: tuple[str, ...],
) -> None:
    monkeypatch.chdir(tmp_path)
    camera = ("--camera", source, "--ring-mb", "1")
    assert ngs(monkeypatch, *command, *camera, "--pretrigger-s", "60") == 1
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert line.startswith("ngs: --pretrigger-s 60: the 1 MB ring of rsgr holds 12.5 s of 32 x 24")
    for wrong in ("nan", "inf", "-1"):
        assert ngs(monkeypatch, *command, *camera, "--pretrigger-s", wrong) == 2
        assert len(capsys.readouterr().err.strip().splitlines()) == 1
    assert ngs(monkeypatch, *command, "--camera", source, "--ring-mb", "0") == 2
    assert "'0' is not a number from 1" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_ngs_record_tells_and_reports_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, source: str
) -> None:
    monkeypatch.setattr("app.commands.record._wait_for", lambda *_: None)
    report = tmp_path / "report.json"
    asked = ("record", tmp_path / "a", "--camera", source, "--frames", "5", "--json", report)
    assert ngs(monkeypatch, *asked, "--pretrigger-s", "3") == 0
    told = json.loads(report.read_text())
    assert told["pretrigger_asked_s"] == 3.0
    assert told["pretrigger_s"] < 3.0
    assert "pre-trigger shortened: 3 s" in told["note"]


def test_a_stream_that_has_just_begun_has_a_shorter_past(tmp_path: Path, source: str) -> None:
    config = SessionConfig(source, model=None, pretrigger_s=0.5)
    with Session(config) as session:
        session.start()
        session.start_recording(RecordingRequest(tmp_path / "a", frames=60, pretrigger_s=0.5))
        assert "0.5 s from before the start were asked for" in session.status().recording.note
        wait_until(lambda: not session.status().recording.recording)
        session.start_recording(RecordingRequest(tmp_path / "b", pretrigger_s=0.5))
        assert session.status().recording.note == ""
        session.stop_recording()
    assert len(open_recording(tmp_path / "b").stream()) > 0
