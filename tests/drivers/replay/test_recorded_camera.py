"""A recording played back is the camera it was made with: order, pace, counts, settings."""

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from drivers.addresses import open_camera
from drivers.camera import Camera
from drivers.camera_settings import NUMBER_SETTINGS, ExposureSettings, ShutterMode
from drivers.errors import InstrumentError, SettingRefusedError, UnknownCameraError
from drivers.frame import Frame, FrameMetadata
from drivers.recording import open_recording
from drivers.recording.description import describe_camera
from drivers.recording.frame_index import index_path
from drivers.rig.pairing import pair_frames
from drivers.timing import TimingSource
from tests import small_recording as small
from tests.patience import LONGEST_S, quickest_s


def grab(camera: Camera, frames: int) -> list[Frame]:
    """That many frames, from the start."""
    form = camera.frame_format
    taken = []
    camera.start()
    while len(taken) < frames:
        pixels = np.empty(form.shape, form.pixel_format.dtype)
        metadata = camera.grab(pixels, LONGEST_S)
        assert metadata is not None
        taken.append(Frame(pixels, metadata))
    camera.stop()
    return taken


def play(address: str, frames: int) -> list[Frame]:
    camera = open_camera(address)
    try:
        return grab(camera, frames)
    finally:
        camera.close()


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    """Two cameras on one trigger; each lost some frames."""
    ticks = {
        "rsgr": [tick for tick in range(30) if tick not in (4, 5, 20)],
        "gs": [tick for tick in range(1, 30) if tick != 11],
    }
    return small.write(tmp_path / "recording", ticks)


@pytest.mark.parametrize("pixel_format", ["Mono8", "Mono12", "BayerRG8", "RGB8"])
def test_codes_are_those_recorded(tmp_path: Path, pixel_format: str) -> None:
    camera = small.camera(pixel_format)
    folder = small.write(tmp_path / "r", {"rsgr": range(5)}, small.info({"rsgr": camera}))
    for tick, frame in enumerate(play(f"replay:{folder}?speed=max", 5)):
        np.testing.assert_array_equal(frame.pixels, small.codes(tick, camera))


def test_it_is_the_camera_it_was(recording: Path) -> None:
    camera = open_camera(f"replay:{recording}#rsgr")
    recorded = open_recording(recording).stream("rsgr").camera
    assert (camera.identity.maker, camera.identity.serial) == (recorded.maker, recorded.serial)
    assert camera.settings.exposure_us == recorded.exposure_us
    assert camera.settings.black_level_dn == recorded.black_level_dn
    assert camera.settings.fps == recorded.fps
    assert camera.state.shutter_mode == ShutterMode.GLOBAL_RESET
    assert camera.row_timing.line_time_us == recorded.line_time_us
    assert camera.row_timing.source == TimingSource.NODE
    camera.close()


def test_without_a_name_the_first_camera_plays(recording: Path) -> None:
    first = play(f"replay:{recording}?speed=max", 1)[0]
    assert first.metadata.sequence == 0
    assert play(f"replay:{recording}#gs?speed=max", 1)[0].metadata.sequence == 1


def test_numbers_times_and_gaps_are_those_recorded(recording: Path) -> None:
    camera = open_camera(f"replay:{recording}#rsgr?speed=max")
    frames = grab(camera, 27)
    counters = camera.counters
    camera.close()
    stream = open_recording(recording).stream("rsgr")
    for number, frame in enumerate(frames):
        recorded = stream.metadata(number)
        assert replace(frame.metadata, host_time_ns=0) == replace(recorded, host_time_ns=0)
    assert (counters.captured, counters.lost, counters.incomplete) == (27, 3, 0)
    assert counters.overruns == 0


def test_it_goes_on_as_if_the_trigger_had_run_on(recording: Path) -> None:
    """Frame numbers and times step over the seam as over any other loss of that camera."""
    for name in ("rsgr", "gs"):
        recorded = [item for _, item in open_recording(recording).stream(name).known_metadata()]
        played = [
            frame.metadata
            for frame in play(f"replay:{recording}#{name}?speed=max", len(recorded) + 3)
        ]
        for first, again in zip(recorded, played[len(recorded) :], strict=False):
            assert again.sequence == first.sequence + 30
            assert again.trigger_count == (first.trigger_count or 0) + 30
            assert again.device_time_ns == (first.device_time_ns or 0) + 30 * small.PERIOD_NS


def prompt(frames: list[Frame]) -> list[FrameMetadata]:
    """As delivered by a machine that is never late; the recorded cameras' clocks are alike."""
    return [replace(each.metadata, host_time_ns=each.metadata.start_time_ns) for each in frames]


@pytest.mark.parametrize("late_s", [0.0, 0.1])
def test_two_replays_pair_like_the_cameras(tmp_path: Path, late_s: float) -> None:
    """A late start, frames lost in either, and the seam of the rounds shift no pair."""
    rng = np.random.default_rng(3)
    ticks = {name: sorted(rng.permutation(50)[:42].tolist()) for name in ("rsgr", "gs")}
    folder = small.write(tmp_path / "r", ticks)
    frames = 2 * 42 + 20
    common = len(set(ticks["rsgr"]) & set(ticks["gs"]))
    with ThreadPoolExecutor(2) as threads:
        first = threads.submit(play, f"replay:{folder}#rsgr", frames)
        time.sleep(late_s)
        second = threads.submit(play, f"replay:{folder}#gs", frames)
        rsgr, gs = first.result(), second.result()
    paired = pair_frames(prompt(rsgr), prompt(gs))
    assert len(paired.pairs) >= 2 * common
    for pair in paired.pairs:
        np.testing.assert_array_equal(rsgr[pair.rsgr_index].pixels, gs[pair.gs_index].pixels)


def test_a_slice_plays_its_frames_only(recording: Path) -> None:
    """The round is as long as the slice of both cameras, so that they stay in step."""
    frames = play(f"replay:{recording}#gs?frames=3:6&speed=max", 4)
    assert [frame.metadata.sequence for frame in frames] == [4, 5, 6, 4 + 5]
    np.testing.assert_array_equal(frames[3].pixels, small.codes(4, small.camera()))
    other = play(f"replay:{recording}#rsgr?frames=3:6&speed=max", 4)
    assert [frame.metadata.sequence for frame in other] == [3, 6, 7, 3 + 5]


@pytest.mark.parametrize(("speed", "factor"), [("1", 1.0), ("4", 4.0), ("0.5", 0.5)])
def test_the_pace_is_that_of_the_camera(tmp_path: Path, speed: str, factor: float) -> None:
    """A gap of half a second is kept: never shortened by more than the frame before was late."""
    folder = small.write(tmp_path / "r", {"rsgr": [0, 1, 2, 52, 53]})
    expected_s = 50 * small.PERIOD_NS / 1e9 / factor

    def gap_s() -> float:
        frames = play(f"replay:{folder}?speed={speed}", 4)
        before, after = (frame.metadata.host_time_ns for frame in frames[2:])
        gap_s = (after - before) / 1e9
        # A frame that is later than a period moves all that follow.
        assert gap_s > 0.95 * expected_s
        return gap_s

    limit_s = 1.4 * expected_s
    assert quickest_s(gap_s, limit_s) < limit_s


def test_without_device_times_other_speeds_keep_true_intervals(tmp_path: Path) -> None:
    folder = small.write(tmp_path / "r", {"rsgr": range(4)}, device=False)
    assert play(f"replay:{folder}", 1)[0].metadata.device_time_ns is None
    frames = play(f"replay:{folder}?speed=max", 6)
    starts_ns = [frame.metadata.start_time_ns for frame in frames]
    assert set(np.diff(starts_ns)) == {small.PERIOD_NS}


def test_the_frame_rate_is_the_speed(recording: Path) -> None:
    camera = open_camera(f"replay:{recording}?speed=2")
    assert camera.settings.fps == pytest.approx(200.0)
    camera.configure(ExposureSettings(fps=1000.0))
    before_s = time.monotonic()
    grab(camera, 27)
    assert time.monotonic() - before_s >= 0.028
    camera.close()


@pytest.mark.parametrize(
    ("request_", "said"),
    [
        (ExposureSettings(exposure_us=999.0), "exposure 999.0 cannot be set: the replay has 1000"),
        (ExposureSettings(gain_db=4.0), "gain 4.0 cannot be set: the replay has 3.0"),
        (ExposureSettings(black_level_dn=1.0), "black level 1.0 cannot be set"),
        (ExposureSettings(shutter=ShutterMode.ROLLING), "cannot be set"),
        (ExposureSettings(trigger_source="Line1"), "a replay runs by itself"),
    ],
)
def test_the_past_cannot_be_changed(recording: Path, request_: ExposureSettings, said: str) -> None:
    camera = open_camera(f"replay:{recording}")
    with pytest.raises(SettingRefusedError, match=said):
        camera.configure(request_)
    camera.close()


def test_what_was_not_recorded_can_be_told(tmp_path: Path) -> None:
    described = small.info({"rsgr": small.camera(exposure_us=None, black_level_dn=None)})
    folder = small.write(tmp_path / "r", {"rsgr": range(3)}, described)
    camera = open_camera(f"replay:{folder}")
    told = camera.configure(ExposureSettings(exposure_us=1500.0, black_level_dn=4.0))
    assert (told.exposure_us, told.black_level_dn) == (1500.0, 4.0)
    camera.close()


def test_global_reset_that_was_disproved_is_not_claimed(tmp_path: Path) -> None:
    described = small.info({"rsgr": small.camera(shutter_proven=False)})
    folder = small.write(tmp_path / "r", {"rsgr": range(3)}, described)
    camera = open_camera(f"replay:{folder}")
    assert camera.state.shutter_mode == ShutterMode.UNKNOWN
    assert "disproved" in camera.state.warnings[-1]
    camera.close()


def test_damaged_frames_are_passed_over_and_counted(recording: Path) -> None:
    stream = open_recording(recording).stream("rsgr")
    index = index_path(recording, "rsgr")
    lines = index.read_bytes().splitlines(keepends=True)
    lines[2] = b'{"frame": 2, "sequ\n'
    index.write_bytes(b"".join(lines))
    # A byte of the fourth frame is another. What is behind the tenth frame of the only
    # shard is gone, and with it the table.
    shard = stream.layout.shard_path(0)
    content = bytearray(shard.read_bytes()[: 10 * stream.layout.frame_bytes])
    content[3 * stream.layout.frame_bytes] ^= 1
    shard.write_bytes(content)
    camera = open_camera(f"replay:{recording}#rsgr?speed=max")
    frames = grab(camera, 10)
    assert [frame.metadata.sequence for frame in frames] == [0, 1, 6, 7, 8, 9, 10, 11, 30, 31]
    counters = camera.counters
    assert counters.captured + counters.lost + counters.incomplete == 32
    assert counters.incomplete == 18
    camera.close()


def test_nothing_readable_is_one_line(recording: Path) -> None:
    open_recording(recording).stream("gs").layout.shard_path(0).unlink()
    camera = open_camera(f"replay:{recording}#gs?speed=max")
    with pytest.raises(InstrumentError, match="no frame of the replay can be read"):
        grab(camera, 1)
    camera.close()


@pytest.mark.parametrize(
    ("rest", "said"),
    [
        ("#left", "no camera 'left'; it has rsgr, gs"),
        ("?speed=0", "speed '0' is not between 0.01 and 100"),
        ("?speed=fast", "speed 'fast'"),
        ("?frames=900:", "frames 900: are none of the 27 frames"),
        ("?frames=7", "give FIRST:END"),
        ("?loop=no", "asks for loop; a replay knows speed and frames"),
    ],
)
def test_what_cannot_be_played_is_one_line(recording: Path, rest: str, said: str) -> None:
    with pytest.raises(InstrumentError, match=said):
        open_camera(f"replay:{recording}{rest}")


def test_images_are_no_recording(tmp_path: Path) -> None:
    with pytest.raises(UnknownCameraError, match="no folder"):
        open_camera(f"replay:{tmp_path}/nothing")
    with pytest.raises(UnknownCameraError, match="is no recording"):
        open_camera(f"replay:{tmp_path}#rsgr")


def test_marks_in_a_folders_name_are_its_own(tmp_path: Path) -> None:
    folder = small.write(tmp_path / "take #2?", {"rsgr": range(3)})
    assert len(play(f"replay:{folder}", 2)) == 2
    assert len(play(f"replay:{folder}#rsgr", 2)) == 2


@pytest.mark.parametrize("setting", sorted(set(NUMBER_SETTINGS) - {"fps", "trigger_delay_us"}))
def test_a_recorded_setting_is_that_of_the_replay_and_of_its_recording(
    tmp_path: Path, setting: str
) -> None:
    described = small.info({"rsgr": small.camera(**{setting: 7.5})})
    folder = small.write(tmp_path / "r", {"rsgr": range(3)}, described)
    replay = open_camera(f"replay:{folder}")
    try:
        assert getattr(replay.settings, setting) == 7.5
        told = describe_camera(
            replay, timing=None, timing_source=TimingSource.UNKNOWN, black_level_dn=7.5
        )
    finally:
        replay.close()
    assert getattr(told, setting) == 7.5
