"""Frame times of recordings: the camera's clock where it can be trusted, gaps counted."""

from dataclasses import replace

import pytest

from drivers.frame import FrameMetadata
from drivers.recording.frame_times import start_times_ns, typical_period_ns
from tests import small_recording as small

EVEN = [small.metadata(tick) for tick in range(10)]


def test_the_cameras_clock_goes_before_the_hosts() -> None:
    assert start_times_ns(EVEN) == [tick * small.PERIOD_NS for tick in range(10)]


@pytest.mark.parametrize(
    "told",
    [
        [None if tick == 4 else frame.device_time_ns for tick, frame in enumerate(EVEN)],
        # Unplugged and plugged in again: the clock starts anew, or is set.
        [frame.device_time_ns if tick < 5 else tick for tick, frame in enumerate(EVEN)],
        [tick * small.PERIOD_NS + (10**13 if tick > 4 else 0) for tick in range(10)],
    ],
    ids=["missing", "anew", "set"],
)  # fmt: skip
def test_a_clock_with_gaps_or_jumps_is_left_out(told: list[int | None]) -> None:
    frames = [
        replace(frame, device_time_ns=time_ns) for frame, time_ns in zip(EVEN, told, strict=True)
    ]
    assert start_times_ns(frames) == [frame.host_time_ns for frame in frames]


@pytest.mark.parametrize(
    "step_ns", [sign * size for sign in (1, -1) for size in (5 * 10**6, 10**9)]
)
def test_a_clock_that_steps_in_the_middle_is_left_out(step_ns: int) -> None:
    frames = [small.metadata(tick) for tick in range(60)]
    stepped = [
        replace(frame, device_time_ns=(frame.device_time_ns or 0) + step_ns * (tick >= 30))
        for tick, frame in enumerate(frames)
    ]
    assert start_times_ns(stepped) == [frame.host_time_ns for frame in frames]
    assert start_times_ns(frames) == [frame.device_time_ns for frame in frames]


def test_the_period_is_that_between_neighbours() -> None:
    """Lost frames lengthen no period."""
    kept = [frame for tick, frame in enumerate(EVEN) if tick not in (2, 3, 7)]
    assert typical_period_ns(kept) == small.PERIOD_NS
    assert typical_period_ns(kept[:1]) is None
    assert typical_period_ns([FrameMetadata(0, 5), FrameMetadata(1, 5)]) is None
