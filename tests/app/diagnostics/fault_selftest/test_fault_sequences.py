"""Sequences of faults find every kind of broken promise, and none where promises are kept."""

import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import islice
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from app.diagnostics.fault_selftest import fault_sequences, running_session
from app.diagnostics.fault_selftest.defects import Defect, Trial
from app.diagnostics.fault_selftest.fault_sequences import FaultSequence, play_sequences
from app.diagnostics.fault_selftest.kinds import KINDS, TrialOrder
from app.diagnostics.fault_selftest.running_session import RunningSession
from app.diagnostics.fault_selftest.session_acts import Act
from app.diagnostics.fault_selftest.trial_place import TrialPlace
from app.session.capture import Capture
from app.session.config import SessionConfig
from app.session.recorder import Recorder
from app.session.session import Session
from drivers.camera_settings import ExposureSettings
from drivers.errors import InstrumentError
from drivers.frame import FrameMetadata
from drivers.genicam.genicam_camera import GenicamCamera
from drivers.recording.frame_index import Gap, IndexWriter
from drivers.recording.writer import RecordingWriter
from drivers.ring import FrameRing
from tests.patience import wait_until

pytestmark = pytest.mark.usefixtures("virtual_rig")

CONFIG = SessionConfig(
    settings=ExposureSettings(exposure_us=500.0, fps=100.0), size_px=(64, 16), model=None
)

Happens = Callable[[RunningSession], object]


def play(folder: Path, *acts: Happens, config: SessionConfig = CONFIG) -> Trial:
    sequence = FaultSequence("planted", config, tuple((Act("", act), 0.0) for act in acts))
    return sequence.play(folder / "played")


def frames_come(running: RunningSession) -> None:
    captured = running.session.status().counters.captured
    wait_until(lambda: running.session.status().counters.captured > captured + 12)


def records(running: RunningSession) -> None:
    """A recording of some frames, with losses on the way."""
    running.record("take")
    frames_come(running)
    running.write(0, "FaultLose", "3")
    frames_come(running)
    running.operate("", running.session.stop_recording)


def test_a_session_that_keeps_its_promises_is_told_so(tmp_path: Path) -> None:
    trial = play(tmp_path, records)
    assert (trial.what, trial.defects, trial.said) == ("planted", (), "stopped")
    assert not (tmp_path / "played").exists()


def _drawn(count: int) -> list[FaultSequence]:
    """Those that await no power, whose time does not pass by itself in tests."""
    drawn = (FaultSequence.drawn(0, number) for number in range(100))
    fit = (each for each in drawn if "for 0.2 s" not in each.name)
    return list(islice(fit, count))


@pytest.mark.parametrize("sequence", _drawn(5), ids=lambda each: each.name[:13])
def test_random_sequences_break_no_promise(tmp_path: Path, sequence: FaultSequence) -> None:
    trial = sequence.play(tmp_path / "played")
    assert trial.defects == (), trial


def test_the_same_seed_draws_the_same_sequence() -> None:
    names = {FaultSequence.drawn(7, number).name for number in range(20)}
    assert len(names) == 20
    assert names == {FaultSequence.drawn(7, number).name for number in range(20)}
    assert FaultSequence.drawn(7, 3).config == FaultSequence.drawn(7, 3).config


# Broken promises, planted

Plant = Callable[[pytest.MonkeyPatch], None]


def a_frame_is_not_recorded(patch: pytest.MonkeyPatch) -> None:
    append, calls = RecordingWriter.append, iter(range(10**6))

    def drops(self: RecordingWriter, *arguments: Any) -> None:
        if next(calls) != 5:
            append(self, *arguments)

    patch.setattr(RecordingWriter, "append", drops)


def a_gap_is_not_counted(patch: pytest.MonkeyPatch) -> None:
    def nothing(self: RecordingWriter, camera: str, gap: Gap) -> None: ...

    patch.setattr(RecordingWriter, "gap", nothing)


def the_last_frames_are_not_recorded(patch: pytest.MonkeyPatch) -> None:
    take = vars(Recorder)["_take"]

    def takes_no_more(self: Recorder, source: Any, timeout_s: float) -> bool:
        return source.frames < 8 and take(self, source, timeout_s)

    patch.setattr(Recorder, "_take", takes_no_more)


def the_driver_drops_a_frame(patch: pytest.MonkeyPatch) -> None:
    grab, calls = GenicamCamera.grab, iter(range(10**6))

    def drops(self: GenicamCamera, *arguments: Any) -> FrameMetadata | None:
        metadata = grab(self, *arguments)
        return None if metadata and next(calls) == 5 else metadata

    patch.setattr(GenicamCamera, "grab", drops)


def readers_get_torn_frames(patch: pytest.MonkeyPatch) -> None:
    copy_out = FrameRing.copy_out

    def tears(self: FrameRing, index: int, into: Any) -> FrameMetadata | None:
        metadata = copy_out(self, index, into)
        into[-1] = np.roll(into[-1], 1)
        return metadata

    patch.setattr(FrameRing, "copy_out", tears)


def the_index_is_cut(patch: pytest.MonkeyPatch) -> None:
    close = IndexWriter.close

    def cuts(self: IndexWriter) -> None:
        os.ftruncate(self._file.fileno(), 300)
        close(self)

    patch.setattr(IndexWriter, "close", cuts)


def a_thread_dies(patch: pytest.MonkeyPatch) -> None:
    def dies(self: Recorder, stopping: threading.Event) -> None:
        threading.Thread(target=lambda: 1 / 0).start()

    patch.setattr(Recorder, "_sync", dies)


@pytest.mark.parametrize(
    ("plant", "defect"),
    [
        (a_frame_is_not_recorded, Defect.SILENT_LOSS),
        (a_gap_is_not_counted, Defect.SILENT_LOSS),
        (the_last_frames_are_not_recorded, Defect.SILENT_LOSS),
        (the_driver_drops_a_frame, Defect.SILENT_LOSS),
        (readers_get_torn_frames, Defect.WRONG_FRAMES),
        (the_index_is_cut, Defect.UNREADABLE),
        (a_thread_dies, Defect.TRACEBACK),
    ],
)
def test_a_broken_promise_of_a_recording_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, plant: Plant, defect: Defect
) -> None:
    plant(monkeypatch)
    assert defect in play(tmp_path, records).defects


def raises(error: Exception) -> Happens:
    def call() -> None:
        raise error

    return lambda running: running.operate("planted", call)


@pytest.mark.parametrize(
    ("act", "defect"),
    [
        (raises(ValueError("nobody expected it")), Defect.TRACEBACK),
        (raises(InstrumentError("two\nlines")), Defect.UNCLEAR),
        (raises(InstrumentError("")), Defect.UNCLEAR),
        (lambda running: (running.folder / "beside").touch(), Defect.WROTE_OUTSIDE),
        (
            lambda running: running.session.on_thread_failure(ValueError("in a thread")),
            Defect.TRACEBACK,
        ),
    ],
)
def test_a_broken_promise_of_an_act_is_found(tmp_path: Path, act: Happens, defect: Defect) -> None:
    assert play(tmp_path, act).defects == (defect,)


def test_what_is_left_open_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running_session, "_GONE_WITHIN_S", 0.1)
    ending, left = threading.Event(), ExitStack()

    def leaves_a_thread(running: RunningSession) -> None:
        thread = threading.Thread(target=ending.wait, name="forgotten")
        thread.start()
        left.callback(thread.join)
        left.callback(ending.set)

    def leaves_a_handle(running: RunningSession) -> None:
        left.callback(os.close, os.open(tmp_path, os.O_RDONLY))

    with left:
        trial = play(tmp_path, leaves_a_thread)
        assert trial.defects == (Defect.LEAK,)
        assert "thread forgotten" in trial.said
        if sys.platform == "linux":
            assert play(tmp_path, leaves_a_handle).defects == (Defect.LEAK,)


def test_a_call_that_takes_too_long_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running_session, "LONGEST_CALL_S", 0.0)
    assert Defect.HANG in play(tmp_path).defects


def test_a_session_that_stands_still_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running_session, "_COMES_BACK_S", 0.3)

    def no_more_starts(running: RunningSession) -> None:
        running.operate("", running.session.stop)
        monkeypatch.setattr(Session, "start", lambda self: None)

    assert play(tmp_path, no_more_starts).defects == (Defect.STANDS_STILL,)


def test_frames_that_stay_away_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running_session, "_COMES_BACK_S", 0.3)
    monkeypatch.setattr(Capture, "_run", lambda self, stopping: stopping.wait())
    assert play(tmp_path).defects == (Defect.STANDS_STILL,)


# Processes


def _crashes(connection: Connection, seed: int, numbers: list[int], *_: object) -> None:
    connection.send(Trial(FaultSequence.drawn(seed, numbers[0]).name, (), "", 0.1))
    os.abort()


def _hangs(*_: object) -> None:
    time.sleep(600)


def test_a_process_that_dies_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fault_sequences, "_play", _crashes)
    told: list[Trial] = []
    trials = play_sequences(0, [4, 5], tmp_path / "faults", told.append)
    assert trials == told
    assert [each.what for each in trials] == [FaultSequence.drawn(0, n).name for n in (4, 5)]
    assert [each.defects for each in trials] == [(), (Defect.CRASH,)]
    if sys.platform != "win32":
        assert trials[1].said == "its process crashed (SIGABRT)"


def test_a_process_that_hangs_is_ended_and_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fault_sequences, "_play", _hangs)
    monkeypatch.setattr(fault_sequences, "_LONGEST_S", 0.2)
    (trial,) = play_sequences(0, [1], tmp_path / "faults", lambda trial: None)
    assert trial.defects == (Defect.HANG,)


def test_where_a_process_hangs_is_told(tmp_path: Path) -> None:
    stacks = tmp_path / "stacks.txt"
    stacks.write_text(
        'Thread 0x1 (most recent call first):\n  File "x.py", line 3 in other\n'
        'Thread 0x2 (most recent call first):\n  File "x.py", line 9 in main\n  File "x.py"\n'
    )
    assert fault_sequences.stuck_at(stacks) == 'File "x.py", line 9 in main'


def test_after_a_process_that_died_the_others_play_in_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    processes: list[list[int]] = []

    def plays(seed: int, numbers: list[int], folder: Path) -> Iterator[Trial]:
        processes.append(list(numbers))
        for number in numbers:
            yield Trial(f"{number}", (Defect.CRASH,) if number == 3 else (), "", 0.1)
            if number == 3:
                return

    monkeypatch.setattr(fault_sequences, "_played_in_a_process", plays)
    trials = play_sequences(0, range(6), tmp_path / "faults", lambda trial: None)
    assert [each.what for each in trials] == ["0", "1", "2", "3", "4", "5"]
    assert processes == [[0, 1, 2, 3, 4, 5], [4, 5]]


def test_they_are_a_kind_of_faults_and_can_be_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    played: list[int] = []

    def plays(seed: int, numbers: list[int], *_: object) -> list[Trial]:
        played.extend(numbers)
        return []

    monkeypatch.setattr("app.diagnostics.fault_selftest.kinds.play_sequences", plays)
    for only in ((), ("sequence 3-41:",)):
        KINDS["sequences"](TrialOrder(TrialPlace(tmp_path), 3, 4, only, lambda trial: None))
    assert played == [*range(80), 41]
