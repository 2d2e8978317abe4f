"""The recording thread: every frame in order, every loss counted, nothing ever blocked."""

import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from app.session.recorder import Recorder, RecordingRequest
from app.session.status_text import recording_outcome
from drivers.errors import InstrumentError
from drivers.frame import FrameMetadata
from drivers.pixel_format import Pixels
from drivers.recording.description import RecordedCamera, RecordingInfo, write_description
from drivers.recording.frame_index import Gap, GapCause
from drivers.recording.integrity import verify
from drivers.recording.recording import Recording, open_recording
from drivers.recording.writer import RecordingFailedError, RecordingWriter
from drivers.ring import FrameRing
from tests.patience import LONGEST_S, wait_until

FPS = 100.0
ROWS, COLUMNS = 32, 48


class Rig:
    """Two rings fed by hand; frame ``n`` is grey of code ``n``."""

    def __init__(self, slots: int = 100) -> None:
        self.camera = RecordedCamera(
            address="test", maker="", model="", serial="", firmware="",
            rows=ROWS, columns=COLUMNS, pixel_format="Mono8", fps=FPS,
        )  # fmt: skip
        self.rings = {name: FrameRing(self.camera.frame_format, slots) for name in ("rsgr", "gs")}
        self.failures: list[Exception] = []
        self.warnings: dict[str, tuple[str, ...]] = {}
        self.damaged = {"rsgr": 0, "gs": 0}

    def publish(self, *sequences: int, cameras: tuple[str, ...] = ("rsgr", "gs")) -> None:
        for sequence in sequences:
            for name in cameras:
                ring = self.rings[name]
                ring.slot_to_fill()[...] = sequence % 256
                ring.publish(FrameMetadata(sequence, round(sequence * 1e9 / FPS)))

    def publish_stepping(self, frames: int, at: int, step_ns: int) -> None:
        """Frames whose RSGR clock steps."""
        for sequence in range(frames):
            host_ns = round(sequence * 1e9 / FPS)
            for name, ring in self.rings.items():
                device_ns = 10**12 + host_ns + step_ns * (name == "rsgr" and sequence >= at)
                ring.slot_to_fill()[...] = sequence % 256
                ring.publish(FrameMetadata(sequence, host_ns, device_ns))

    def record(self, folder: Path, **wishes: Any) -> Recorder:
        info = RecordingInfo(
            started=datetime.now(UTC),
            started_host_time_ns=0,
            cameras={"rsgr": self.camera, "gs": self.camera},
        )
        request = RecordingRequest(folder, **wishes)
        recorder = Recorder(
            *(request, info, self.rings, self.failures.append, lambda: self.warnings),
            lambda: dict(self.damaged),
        )
        recorder.start()
        return recorder


def sequences(recording: Recording, name: str) -> list[int]:
    stream = recording.stream(name)
    frames = list(stream.read(range(len(stream))))
    for frame in frames:
        assert (frame.pixels == frame.metadata.sequence % 256).all()
    return [frame.metadata.sequence for frame in frames]


def test_every_frame_of_both_cameras_in_order(tmp_path: Path) -> None:
    rig = Rig()
    recorder = rig.record(tmp_path / "a")
    for sequence in range(60):
        rig.publish(sequence)
    recorder.stop()
    recording = open_recording(tmp_path / "a")
    assert sequences(recording, "rsgr") == list(range(60))
    assert sequences(recording, "gs") == list(range(60))
    status = recorder.status()
    assert status.as_asked
    assert status.message == "stopped"
    assert status.frames == {"rsgr": 60, "gs": 60}
    assert sum(status.lost.values()) == 0
    assert rig.failures == []


def test_frames_from_before_the_button(tmp_path: Path) -> None:
    rig = Rig()
    rig.publish(*range(50))
    recorder = rig.record(tmp_path / "a", pretrigger_s=0.2)
    rig.publish(*range(50, 60))
    recorder.stop()
    assert sequences(open_recording(tmp_path / "a"), "rsgr") == list(range(30, 60))


@pytest.mark.parametrize(
    ("wish", "frames", "reason"),
    [({"frames": 7}, 7, "7 frames recorded"), ({"seconds": 0.2}, 21, "0.2 s recorded")],
)
def test_stops_by_itself(tmp_path: Path, wish: dict[str, Any], frames: int, reason: str) -> None:
    rig = Rig()
    recorder = rig.record(tmp_path / "a", **wish)
    rig.publish(*range(40))
    assert recorder.ended.wait(LONGEST_S)
    recorder.stop()
    recording = open_recording(tmp_path / "a")
    assert sequences(recording, "rsgr") == list(range(frames))
    assert sequences(recording, "gs") == list(range(frames))
    assert recorder.status().message == reason
    assert recorder.status().as_asked


def test_frames_that_arrive_damaged_are_told_wherever_they_come(tmp_path: Path) -> None:
    rig = Rig()
    rig.damaged["rsgr"] = 100  # before it began
    recorder = rig.record(tmp_path / "a")
    rig.damaged["rsgr"] += 3  # before its first frame, so in no gap
    rig.publish(*range(10))
    rig.damaged["rsgr"] += 4  # and behind its last
    recorder.stop()
    rig.damaged["rsgr"] += 5
    status = recorder.status()
    assert status.damaged == {"rsgr": 7, "gs": 0}
    assert sum(status.lost.values()) == 0
    assert "10 frames of gs in 0.1 s, 0 lost, 7 arrived damaged, " in recording_outcome(status)
    cameras = open_recording(tmp_path / "a").info.cameras
    assert cameras["rsgr"].warnings == (
        "frames that arrived damaged and are not in the recording: 7",
    )
    assert cameras["gs"].warnings == ()


def test_what_the_camera_lost_is_a_gap(tmp_path: Path) -> None:
    rig = Rig()
    recorder = rig.record(tmp_path / "a")
    rig.publish(0, 1, 4, cameras=("rsgr",))
    rig.publish(0, 1, 2, 3, 4, cameras=("gs",))
    recorder.stop()
    recording = open_recording(tmp_path / "a")
    assert recording.stream("rsgr").gaps == (Gap(2, 2, GapCause.CAMERA),)
    assert recording.stream("gs").gaps == ()
    assert recorder.status().lost == {"rsgr": 2, "gs": 0}
    assert recorder.status().lost_to_disk == 0
    assert verify(recording) == []


def test_a_slow_disk_loses_counted_frames_and_blocks_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    append = RecordingWriter.append
    may_write = threading.Semaphore(0)

    def slowly(self: RecordingWriter, name: str, codes: Pixels, metadata: FrameMetadata) -> None:
        assert may_write.acquire(timeout=LONGEST_S)
        append(self, name, codes, metadata)

    monkeypatch.setattr(RecordingWriter, "append", slowly)
    rig = Rig(slots=10)
    recorder = rig.record(tmp_path / "a")
    rig.publish(0)
    may_write.release(2)
    wait_until(lambda: recorder.status().frames == {"rsgr": 1, "gs": 1})
    # The disk takes one frame in ten; publishing waits for nobody.
    for sequence in range(1, 200):
        rig.publish(sequence)
        if sequence % 10 == 0:
            may_write.release(2)
    may_write.release(400)
    recorder.stop()
    recording = open_recording(tmp_path / "a")
    status = recorder.status()
    assert status.lost_to_disk > 50
    for name in ("rsgr", "gs"):
        stream = recording.stream(name)
        recorded = sequences(recording, name)
        assert {gap.cause for gap in stream.gaps} == {GapCause.DISK}
        assert recorded[-1] - recorded[0] + 1 == len(recorded) + sum(
            gap.frames for gap in stream.gaps
        )
    assert verify(recording) == []
    assert status.lost_to_disk == sum(status.lost.values())


def test_ends_with_the_cameras(tmp_path: Path) -> None:
    rig = Rig()
    recorder = rig.record(tmp_path / "a")
    rig.publish(*range(5))
    for ring in rig.rings.values():
        ring.close()
    assert recorder.ended.wait(LONGEST_S)
    recorder.stop()
    assert not recorder.status().as_asked
    assert "stopped delivering" in recorder.status().message
    assert sequences(open_recording(tmp_path / "a"), "gs") == list(range(5))


def test_a_failing_disk_ends_the_recording_and_keeps_what_was_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    append = RecordingWriter.append

    def fails(self: RecordingWriter, name: str, codes: Pixels, metadata: FrameMetadata) -> None:
        if metadata.sequence == 20:
            raise RecordingFailedError("the disk has had enough")
        append(self, name, codes, metadata)

    monkeypatch.setattr(RecordingWriter, "append", fails)
    rig = Rig()
    recorder = rig.record(tmp_path / "a")
    rig.publish(*range(40))
    assert recorder.ended.wait(LONGEST_S)
    recorder.stop()
    assert recorder.status().message == "the disk has had enough"
    assert not recorder.status().as_asked
    assert sequences(open_recording(tmp_path / "a"), "rsgr") == list(range(20))
    assert rig.failures == []


def test_no_room_is_said_before_anything_is_made(tmp_path: Path) -> None:
    rig = Rig()
    rig.camera = rig.camera.model_copy(update={"fps": 1e12})
    with pytest.raises(InstrumentError, match=r"MB free, a recording needs \d+ MB"):
        rig.record(tmp_path / "a")
    assert not (tmp_path / "a").exists()


def test_synced_while_it_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.session.recorder.SYNC_EVERY_S", 0.05)
    rig = Rig()
    recorder = rig.record(tmp_path / "a")
    rig.publish(*range(50))
    index = tmp_path / "a" / "gs.index.jsonl"
    wait_until(lambda: b'{"synced": 4' in index.read_bytes())
    assert threading.active_count() > 1
    recorder.stop()


def test_codes_are_those_of_the_frame(tmp_path: Path) -> None:
    rig = Rig()
    recorder = rig.record(tmp_path / "a")
    rng = np.random.default_rng(1)
    pictures = rng.integers(0, 256, (30, ROWS, COLUMNS), np.uint8)
    for sequence, picture in enumerate(pictures):
        rig.rings["rsgr"].slot_to_fill()[...] = picture
        rig.rings["rsgr"].publish(FrameMetadata(sequence, sequence))
    recorder.stop()
    stream = open_recording(tmp_path / "a").stream("rsgr")
    np.testing.assert_array_equal([f.pixels for f in stream.read(range(30))], pictures)


@pytest.mark.parametrize("step_ns", [5_000_000, -5_000_000, 10**9, -3600 * 10**9])
def test_a_clock_that_stepped_stands_in_the_description(tmp_path: Path, step_ns: int) -> None:
    rig = Rig()
    recorder = rig.record(tmp_path / "take")
    rig.publish_stepping(60, 30, step_ns)
    rig.warnings = {"gs": ("its numbers jumped",)}
    recorder.stop()
    info = open_recording(tmp_path / "take").info
    (told,) = info.cameras["rsgr"].warnings
    assert f"stepped 1 time against this computer's, last by {step_ns / 1e9:+.3f} s" in told
    assert "before frame number 30" in told
    assert info.cameras["gs"].warnings == ("its numbers jumped",)
    # A recording whose program was killed says the same.
    killed = info.model_copy(
        update={"cameras": dict.fromkeys(info.cameras, rig.camera), "end": None}
    )
    write_description(tmp_path / "take", killed)
    assert open_recording(tmp_path / "take").info.cameras["rsgr"].warnings == (told,)
