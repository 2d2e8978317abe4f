"""Recording from the window: one key, and nothing that goes wrong stops the view."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from PyQt6.QtCore import Qt
from pytestqt.qtbot import QtBot

from app.gui.window import MainWindow
from app.session.config import SessionConfig
from app.session.recorder import RecordingRequest
from app.session.session import Session
from app.session.status import SessionState
from drivers.frame import FrameMetadata
from drivers.pixel_format import Pixels
from drivers.recording.integrity import verify
from drivers.recording.recording import open_recording
from drivers.recording.writer import RecordingFailedError, RecordingWriter
from tests.patience import LONGEST_S, wait_until

Opener = Callable[[SessionConfig], MainWindow]
WAIT_MS = round(1000 * LONGEST_S)


def press_record(qtbot: QtBot, window: MainWindow) -> None:
    qtbot.waitUntil(window.toolbar.record_button.isEnabled, timeout=WAIT_MS)
    qtbot.keyClick(window, Qt.Key.Key_R)


def recorded_frames(window: MainWindow) -> int:
    recording = window.controller.look().recording
    return 0 if recording is None else recording.frames["rsgr"]


def test_record_and_stop(
    qtbot: QtBot, open_window: Opener, replay_config: SessionConfig, tmp_path: Path
) -> None:
    window = open_window(replace(replay_config, recordings=tmp_path / "films", pretrigger_s=0.1))
    press_record(qtbot, window)
    qtbot.waitUntil(lambda: recorded_frames(window) > 10, timeout=WAIT_MS)
    qtbot.waitUntil(lambda: "frames, 0 lost" in window.toolbar.recording.text(), timeout=WAIT_MS)
    assert window.toolbar.record_button.text() == "Stop recording"
    press_record(qtbot, window)
    qtbot.waitUntil(lambda: window.toolbar.record_button.text() == "Record", timeout=WAIT_MS)
    (folder,) = (tmp_path / "films").iterdir()
    qtbot.waitUntil(lambda: str(folder) in window.messages.text, timeout=WAIT_MS)
    recording = open_recording(folder)
    assert len(recording.stream()) == recorded_frames(window)
    assert verify(recording) == []


def test_a_shorter_past_than_asked_for_is_told(
    qtbot: QtBot, open_window: Opener, replay_config: SessionConfig, tmp_path: Path
) -> None:
    window = open_window(replace(replay_config, recordings=tmp_path, pretrigger_s=600.0))
    press_record(qtbot, window)
    qtbot.waitUntil(lambda: "pre-trigger shortened: 600 s" in window.messages.text, timeout=WAIT_MS)


def test_a_folder_that_is_removed_ends_the_recording_and_nothing_else(
    qtbot: QtBot, open_window: Opener, replay_config: SessionConfig, tmp_path: Path
) -> None:
    window = open_window(replace(replay_config, recordings=tmp_path / "films"))
    press_record(qtbot, window)
    qtbot.waitUntil(lambda: recorded_frames(window) > 2, timeout=WAIT_MS)
    while (tmp_path / "films").exists():  # a file may be made in it meanwhile
        shutil.rmtree(tmp_path / "films", ignore_errors=True)
    qtbot.waitUntil(
        lambda: "removed while it was recorded" in window.messages.text, timeout=WAIT_MS
    )
    assert window.controller.look().state == SessionState.STREAMING
    press_record(qtbot, window)
    qtbot.waitUntil(lambda: recorded_frames(window) > 2, timeout=WAIT_MS)


def test_settings_are_refused_while_recording(
    qtbot: QtBot, open_window: Opener, replay_config: SessionConfig, tmp_path: Path
) -> None:
    window = open_window(replace(replay_config, recordings=tmp_path))
    press_record(qtbot, window)
    qtbot.waitUntil(lambda: recorded_frames(window) > 2, timeout=WAIT_MS)
    window.panel.numbers["exposure_us"].spin.setValue(2000.0)
    window.panel.numbers["exposure_us"].spin.editingFinished.emit()
    qtbot.waitUntil(lambda: "stop the recording first" in window.messages.text, timeout=WAIT_MS)


def test_that_it_failed_is_not_hidden_by_that_it_began(
    qtbot: QtBot,
    open_window: Opener,
    replay_config: SessionConfig,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """On a busy machine it may have failed before the window hears that it began."""
    start = Session.start_recording

    def fails(self: RecordingWriter, name: str, codes: Pixels, metadata: FrameMetadata) -> None:
        raise RecordingFailedError("the disk is full; free some space")

    def started_late(session: Session, request: RecordingRequest) -> None:
        start(session, request)
        wait_until(lambda: "the disk is full" in window.messages.text)
        begun.append(request.folder)

    monkeypatch.setattr(RecordingWriter, "append", fails)
    monkeypatch.setattr(Session, "start_recording", started_late)
    window = open_window(replace(replay_config, recordings=tmp_path / "films"))
    begun: list[Path] = []
    heard: list[Path] = []
    window.controller.settled.connect(lambda: heard.extend(begun))
    press_record(qtbot, window)
    qtbot.waitUntil(lambda: bool(heard), timeout=WAIT_MS)
    assert "the disk is full" in window.messages.text


def test_a_full_disk_ends_the_recording_and_nothing_else(
    qtbot: QtBot,
    open_window: Opener,
    replay_config: SessionConfig,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    append = RecordingWriter.append

    def fails(self: RecordingWriter, name: str, codes: Pixels, metadata: FrameMetadata) -> None:
        if self.frames[name] == 5:
            raise RecordingFailedError("the disk is full; free some space")
        append(self, name, codes, metadata)

    monkeypatch.setattr(RecordingWriter, "append", fails)
    window = open_window(replace(replay_config, recordings=tmp_path / "films"))
    press_record(qtbot, window)
    qtbot.waitUntil(lambda: "the disk is full" in window.messages.text, timeout=WAIT_MS)
    before = window.controller.look().counters.captured
    qtbot.waitUntil(
        lambda: window.controller.look().counters.captured > before + 5, timeout=WAIT_MS
    )
    assert window.controller.look().state == SessionState.STREAMING
    (folder,) = (tmp_path / "films").iterdir()
    assert len(open_recording(folder).stream()) == 5
