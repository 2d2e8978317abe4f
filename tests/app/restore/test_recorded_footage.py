"""A recording in, a restored recording out: light, times, gaps, and going on after a kill."""

import hashlib
import signal
from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pytest

from app.restore.recorded_footage import RecordedFootage
from app.restore.restore_footage import Request, Summary, restore
from drivers.addresses import open_camera
from drivers.camera_settings import ShutterMode
from drivers.code_encoding import Encoding
from drivers.errors import InstrumentError
from drivers.frame import FrameMetadata
from drivers.recording import open_recording
from drivers.recording.frame_index import Gap, GapCause
from drivers.recording.integrity import verify
from drivers.recording.writer import RecordingWriter
from drivers.timing import TimingSource
from tests import small_recording as small
from tests.app.restore import small_footage as footage
from tests.app.restore.test_interrupted import hit


def record(
    folder: Path,
    frames: int,
    *,
    colour: bool = False,
    bits: int = 8,
    lost: frozenset[int] = frozenset(),
    pause_ns: int = 0,
    **changes: object,
) -> Path:
    """The small footage as a recording; ``pause_ns`` lies before its second half."""
    known = {
        "rows": footage.ROWS,
        "columns": footage.COLUMNS,
        "exposure_us": footage.TIMING.exposure_us,
        "line_time_us": footage.TIMING.line_time_us,
        "black_level_dn": footage.BLACK_LEVEL_DN,
    }
    camera = small.camera(f"{'RGB' if colour else 'Mono'}{bits}", **(known | changes))
    writer = RecordingWriter(folder, small.info({"rsgr": camera}, note="bench"))
    number = 0
    for tick, codes in enumerate(footage.frames(frames, colour=colour, bits=bits)):
        if tick in lost:
            continue
        time_ns = tick * small.PERIOD_NS + (pause_ns if tick >= frames // 2 else 0)
        if tick - 1 in lost:
            writer.gap("rsgr", Gap(number, 1, GapCause.DISK))
        writer.append("rsgr", np.ascontiguousarray(codes), FrameMetadata(tick, time_ns, time_ns))
        number += 1
    writer.finish("stopped")
    return folder


def run(source: Path, target: Path, model: str = "row-gain", **options: object) -> Summary:
    asked = Request(source, target, model, footage.GivenConditions())
    return restore(replace(asked, **options), lambda done, total: None)


@pytest.mark.parametrize(
    ("bits", "colour", "form"),
    [(8, False, "Mono8"), (12, False, "Mono16"), (8, True, "RGB8"), (12, True, "RGB16")],
)
def test_a_recording_is_restored_to_its_light(
    tmp_path: Path, bits: int, colour: bool, form: str
) -> None:
    source = record(tmp_path / "in", 4, bits=bits, colour=colour, lost=frozenset({2}))
    run(source, tmp_path / "out")
    out = open_recording(tmp_path / "out")
    assert verify(out) == []
    restored, raw = out.stream(), open_recording(source).stream()
    assert restored.camera.pixel_format == form
    assert [restored.metadata(n) for n in range(3)] == [raw.metadata(n) for n in range(3)]
    assert restored.gaps == (Gap(2, 1, GapCause.DISK),)
    truth = [footage.light(4, colour=colour)[tick] for tick in (0, 1, 3)]
    maximum_dn = restored.camera.frame_format.pixel_format.maximum_dn
    for frame, light in zip(restored.read(range(3)), truth, strict=True):
        np.testing.assert_allclose(frame.pixels / maximum_dn, light, atol=1.5 / (1 << bits))


def test_it_says_what_it_is_and_of_what(tmp_path: Path) -> None:
    """Light without a ramp: nobody undoes it twice."""
    run(record(tmp_path / "in", 3), tmp_path / "out")
    info = open_recording(tmp_path / "out").info
    assert info.note == "bench"
    assert info.processing is not None
    assert (info.processing["model"], info.processing["input"]) == ("row-gain", "in")
    camera = open_camera(f"replay:{tmp_path / 'out'}")
    assert camera.state.shutter_mode == ShutterMode.GLOBAL
    assert camera.settings.black_level_dn == 0
    assert camera.settings.exposure_us == footage.TIMING.exposure_us
    camera.close()
    with pytest.raises(InstrumentError, match="recorded in global shutter: there is no ramp"):
        run(tmp_path / "out", tmp_path / "again")


def test_conditions_are_those_recorded(tmp_path: Path) -> None:
    source = record(tmp_path / "in", 3)
    summary = run(source, tmp_path / "out")
    assert summary.conditions.frames.timing == footage.TIMING
    assert summary.conditions.source is TimingSource.NODE
    assert summary.conditions.interval_us == small.PERIOD_NS / 1000
    given = footage.GivenConditions(line_time_us=12.5)
    told = run(source, tmp_path / "told", given=given).conditions
    assert (told.frames.timing.line_time_us, told.source) == (12.5, TimingSource.GIVEN)


@pytest.mark.parametrize("model", ["warp", pytest.param("ngs", marks=pytest.mark.whole)])
def test_nothing_is_borrowed_across_a_pause(tmp_path: Path, model: str) -> None:
    """After ten seconds it is another scene: as if each part had been recorded alone."""
    source = record(tmp_path / "in", 6, pause_ns=10**10)
    run(source, tmp_path / "out", model)
    whole = [frame.pixels for frame in open_recording(tmp_path / "out").stream().read(range(6))]
    parts = []
    for name, ticks in (("first", range(3)), ("second", range(3, 6))):
        raw = open_recording(source)
        camera = raw.stream().camera
        writer = RecordingWriter(tmp_path / name, small.info({"rsgr": camera}))
        for frame in raw.stream().read(ticks):
            writer.append("rsgr", frame.pixels, frame.metadata)
        writer.finish("stopped")
        run(tmp_path / name, tmp_path / f"{name} out", model)
        parts += [
            frame.pixels
            for frame in open_recording(tmp_path / f"{name} out").stream().read(range(3))
        ]
    np.testing.assert_array_equal(whole, parts)


def test_a_lost_frame_makes_the_step_twice_as_long(tmp_path: Path) -> None:
    """A texture at constant speed is put back where it was, lost frames or not."""
    lost = frozenset({3})
    run(record(tmp_path / "in", 6, lost=lost), tmp_path / "out", "warp")
    run(record(tmp_path / "all", 6), tmp_path / "every", "warp")
    after = open_recording(tmp_path / "out").stream().read(range(3, 4))
    same = open_recording(tmp_path / "every").stream().read(range(4, 5))
    difference = next(after).pixels.astype(float) - next(same).pixels
    assert np.abs(difference[:, 8:-8]).mean() < 1.0


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_a_recording_becomes_a_video(tmp_path: Path, suffix: str) -> None:
    out = tmp_path / f"out{suffix}"
    summary = run(record(tmp_path / "in", 5), out)
    assert summary.coding.encoding is Encoding.SRGB
    with av.open(str(out)) as video:
        times_s = [frame.time for frame in video.decode(video=0)]
    np.testing.assert_allclose(times_s, [0, 0.01, 0.02, 0.03, 0.04], atol=1e-6)


def test_what_is_damaged_can_be_left_out(tmp_path: Path) -> None:
    source = record(tmp_path / "in", 5)
    raw = open_recording(source).stream()
    shard = raw.layout.shard_path(0)
    content = shard.read_bytes()
    shard.write_bytes(content[: 4 * raw.layout.frame_bytes])
    index = source / "rsgr.index.jsonl"
    index.write_bytes(index.read_bytes().replace(b'"frame": 1,', b'"frXme": 1,'))
    with pytest.raises(InstrumentError, match="index line of frame 1 is damaged"):
        run(source, tmp_path / "out")
    run(source, tmp_path / "out", skip_damaged=True)
    out = open_recording(tmp_path / "out")
    assert [metadata.sequence for _, metadata in out.stream().known_metadata()] == [0, 2, 3]
    assert out.stream().gaps == (Gap(1, 1, GapCause.DAMAGE),)
    assert verify(out) == []


@pytest.mark.parametrize(
    ("changes", "options", "said"),
    [
        ({"line_time_us": None}, {}, "in does not say how it was taken: give --line-time-us"),
        ({"shutter_mode": ShutterMode.ROLLING}, {}, "recorded in rolling shutter"),
        ({"shutter_proven": False}, {}, "images disproved global reset"),
        ({}, {"encoding": Encoding.SRGB}, "recordings are linear"),
        ({}, {"crf": 3}, "recordings are without loss"),
        ({}, {"bits": 12}, "give --bits 8 or --bits 16"),
    ],
)
def test_what_cannot_be_is_one_line(
    tmp_path: Path, changes: dict[str, object], options: dict[str, object], said: str
) -> None:
    source = record(tmp_path / "in", 3, **changes)
    with pytest.raises(InstrumentError, match=said):
        run(source, tmp_path / "out", **options)
    assert [item.name for item in tmp_path.iterdir()] == ["in"]


def test_other_things_are_never_overwritten(tmp_path: Path) -> None:
    source = record(tmp_path / "in", 3)
    other = record(tmp_path / "other", 3)
    with pytest.raises(InstrumentError, match="is a raw recording"):
        run(source, other)
    footage.write_pictures(tmp_path / "pictures", footage.frames(1))
    with pytest.raises(InstrumentError, match="is no recording; name another OUT"):
        run(source, tmp_path / "pictures")
    run(source, tmp_path / "out")
    with pytest.raises(InstrumentError, match="was made with model row-gain, now it is warp"):
        run(source, tmp_path / "out", "warp")
    assert run(source, tmp_path / "out").tally.restored == 0


FRAMES = 200


@pytest.mark.parametrize(
    "blow", [signal.SIGKILL, pytest.param(signal.SIGINT, marks=pytest.mark.whole)]
)
def test_an_interrupted_run_goes_on(tmp_path: Path, blow: signal.Signals) -> None:
    """Twice, so that either place is taken up; the end is that of an undisturbed run."""
    source = record(tmp_path / "in", FRAMES)
    run(source, tmp_path / "whole", "warp")
    out = tmp_path / "out"
    for place, other in ((".part", ".part2"), (".part2", ".part")):
        awaited = tmp_path / f"out{place}" / "restored" / "c" / "0" / "0" / "0"
        ended = hit(source, out, awaited, blow, ["--model", "warp"])
        assert ended.returncode == (130 if blow == signal.SIGINT else -signal.SIGKILL), ended.stderr
        assert not out.exists()
        left = [item for item in tmp_path.iterdir() if item.name.startswith("out")]
        assert left
        if other == ".part2" and not (tmp_path / "out.part").exists():
            pytest.fail(f"nothing is left of the first run: {left}")
    summary = run(source, out, "warp")
    assert summary.tally.restored + summary.tally.already_there == FRAMES
    expected, found = open_recording(tmp_path / "whole"), open_recording(out)
    assert verify(found) == []
    assert found.stream().index.frames == expected.stream().index.frames
    assert found.info.processing == expected.info.processing
    assert sorted(item.name for item in tmp_path.iterdir()) == ["in", "out", "whole"]


def test_what_an_older_version_began_goes_on(tmp_path: Path) -> None:
    """A restored recording names its input by this text; later versions know more of a frame."""
    recording = open_recording(small.write(tmp_path / "old", {"rsgr": range(2)}))
    stream = recording.stream()
    checks = [entry.crc32 for entry in stream.index.frames if entry is not None]
    text = (
        "[FrameEntry(metadata=FrameMetadata(sequence=0, host_time_ns=7000000, device_time_ns=0, "
        f"trigger_count=5), crc32={checks[0]}), FrameEntry(metadata=FrameMetadata(sequence=1, "
        f"host_time_ns=17000000, device_time_ns=10000000, trigger_count=6), crc32={checks[1]})]"
    )
    reader = RecordedFootage(recording, stream, range(2))
    assert reader.fingerprint == hashlib.sha256(text.encode()).hexdigest()
