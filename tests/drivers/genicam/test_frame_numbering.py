"""Frame numbers as cameras really count: nothing doubled, no loss invented, doubt told."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.genicam.chunks import OverrunCount
from drivers.genicam.frame_numbering import FrameNumbering

PERIOD_NS = 16_667_000
STEADY = 8
"""Frames in order before anything happens: the pace is known then."""


@dataclass(frozen=True)
class Sent:
    """A frame on its way: its true index, and what the camera tells of it."""

    index: int
    frame_id: int
    host_time_ns: int
    device_time_ns: int | None
    damaged: bool = False


@dataclass
class CountingCamera:
    """A camera with a true count, which it tells by a counter of some width."""

    bits: int = 64
    has_zero: bool = True
    start: int = 1
    has_clock: bool = True
    events: list[str] = field(default_factory=list)
    garbage: int = 0
    pauses: frozenset[int] = frozenset()

    def frame_id(self, index: int) -> int:
        lowest = 0 if self.has_zero else 1
        length = (1 << self.bits) - lowest
        return (self.start - lowest + index) % length + lowest

    def sent(self) -> Iterator[Sent]:
        """What is delivered, in order; every event is one frame."""
        at_ns, restarted, held_back = 10**15, 0, None
        events = ["good"] * STEADY + self.events + ["good"] * 3
        for index, event in enumerate(events):
            at_ns += PERIOD_NS * (50 if index in self.pauses else 1)
            if event == "restart":
                restarted = index
                self.start, self.has_zero = 1, self.has_zero
            jitter_ns = (index * 7919) % 1000 * 500  # up to half a millisecond
            frame = Sent(
                index,
                self.garbage if event == "garbage" else self.frame_id(index - restarted),
                at_ns + jitter_ns,
                at_ns if self.has_clock else None,
                damaged=event == "damaged",
            )
            if event == "late" and held_back is None:
                held_back = frame
                continue
            if event != "lost":
                yield frame
            if event == "repeated":
                yield replace(frame, host_time_ns=frame.host_time_ns + 100_000)
            if held_back is not None:
                yield replace(held_back, host_time_ns=frame.host_time_ns + 200_000)
                held_back = None


def numbered(camera: CountingCamera) -> tuple[FrameNumbering, list[tuple[int, int]]]:
    """The numbering after all frames, and (true index, sequence number) of those handed on."""
    numbering = FrameNumbering()
    given_on = []
    for frame in camera.sent():
        if frame.damaged:
            numbering.note_incomplete()
            continue
        sequence = numbering.take(frame.frame_id, frame.host_time_ns, frame.device_time_ns)
        if sequence is not None:
            given_on.append((frame.index, sequence))
    sequences = [sequence for _, sequence in given_on]
    assert sequences == sorted(set(sequences))
    assert numbering.captured == len(given_on)
    return numbering, given_on


def test_gaps_are_losses_but_not_where_a_buffer_came_damaged() -> None:
    numbering = FrameNumbering()
    assert [numbering.take(frame_id) for frame_id in (5, 6, 9)] == [0, 1, 4]
    numbering.note_incomplete()
    assert numbering.take(11) == 6
    assert (numbering.captured, numbering.lost, numbering.incomplete) == (4, 2, 1)


def test_sixteen_bit_block_ids_go_on_from_one() -> None:
    numbering = FrameNumbering()
    sequences = [numbering.take(frame_id) for frame_id in (65533, 65534, 65535, 1, 2, 4)]
    assert sequences == [0, 1, 2, 3, 4, 6]
    assert numbering.lost == 1


@settings(deadline=None)
@given(
    events=st.lists(st.sampled_from(["good", "lost", "damaged"]), max_size=80),
    start=st.integers(0, 70_000),
)
def test_every_frame_sent_is_in_exactly_one_count(events: list[str], start: int) -> None:
    numbering = FrameNumbering()
    numbering.take(start)
    for frame_id, event in enumerate([*events, "good"], start + 1):
        if event == "good":
            numbering.take(frame_id)
        elif event == "damaged":
            numbering.note_incomplete()
    assert numbering.captured == 2 + events.count("good")
    assert numbering.lost == events.count("lost")
    assert numbering.incomplete == events.count("damaged")


def starts_of(bits: int) -> st.SearchStrategy[int]:
    """Anywhere, but mostly so that the counter wraps soon."""
    top = (1 << bits) - 1
    return st.integers(max(1, top - 120), top) | st.integers(1, top)


@st.composite
def counting(draw: st.DrawFn, *events: str, most: int = 80) -> CountingCamera:
    bits = draw(st.sampled_from([8, 16, 32, 64]))
    return CountingCamera(
        bits=bits,
        has_zero=draw(st.booleans()),
        start=draw(starts_of(bits)),
        has_clock=draw(st.booleans()),
        events=draw(st.lists(st.sampled_from(["good", "good", *events]), max_size=most)),
    )


@settings(max_examples=80, deadline=None)
@given(counting("lost", "damaged"))
def test_losses_are_exact_at_any_width_with_zero_or_without(camera: CountingCamera) -> None:
    numbering, given_on = numbered(camera)
    assert numbering.lost == camera.events.count("lost")
    assert numbering.incomplete == camera.events.count("damaged")
    assert numbering.breaks == 0
    assert numbering.tells_losses
    assert [index for index, _ in given_on] == [sequence for _, sequence in given_on]


@settings(max_examples=60, deadline=None)
@given(
    counting("lost", "damaged"),
    st.integers(0, 79),
    st.sampled_from([0, 1, 5000, 2**16 - 1, 2**31, 2**40, 2**64 - 1]) | st.integers(0, 2**64 - 1),
)
def test_a_single_wrong_number_invents_no_loss(
    camera: CountingCamera, place: int, garbage: int
) -> None:
    camera.events.insert(place, "garbage")
    camera.garbage = _far_off(camera, garbage)
    numbering, _ = numbered(camera)
    assert numbering.lost == camera.events.count("lost")
    assert numbering.breaks == 0


def _far_off(camera: CountingCamera, garbage: int) -> int:
    """A wrong number; where it happens to be one that could have come, nobody can tell."""
    near = {camera.frame_id(index) for index in range(len(camera.events) + 200)}
    wraps = 1 in near and not camera.has_zero
    return 2**64 - 1000 if garbage in near or (wraps and garbage == 0) else garbage


@settings(max_examples=60, deadline=None)
@given(counting("lost", "damaged", most=60), st.integers(0, 59))
def test_a_count_that_begins_anew_invents_no_loss_and_is_told(
    camera: CountingCamera, place: int
) -> None:
    ids = [camera.frame_id(index) for index in range(STEADY + 64)]
    if max(ids) < 300 or min(ids) < 300:
        camera.bits, camera.start = 16, 5000  # begins anew far from where it would wrap
    camera.events[place:place] = ["good", "restart", "good", "good"]
    numbering, _ = numbered(camera)
    assert numbering.breaks == 1
    assert numbering.lost == camera.events.count("lost")


@settings(max_examples=60, deadline=None)
@given(counting("late", "lost", most=60))
def test_a_late_frame_is_left_out_and_stays_a_loss(camera: CountingCamera) -> None:
    camera.events = [*_apart(camera.events, "late"), "good", "good"]
    numbering, given_on = numbered(camera)
    late = camera.events.count("late")
    assert numbering.discarded == late
    assert numbering.lost == camera.events.count("lost") + late
    assert numbering.breaks == 0
    assert [index for index, _ in given_on] == [sequence for _, sequence in given_on]


def _apart(events: list[str], kind: str) -> list[str]:
    """No two of a kind in succession, and none before a loss."""
    result: list[str] = []
    for event in events:
        if result and result[-1] == kind:
            result.append("good")
        result.append(event)
    return result


@settings(max_examples=60, deadline=None)
@given(counting("repeated", "lost", "damaged", most=60))
def test_a_frame_that_comes_twice_is_handed_on_once(camera: CountingCamera) -> None:
    numbering, given_on = numbered(camera)
    assert numbering.discarded == camera.events.count("repeated")
    assert numbering.lost == camera.events.count("lost")
    assert [index for index, _ in given_on] == [sequence for _, sequence in given_on]


@settings(max_examples=80, deadline=None)
@given(
    counting("lost", "damaged", "garbage", "repeated", "restart", "late"),
    st.integers(0, 2**64 - 1),
    st.frozensets(st.integers(0, 90), max_size=3),
)
def test_whatever_comes_numbers_increase_and_doubt_is_told(
    camera: CountingCamera, garbage: int, pauses: frozenset[int]
) -> None:
    camera.garbage = _far_off(camera, garbage)
    if "restart" not in camera.events:  # a pause before it may be just as long as a wrap explains
        camera.pauses = pauses
    numbering, given_on = numbered(camera)
    frames = len(camera.events) + STEADY + 3
    if not camera.has_clock:
        # After a wrong number it cannot be told from a new frame.
        frames += camera.events.count("repeated")
    assert numbering.lost <= frames - len(given_on) or numbering.breaks


def test_losses_that_the_numbers_hide_are_no_ignored_triggers() -> None:
    numbering, overruns = FrameNumbering(), OverrunCount(counts=True)
    # Two triggers ignored, then a count that begins anew after five frames lost, one more ignored.
    for frame_id, triggers in [(10, 1), (11, 2), (12, 5), (1, 11), (2, 12), (3, 13), (4, 15)]:
        sequence = numbering.take(frame_id)
        assert sequence is not None
        overruns.note(triggers, sequence, numbering)
    assert (overruns.count, numbering.lost, numbering.breaks) == (3, 0, 1)
    for _ in range(10):
        sequence = numbering.take(7)
        if sequence is not None:
            overruns.note(20, sequence, numbering)
    assert overruns.count is None


@pytest.mark.parametrize("has_clock", [True, False])
@pytest.mark.parametrize("number", [0, 1, 65535, 2**64 - 1])
def test_a_producer_without_numbers_does_not_tell_losses(number: int, has_clock: bool) -> None:
    numbering = FrameNumbering()
    for index in range(40):
        at_ns = index * PERIOD_NS
        assert numbering.take(number, at_ns, at_ns if has_clock else None) == index
        assert numbering.tells_losses == (index == 0)
    assert (numbering.captured, numbering.lost, numbering.discarded) == (40, 0, 0)


def test_numbers_that_stop_counting_are_noticed() -> None:
    numbering = FrameNumbering()
    for index in range(60):
        numbering.take(min(index, 20), index * PERIOD_NS, index * PERIOD_NS)
        assert numbering.tells_losses == (index < 28)
    assert numbering.lost == 0


def test_numbers_that_count_something_else_do_not_tell_losses() -> None:
    """Such as lines, or times."""
    numbering = FrameNumbering()
    for index in range(40):
        numbering.take(1080 * index, index * PERIOD_NS, index * PERIOD_NS)
    assert not numbering.tells_losses
    assert (numbering.captured, numbering.lost) == (40, 0)


def test_a_long_outage_may_hide_a_whole_round_of_the_count() -> None:
    numbering = FrameNumbering()
    camera = CountingCamera(bits=16, has_zero=False, start=60_000)
    for index in (*range(20), 70_000):
        numbering.take(camera.frame_id(index), index * PERIOD_NS, index * PERIOD_NS)
    assert numbering.lost < 69_981
    assert numbering.breaks == 1


def test_a_trigger_that_pauses_is_no_loss_and_no_doubt() -> None:
    camera = CountingCamera(bits=16, has_zero=False, start=65_530, pauses=frozenset(range(9, 40)))
    camera.events = ["good"] * 60
    numbering, _ = numbered(camera)
    assert (numbering.lost, numbering.breaks) == (0, 0)


@pytest.mark.parametrize(
    ("ids", "lost"),
    [
        ([65534, 65535, 1, 2], 0),
        ([65533, 65535, 2, 3], 2),
        ([65534, 65535, 0, 1, 2], 0),
        ([65534, 0, 1], 1),
        ([2**32 - 2, 2**32 - 1, 0, 1], 0),
        ([2**32 - 3, 3, 4], 5),
        ([4999, 5000, 1, 2], 0),
        ([7, 8, 8, 9], 0),
        ([0, 0, 0, 0], 0),
        ([10, 2**40, 12], 0),
        ([10, 0, 12], 0),
        ([1, 2, 4, 3, 5], 1),
    ],
)
def test_numbers_alone_tell_as_much(ids: list[int], lost: int) -> None:
    """Without any time."""
    numbering = FrameNumbering()
    sequences = [sequence for each in ids if (sequence := numbering.take(each)) is not None]
    assert numbering.lost == lost
    assert len(set(sequences)) == len(sequences)


def test_damaged_buffers_count_at_a_wrap_and_at_a_break() -> None:
    numbering = FrameNumbering()
    assert [numbering.take(each) for each in (65533, 65534)] == [0, 1]
    numbering.note_incomplete()
    assert numbering.take(2) == 4  # 65535 came damaged, 1 was lost
    numbering.note_incomplete()
    assert numbering.take(40_000) == 6
    assert (numbering.captured, numbering.lost, numbering.incomplete) == (4, 1, 2)
    assert numbering.breaks == 1


@pytest.mark.parametrize("on_their_way", [0, STEADY])
def test_losses_right_after_a_faster_rate_was_set_are_counted(on_their_way: int) -> None:
    """By the former rate so many frames could not have come: they were called unknown."""
    numbering, at_ns = FrameNumbering(), 0
    for frame_id in range(STEADY + on_their_way):
        if frame_id == STEADY:
            numbering.forget_pace(on_their_way)
        at_ns += PERIOD_NS
        numbering.take(frame_id, at_ns, at_ns)
    if not on_their_way:
        numbering.forget_pace()
    after = STEADY + on_their_way + 60
    at_ns += 20 * PERIOD_NS
    assert numbering.take(after, at_ns, at_ns) == after
    assert (numbering.lost, numbering.breaks) == (60, 0)
