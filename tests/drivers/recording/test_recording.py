"""Recordings: what was written is read, by us and by others, also after the writer's death."""

import json
import multiprocessing
import os
import shutil
import signal
import time
from collections.abc import Callable, Set
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from drivers.errors import InstrumentError
from drivers.frame import FrameMetadata
from drivers.pixel_format import Pixels
from drivers.recording import open_recording
from drivers.recording.completion import repair
from drivers.recording.compression import Compression
from drivers.recording.description import (
    RecordedCamera,
    RecordingInfo,
    read_description,
)
from drivers.recording.frame_index import Gap, GapCause
from drivers.recording.integrity import verify
from drivers.recording.recording import Progress
from drivers.recording.writer import RecordingWriter
from drivers.recording.writing_lock import LOCK_NAME, writing_lock
from drivers.recording.zarr_shards import read_table
from tests import small_recording as small
from tests.patience import wait_until
from tests.small_recording import snapshot

# Its material is made once.

ROWS, COLUMNS = 24, 32

ReadZarr: TypeAlias = Callable[[Path], NDArray[Any]]


def camera(pixel_format: str = "Mono8") -> RecordedCamera:
    return RecordedCamera(
        address="virtual:rsgr",
        maker="maker",
        model="model",
        serial="1",
        firmware="",
        rows=ROWS,
        columns=COLUMNS,
        pixel_format=pixel_format,
        fps=60.0,
    )


def begin(
    folder: Path, pixel_format: str = "Mono8", compression: Compression = Compression.NONE
) -> RecordingWriter:
    cameras = {"rsgr": camera(pixel_format), "gs": camera(pixel_format)}
    info = RecordingInfo(
        started=datetime.now(UTC), started_host_time_ns=0, cameras=cameras, compression=compression
    )
    return RecordingWriter(folder, info)


def codes_of(frame: int, name: str, pixel_format: str = "Mono8") -> Pixels:
    form = camera(pixel_format).frame_format
    rng = np.random.default_rng([frame, len(name)])
    noisy = rng.normal(0.4 * form.pixel_format.maximum_dn, 3.0, form.shape)
    return noisy.astype(form.pixel_format.dtype)


def write(
    writer: RecordingWriter,
    frames: range,
    pixel_format: str = "Mono8",
    black: Set[int] = frozenset(),
) -> None:
    for frame in frames:
        for name in ("rsgr", "gs"):
            metadata = FrameMetadata(frame, 1_000_000 * frame, 900_000 * frame, frame + 5)
            codes = codes_of(frame, name, pixel_format)
            writer.append(name, codes * (frame not in black), metadata)


@pytest.mark.parametrize("compression", list(Compression))
@pytest.mark.parametrize("pixel_format", ["Mono8", "Mono12", "BayerRG12", "RGB8"])
def test_everybody_reads_what_was_written(
    tmp_path: Path, read_zarr: ReadZarr, pixel_format: str, compression: Compression
) -> None:
    folder = tmp_path / "recording"
    writer = begin(folder, pixel_format, compression)
    write(writer, range(20), pixel_format)
    writer.sync()
    write(writer, range(20, 33), pixel_format)
    writer.finish("stopped")
    recording = open_recording(folder)
    assert verify(recording) == []
    for name in ("rsgr", "gs"):
        expected = [codes_of(frame, name, pixel_format) for frame in range(33)]
        stream = recording.stream(name)
        ours = list(stream.read(range(len(stream))))
        np.testing.assert_array_equal([frame.pixels for frame in ours], expected)
        assert ours[7].metadata == FrameMetadata(7, 7_000_000, 6_300_000, 12)
        np.testing.assert_array_equal(read_zarr(folder / name), expected)
    assert {item.name for item in folder.iterdir()} == {
        *("recording.json", "rsgr", "gs", "rsgr.index.jsonl", "gs.index.jsonl"),
        "zarr.json",  # acquire-zarr's, of the group
    }


def test_a_break_of_the_frame_numbers_is_kept_and_costs_nothing_elsewhere(tmp_path: Path) -> None:
    folder = tmp_path / "recording"
    writer = begin(folder)
    for frame in range(4):
        metadata = FrameMetadata(frame, 1_000_000 * frame, after_break=frame == 2)
        for name in ("rsgr", "gs"):
            writer.append(name, codes_of(frame, name), metadata)
    writer.finish("stopped")
    frames = list(open_recording(folder).stream("gs").read(range(4)))
    assert [frame.metadata.after_break for frame in frames] == [False, False, True, False]
    index = (folder / "gs.index.jsonl").read_text()
    assert index.count("after_break") == 1, "a line of every other frame is as it was"


def test_gaps_are_kept_with_their_cause(tmp_path: Path) -> None:
    writer = begin(tmp_path / "recording")
    write(writer, range(5))
    writer.gap("gs", Gap(before_frame=5, frames=2, cause=GapCause.DISK))
    writer.append("gs", codes_of(7, "gs"), FrameMetadata(7, 7_000_000))
    info = writer.finish("stopped")
    recording = open_recording(tmp_path / "recording")
    assert info.end is not None
    assert info.end.frames == {"rsgr": 5, "gs": 6}
    assert info.end.lost == {"rsgr": 0, "gs": 2}
    assert recording.stream("gs").gaps == (Gap(5, 2, GapCause.DISK),)
    assert verify(recording) == []


def abandoned(
    folder: Path, frames: int, compression: Compression, black: Set[int] = frozenset()
) -> None:
    """A recording whose process was killed while it wrote."""
    child = multiprocessing.get_context("spawn").Process(
        target=_write_and_die, args=(folder, frames, compression, black)
    )
    child.start()
    child.join()
    assert child.exitcode == -signal.SIGKILL


def _write_and_die(folder: Path, frames: int, compression: Compression, black: Set[int]) -> None:
    writer = begin(folder, compression=compression)
    write(writer, range(frames), black=black)
    while writer.queued_bytes:
        time.sleep(0.001)
    time.sleep(0.2)
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.fixture(scope="module")
def dead(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Compression], Path]:
    folders: dict[Compression, Path] = {}

    def make(compression: Compression) -> Path:
        if compression not in folders:
            folders[compression] = tmp_path_factory.mktemp("dead") / compression.value
            abandoned(folders[compression], 40, compression)
        return folders[compression]

    return make


@given(
    compression=st.sampled_from(list(Compression)),
    codes_share=st.floats(0.0, 1.0),
    index_share=st.floats(0.0, 1.0),
)
@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_cut_anywhere_it_opens_again_and_is_consistent(
    dead: Callable[[Compression], Path],
    tmp_path: Path,
    read_zarr: ReadZarr,
    compression: Compression,
    codes_share: float,
    index_share: float,
) -> None:
    folder = tmp_path / "recording"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(dead(compression), folder)
    shard = folder / "rsgr" / "c" / "0" / "0" / "0"
    index = folder / "rsgr.index.jsonl"
    whole = shard.stat().st_size
    os.truncate(shard, round(codes_share * whole))
    os.truncate(index, round(index_share * index.stat().st_size))
    recording = open_recording(folder)
    stream = recording.stream("rsgr")
    if compression is Compression.NONE:
        # The whole lines, or the whole frames, whichever are fewer.
        lines = index.read_bytes().count(b"\n")
        assert len(stream) == min(lines, round(codes_share * whole) // (ROWS * COLUMNS))
    for number, frame in enumerate(stream.read(range(len(stream)))):
        np.testing.assert_array_equal(frame.pixels, codes_of(number, "rsgr"))
    assert len(recording.stream("gs")) == 40
    lost = stream.chunks_behind > 1 and not stream.index.frames
    assert [each.text[:17] for each in verify(recording)] == ["its index is lost"] * lost
    assert "without finishing" in recording.info.end.reason
    repaired = repair(folder)
    assert repaired.info == recording.info == read_description(folder)
    assert verify(repaired) == []
    others = read_zarr(folder / "rsgr")
    assert len(others) == len(stream)
    for number, codes in enumerate(others):
        np.testing.assert_array_equal(codes, codes_of(number, "rsgr"))


def test_codes_a_power_cut_left_empty_are_not_counted(tmp_path: Path) -> None:
    folder = tmp_path / "recording"
    abandoned(folder, 40, Compression.NONE)
    with (folder / "gs" / "c" / "0" / "0" / "0").open("r+b") as shard:
        shard.seek(35 * ROWS * COLUMNS)
        shard.write(bytes(ROWS * COLUMNS))
    recording = open_recording(folder)
    assert len(recording.stream("gs")) == 35
    assert len(recording.stream("rsgr")) == 40
    assert verify(recording) == []


@pytest.mark.parametrize("compression", list(Compression))
@pytest.mark.parametrize("order", [[1, 0, 2, 4, 3, 5], [5, 0, 1, 2, 3, 4]])
def test_chunks_that_were_written_out_of_order_are_told_apart(
    tmp_path: Path, compression: Compression, order: list[int]
) -> None:
    """acquire-zarr swaps neighbours now and then; a death leaves no table that would say so."""
    described = small.info({"rsgr": small.camera()}, compression=compression)
    folder = small.write(tmp_path / "r", {"rsgr": range(6)}, described)
    stream = open_recording(folder).stream()
    frames = [frame.pixels.copy() for frame in stream.read(range(6))]
    shard = stream.layout.shard_path(0)
    content = shard.read_bytes()
    places = read_table(stream.layout, 0)
    assert places is not None
    chunks = [content[offset : offset + length] for offset, length in places[:6]]
    shard.write_bytes(b"".join(chunks[number] for number in order))
    description = folder / "recording.json"
    told = json.loads(description.read_text())
    del told["end"]
    description.write_text(json.dumps(told))
    again = open_recording(folder)
    assert verify(again) == []
    for expected, frame in zip(frames, again.stream().read(range(6)), strict=True):
        np.testing.assert_array_equal(frame.pixels, expected)


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years")
    with pytest.raises(InstrumentError, match="never overwritten"):
        begin(tmp_path / "mine")
    assert (tmp_path / "mine" / "thesis.txt").read_text() == "years"


def test_a_recording_in_progress_is_read_and_not_touched(tmp_path: Path) -> None:
    folder = tmp_path / "recording"
    writer = begin(folder)
    write(writer, range(3))
    wait_until(lambda: len(open_recording(folder).stream("gs")) == 3)
    before = snapshot(folder)
    recording = open_recording(folder)
    assert recording.progress is Progress.BEING_WRITTEN
    assert verify(recording) == []
    for number, frame in enumerate(recording.stream("gs").read(range(3))):
        np.testing.assert_array_equal(frame.pixels, codes_of(number, "gs"))
    with pytest.raises(InstrumentError, match="being recorded right now; stop the recording"):
        repair(folder)
    with pytest.raises(InstrumentError, match="being recorded"), writing_lock(folder):
        pass
    assert snapshot(folder) == before
    write(writer, range(3, 7))
    writer.finish("stopped")
    assert open_recording(folder).progress is Progress.COMPLETE
    assert len(open_recording(folder).stream("rsgr")) == 7


def _write_until_killed(folder: Path) -> None:
    writer = begin(folder)
    write(writer, range(3))
    while True:
        time.sleep(1)


def test_the_lock_of_another_process_goes_with_it(tmp_path: Path) -> None:
    folder = tmp_path / "recording"
    index = folder / "gs.index.jsonl"
    child = multiprocessing.get_context("spawn").Process(target=_write_until_killed, args=(folder,))
    child.start()
    try:
        deadline_s = time.monotonic() + 60
        while not index.exists() or b'"frame": 2' not in index.read_bytes():
            assert time.monotonic() < deadline_s
            time.sleep(0.01)
        assert open_recording(folder).progress is Progress.BEING_WRITTEN
    finally:
        child.kill()
        child.join()
    assert (folder / LOCK_NAME).exists()
    found = open_recording(folder)
    assert found.progress is Progress.UNFINISHED
    assert len(found.stream("rsgr")) <= 3
    assert repair(folder).info == found.info
    assert "without finishing" in read_description(folder).end.reason
    assert not (folder / LOCK_NAME).exists()


def test_a_recording_ends_in_another_thread_than_it_began_in(tmp_path: Path) -> None:
    folder = tmp_path / "recording"
    writer = begin(folder)
    write(writer, range(3))
    with ThreadPoolExecutor(1) as other:
        other.submit(writer.finish, "stopped").result()
    with writing_lock(folder):
        assert (folder / LOCK_NAME).exists()
    assert not (folder / LOCK_NAME).exists()


def test_an_empty_recording_is_one(tmp_path: Path, read_zarr: ReadZarr) -> None:
    folder = tmp_path / "recording"
    begin(folder).finish("stopped")
    assert len(open_recording(folder).stream("gs")) == 0
    assert read_zarr(folder / "gs").shape == (0, ROWS, COLUMNS)
    assert verify(open_recording(folder)) == []


def test_a_camera_that_is_not_there_is_named(tmp_path: Path) -> None:
    begin(tmp_path / "recording").finish("stopped")
    with pytest.raises(InstrumentError, match="no camera 'left'; it has rsgr, gs"):
        open_recording(tmp_path / "recording").stream("left")
    with pytest.raises(InstrumentError, match="is no recording"):
        open_recording(tmp_path)


def test_black_frames_come_back_also_after_a_death(tmp_path: Path, read_zarr: ReadZarr) -> None:
    folder = tmp_path / "recording"
    abandoned(folder, 40, Compression.NONE, black=frozenset({0, 7, 8, 39}))
    stream = open_recording(folder).stream("rsgr")
    expected = [
        codes_of(frame, "rsgr") * (frame not in (0, 7, 8, 39)) for frame in range(len(stream))
    ]
    assert len(stream) == 40
    np.testing.assert_array_equal([frame.pixels for frame in stream.read(range(40))], expected)
    assert verify(open_recording(folder)) == []
    assert verify(repair(folder)) == []
    np.testing.assert_array_equal(read_zarr(folder / "rsgr"), expected)
