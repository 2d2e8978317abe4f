"""A camera's clock that steps is noticed against the host's; late deliveries are no steps."""

import random
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.clock_steps import ClockWatch, watched
from drivers.frame import FrameMetadata

PERIOD_NS = 16_667_000
MS, S, H = 10**6, 10**9, 3600 * 10**9
STEPS_NS = [sign * size for sign in (1, -1) for size in (5 * MS, PERIOD_NS, S, H)]


def delivered(
    frames: int = 120, *, seed: int = 0, even: bool = True, jitter_ns: int = 500_000
) -> list[FrameMetadata]:
    """Frames as they arrive; ``even`` or by a trigger that comes as it likes."""
    random_ = random.Random(seed)
    result, true_ns, free_ns = [], 10**15, 0
    for sequence in range(frames):
        true_ns += PERIOD_NS if even else random_.randrange(PERIOD_NS, 4 * PERIOD_NS)
        late_ns = round(random_.expovariate(1.0) * jitter_ns)
        free_ns = max(free_ns, true_ns + 9 * MS + late_ns)
        drifted_ns = 10**12 + round((true_ns - 10**15) * (1 + 80e-6))
        result.append(FrameMetadata(sequence, free_ns, drifted_ns))
    return result


def stepped(frames: list[FrameMetadata], at: int, step_ns: int) -> list[FrameMetadata]:
    """The frames with all device times from ``at`` on changed."""
    return [
        replace(frame, device_time_ns=(frame.device_time_ns or 0) + step_ns * (index >= at))
        for index, frame in enumerate(frames)
    ]


def held_up(frames: list[FrameMetadata], at: int, count: int, by_ns: int) -> list[FrameMetadata]:
    """The frames with some deliveries late; a stall ends in a burst."""
    until_ns = frames[at].host_time_ns + by_ns
    return [
        replace(frame, host_time_ns=max(frame.host_time_ns, until_ns + 1000 * (index - at)))
        if at <= index < at + count
        else frame
        for index, frame in enumerate(frames)
    ]


@pytest.mark.parametrize("even", [True, False])
@pytest.mark.parametrize("step_ns", STEPS_NS)
@pytest.mark.parametrize("at", [3, 40, 116])
def test_a_step_is_noticed_where_it_happens(step_ns: int, at: int, even: bool) -> None:
    if at != 40 and not even and abs(step_ns) < S:
        return  # too few uneven frames beside it
    watch = watched(stepped(delivered(even=even), at, step_ns))
    assert watch.steps == 1
    assert watch.wrong_times == 0
    step = watch.newest_step
    assert step is not None
    assert step.sequence == at
    assert step.step_ns == pytest.approx(step_ns, abs=2 * MS)
    assert f"{step.step_ns / 1e9:+.3f} s" in watch.warnings[0]


@settings(max_examples=60, deadline=None)
@given(
    st.integers(20, 100),
    st.integers(5 * MS, 5 * H) | st.integers(-5 * H, -5 * MS),
    st.sets(st.integers(1, 119), max_size=40),
    st.integers(0, 9),
)
def test_a_step_of_any_size_is_noticed_whatever_is_lost(
    at: int, step_ns: int, lost: set[int], seed: int
) -> None:
    frames = stepped(delivered(seed=seed), at, step_ns)
    arrived = [frame for frame in frames if frame.sequence not in lost - {at}]
    watch = watched(arrived)
    assert watch.steps == 1
    assert watch.newest_step is not None
    assert watch.newest_step.sequence == at


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 100),
    st.integers(1, 30),
    st.integers(1, 10),
    st.booleans(),
    st.sets(st.integers(1, 119), max_size=40),
    st.integers(0, 9),
)
def test_late_deliveries_losses_and_pauses_are_no_steps(
    at: int, count: int, periods: int, even: bool, lost: set[int], seed: int
) -> None:
    frames = delivered(seed=seed, even=even)
    if even:
        frames = held_up(frames, at, count, periods * PERIOD_NS)
    pause_ns = 3 * S
    frames = [
        replace(
            frame,
            host_time_ns=frame.host_time_ns + pause_ns,
            device_time_ns=(frame.device_time_ns or 0) + pause_ns,
        )
        if index > 60
        else frame
        for index, frame in enumerate(frames)
    ]
    watch = watched(frame for frame in frames if frame.sequence not in lost)
    assert (watch.steps, watch.wrong_times) == (0, 0)
    assert watch.warnings == ()


@pytest.mark.parametrize("wrong_ns", [H, -H, S, -S, 50 * MS])
def test_a_single_wrong_time_is_left_out_and_is_no_step(wrong_ns: int) -> None:
    frames = delivered()
    frames[50] = stepped(frames, 50, wrong_ns)[50]
    watch = ClockWatch()
    judged = [each for frame in frames for each in watch.add(frame)] + watch.finish()
    assert (watch.steps, watch.wrong_times) == (0, 1)
    assert [each.metadata.sequence for each in judged] == list(range(120))
    without = [each.metadata.sequence for each in judged if each.metadata.device_time_ns is None]
    assert without == [50]


def test_a_narrow_clock_that_starts_again_is_noticed_each_time() -> None:
    """32 bits of microseconds are full after 71 minutes; here of 4 ns, after 17 s."""
    frames = delivered(3000)
    narrow = [
        replace(frame, device_time_ns=((frame.device_time_ns or 0) // 4) % 2**32 * 4)
        for frame in frames
    ]
    times_ns = [frame.start_time_ns for frame in narrow]
    starts = sum(after < before for before, after in pairwise(times_ns))
    assert watched(narrow).steps == starts >= 2


def test_frames_are_judged_at_once_while_nothing_is_uneven() -> None:
    watch = ClockWatch()
    for frame in delivered(jitter_ns=3 * MS):
        judged = watch.add(frame)
        if frame.sequence > 30:
            assert [each.metadata for each in judged] == [frame]


def test_a_camera_without_a_clock_has_no_steps() -> None:
    frames = [replace(frame, device_time_ns=None) for frame in delivered()]
    watch = ClockWatch()
    assert [watch.add(frame)[0].metadata for frame in frames] == frames
    assert watch.warnings == ()


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 9), st.sets(st.integers(0, 119), max_size=30), st.integers(1, 40))
def test_a_busy_machine_is_no_step(seed: int, stalls: set[int], latest_ms: int) -> None:
    """Deliveries that scatter widely from the first frame on, and stalls."""
    frames = delivered(seed=seed, jitter_ns=latest_ms * MS)
    for at in stalls:
        frames = held_up(frames, at, 8, 5 * PERIOD_NS)
    watch = watched(frames)
    assert (watch.steps, watch.wrong_times) == (0, 0)


def test_a_small_step_in_a_long_pause_is_noticed() -> None:
    frames = delivered()
    paused = [
        replace(
            frame,
            host_time_ns=frame.host_time_ns + 10 * S,
            device_time_ns=(frame.device_time_ns or 0) + 10 * S,
        )
        if index >= 60
        else frame
        for index, frame in enumerate(frames)
    ]
    assert watched(paused).steps == 0
    assert watched(stepped(paused, 60, -15 * MS)).steps == 1
