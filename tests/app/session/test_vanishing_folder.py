"""A recording's folder that goes away ends the recording with the cause, and nothing else."""

import errno
import gc
import json
import os
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from app.session.config import SessionConfig
from app.session.recorder import RecordingRequest
from app.session.session import Session
from app.session.status import RecordingStatus, SessionState
from drivers.recording import description, open_recording
from drivers.recording.completion import repair
from drivers.recording.frame_index import IndexWriter
from drivers.recording.integrity import verify
from drivers.recording.recording import Progress
from drivers.recording.writer import RecordingWriter
from tests import small_recording as small
from tests.app.recordings.run_ngs import ngs
from tests.app.session.test_recorder import Rig, sequences
from tests.patience import LONGEST_S, wait_until

pytestmark = pytest.mark.skipif(
    not Path("/proc/self/fd").is_dir(), reason="folders are held by /proc"
)


@pytest.fixture(autouse=True)
def _small_shards(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shards begin while it is recorded: each is a file that is made by its path."""
    monkeypatch.setattr(description, "_SHARD_FRAMES", (16, 16))


def remove(folder: Path) -> None:
    """Remove it although a file may be made in it meanwhile."""
    while folder.exists():
        shutil.rmtree(folder, ignore_errors=True)


def record_and(folder: Path, happens: Callable[[], object], rig: Rig) -> RecordingStatus:
    """Record 20 frames, let it happen, and go on until the recording ends by itself."""
    recorder = rig.record(folder)
    rig.publish(*range(20))
    wait_until(lambda: recorder.status().frames == {"rsgr": 20, "gs": 20})
    happens()
    rig.publish(*range(20, 60))
    assert recorder.ended.wait(LONGEST_S)
    recorder.stop()
    assert rig.failures == []
    assert not recorder.status().as_asked
    return recorder.status()


def test_a_folder_that_is_removed(tmp_path: Path) -> None:
    folder = tmp_path / "films" / "a"
    status = record_and(folder, lambda: remove(folder), Rig())
    # It may be seen when only its files are gone.
    assert "removed while it was recorded, and its frames with it" in status.message
    assert "of rsgr and" in status.message
    assert status.frames == {"rsgr": 0, "gs": 0}
    assert list((tmp_path / "films").iterdir()) == []


def test_a_folder_whose_files_are_removed(tmp_path: Path) -> None:
    folder = tmp_path / "a"

    def empty() -> None:
        for item in folder.glob("*.jsonl"):
            item.unlink()

    status = record_and(folder, empty, Rig())
    assert "lost its files: they were removed while it was recorded" in status.message
    assert status.frames == {"rsgr": 0, "gs": 0}


@pytest.mark.parametrize("another", [False, True], ids=["nothing", "another folder"])
def test_a_folder_that_is_renamed(tmp_path: Path, another: bool) -> None:
    """acquire-zarr would make the old path anew for the next shard."""
    folder, moved = tmp_path / "films" / "a", tmp_path / "films" / "b"

    def rename() -> None:
        folder.rename(moved)
        if another:
            folder.mkdir()

    status = record_and(folder, rename, Rig())
    assert f"{folder} was renamed or moved to {moved} while it was recorded" in status.message
    assert [item.name for item in (tmp_path / "films").iterdir() if any(item.iterdir())] == ["b"]
    recording = open_recording(moved)
    assert recording.progress is Progress.COMPLETE
    assert recording.info.end is not None
    assert recording.info.end.reason == status.message
    assert recording.info.end.frames == status.frames
    assert verify(recording) == []
    assert len(sequences(recording, "rsgr")) >= 20


def test_stopped_at_once_after_it_was_renamed_it_is_not_as_asked(tmp_path: Path) -> None:
    rig = Rig()
    recorder = rig.record(tmp_path / "a")
    rig.publish(*range(20))
    wait_until(lambda: recorder.status().frames == {"rsgr": 20, "gs": 20})
    (tmp_path / "a").rename(tmp_path / "b")
    recorder.stop()
    assert not recorder.status().as_asked
    assert "was renamed or moved to" in recorder.status().message
    assert sequences(open_recording(tmp_path / "b"), "gs") == list(range(20))


@pytest.mark.parametrize("code", [errno.EIO, errno.ENODEV, errno.EDQUOT])
@pytest.mark.parametrize("where", ["fsync", "statvfs", "line"])
def test_a_disk_that_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str, code: int
) -> None:
    monkeypatch.setattr("app.session.recorder.SYNC_EVERY_S", 0.05)
    frames = IndexWriter.frame

    def fails(*_: object) -> int:
        raise OSError(code, os.strerror(code))

    def fails_later(self: IndexWriter, number: int, entry: object) -> None:
        if number == 30:
            fails()
        frames(self, number, entry)  # type: ignore[arg-type]

    def happens() -> None:
        if where == "line":
            monkeypatch.setattr(IndexWriter, "frame", fails_later)
        elif where == "fsync":
            monkeypatch.setattr(os, "fsync", fails)
        else:
            monkeypatch.setattr(shutil, "disk_usage", fails)

    status = record_and(tmp_path / "a", happens, Rig())
    assert os.strerror(code) in status.message
    monkeypatch.undo()
    monkeypatch.setattr(description, "_SHARD_FRAMES", (16, 16))
    recording = open_recording(tmp_path / "a")
    assert verify(recording) == []
    assert len(recording.stream()) == status.frames["rsgr"] >= 20
    repair(tmp_path / "a")
    assert len(open_recording(tmp_path / "a").stream()) == status.frames["rsgr"]


def test_a_torn_index_line_is_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It was an error that ended the session."""
    recorded = Rig()
    full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    class Torn:
        def __init__(self, file: object) -> None:
            self.file = file

        def write(self, line: bytes) -> int:
            return int(self.file.write(line[:10]))  # type: ignore[attr-defined]

        def __getattr__(self, name: str) -> object:
            return getattr(self.file, name)

    line = IndexWriter.frame

    def frame(self: IndexWriter, number: int, entry: object) -> None:
        if number == 25:
            self._file = Torn(self._file)  # type: ignore[assignment]
        line(self, number, entry)  # type: ignore[arg-type]

    monkeypatch.setattr(IndexWriter, "frame", frame)
    status = record_and(tmp_path / "a", lambda: None, recorded)
    assert str(full.strerror) in status.message or "is full" in status.message
    assert sequences(open_recording(tmp_path / "a"), "rsgr")[:25] == list(range(25))


@contextmanager
def recording_session(folder: Path) -> Iterator[Session]:
    small.write(folder / "source", {"rsgr": range(60)})
    config = SessionConfig(f"replay:{folder / 'source'}#rsgr", model=None)
    with Session(config) as session:
        session.start()
        session.start_recording(RecordingRequest(folder / "out"))
        wait_until(lambda: session.status().recording.frames["rsgr"] > 5)
        yield session


def test_the_session_goes_on_and_records_again(tmp_path: Path) -> None:
    with recording_session(tmp_path) as session:
        remove(tmp_path / "out")
        wait_until(lambda: not session.status().recording.recording)
        assert "removed while it was recorded" in session.status().recording.message
        captured = session.status().counters.captured
        wait_until(lambda: session.status().counters.captured > captured + 5)
        assert session.state is SessionState.STREAMING
        assert session.status().message == ""
        assert session.failure is None
        session.start_recording(RecordingRequest(tmp_path / "out", frames=5))
        wait_until(lambda: not session.status().recording.recording)
        assert session.status().recording.as_asked
    assert len(open_recording(tmp_path / "out").stream()) == 5


def test_ngs_record_says_it_in_one_line(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    small.write(tmp_path / "source", {"rsgr": range(60)})
    out, moved = tmp_path / "out", tmp_path / "moved"

    def rename_it() -> None:
        wait_until(lambda: (out / "rsgr.index.jsonl").exists())
        out.rename(moved)

    renaming = threading.Thread(target=rename_it)
    renaming.start()
    camera = f"replay:{tmp_path / 'source'}#rsgr"
    asked = ("record", out, "--camera", camera, "--seconds", "60", "--json", tmp_path / "r.json")
    assert ngs(monkeypatch, *asked) == 1
    renaming.join()
    said = capsys.readouterr().err.strip().splitlines()[-1]
    assert said.startswith(f"ngs: {out} was renamed or moved to {moved} while it was recorded")
    told = json.loads((tmp_path / "r.json").read_text())
    assert not told["as_asked"]
    assert told["frames"]["rsgr"] == len(open_recording(moved).stream())


def test_what_the_library_could_not_write_goes_nowhere_else(tmp_path: Path) -> None:
    """At its own end it tries again; by then the folder's number may be another folder's."""
    rig = Rig()
    recorder = rig.record(tmp_path / "a")
    rig.publish(*range(15))
    wait_until(lambda: b'"frame": 14' in (tmp_path / "a" / "gs.index.jsonl").read_bytes())
    remove(tmp_path / "a")
    rig.publish(*range(15, 40))
    assert recorder.ended.wait(LONGEST_S)
    recorder.stop()
    del rig, recorder
    (tmp_path / "other").mkdir()
    held = [os.open(tmp_path / "other", os.O_RDONLY) for _ in range(20)]
    gc.collect()
    for each in held:
        os.close(each)
    assert list((tmp_path / "other").iterdir()) == []


def test_a_folder_that_is_removed_while_the_recording_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is still to be written may take seconds: it was told as asked, without a frame."""
    rig = Rig()
    recorder = rig.record(tmp_path / "a")
    rig.publish(*range(20))
    wait_until(lambda: recorder.status().frames == {"rsgr": 20, "gs": 20})
    finish = RecordingWriter.finish

    def finishes_late(self: RecordingWriter, *arguments: object) -> object:
        remove(tmp_path / "a")
        return finish(self, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(RecordingWriter, "finish", finishes_late)
    recorder.stop()
    status = recorder.status()
    assert not status.as_asked
    assert "was removed while it was recorded" in status.message
    assert status.frames == {"rsgr": 0, "gs": 0}
