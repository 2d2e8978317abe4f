"""Each frame is restored once, from the same frames whatever a run begins with."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from app.restore.feeding import ClipByClip, FrameByFrame, Strategy, strategy_for
from drivers.frame import Frame, FrameMetadata
from drivers.frame_conditions import FrameConditions
from drivers.pixel_format import pixel_format
from drivers.radiometry import Radiometry
from drivers.timing import SensorTiming
from models.restorers.restorer import Restored
from models.restorers.restorer_state import RestorerState
from models.restorers.row_gain import RowGain

CONDITIONS = FrameConditions(
    SensorTiming(1000.0, 10.0, 2), Radiometry(pixel_format("Mono8"), 0.0, 255.0)
)


class Witness:
    """Tells in its light which frames it was shown, those of an earlier run included."""

    state = RestorerState("witness", "cpu")

    def __init__(self, frames_needed: int) -> None:
        self.frames_needed = frames_needed
        self.clips: list[list[int]] = []

    def prepare(
        self, frames: Sequence[Frame], conditions: FrameConditions
    ) -> Callable[[], Restored]:
        return lambda: self.restore(frames, conditions)

    def restore(self, frames: Sequence[Frame], conditions: FrameConditions) -> Restored:
        seen = torch.tensor([frame.metadata.sequence for frame in frames])
        return Restored(seen, torch.empty(0))

    def reset(self) -> None:
        """It remembers nothing."""


class ClipWitness(Witness):
    def restore_clip(self, frames: Sequence[Frame], conditions: FrameConditions) -> list[Restored]:
        return [self.restore(frames, conditions) for _ in frames]


def restored(strategy: Strategy, wanted: range, total: int) -> dict[int, list[int]]:
    def read() -> Iterator[Frame]:
        for index in strategy.context(wanted, total):
            yield Frame(np.zeros((2, 2), np.uint8), FrameMetadata(index, index))

    pairs = list(strategy.restore(read(), wanted, CONDITIONS))
    assert [frame.metadata.sequence for frame, _ in pairs] == list(wanted)
    return {frame.metadata.sequence: each.light.tolist() for frame, each in pairs}


@given(st.integers(1, 60), st.integers(1, 4), st.booleans(), st.data())
def test_part_of_a_run_is_that_of_the_whole(
    total: int, needed: int, ahead: bool, data: st.DataObject
) -> None:
    strategy = strategy_for(ClipWitness(needed) if ahead else Witness(needed))
    unit = strategy.unit_frames
    last = data.draw(st.integers(1, -(-total // unit)))
    first = data.draw(st.integers(0, last - 1))
    part = range(first * unit, min(last * unit, total))
    whole = restored(strategy, range(total), total)
    assert restored(strategy, part, total) == {index: whole[index] for index in part}


def test_frame_by_frame_shows_as_many_as_are_wanted() -> None:
    seen = restored(FrameByFrame(Witness(3)), range(5), 5)
    assert seen == {0: [0], 1: [0, 1], 2: [0, 1, 2], 3: [1, 2, 3], 4: [2, 3, 4]}


def test_clips_see_two_frames_beyond_what_they_give() -> None:
    seen = restored(ClipByClip(ClipWitness(1)), range(19), 19)
    assert seen[0] == list(range(10))
    assert seen[8] == seen[15] == list(range(6, 18))
    assert seen[18] == list(range(14, 19))


def test_clips_only_where_a_restorer_looks_ahead() -> None:
    assert isinstance(strategy_for(ClipWitness(1)), ClipByClip)
    assert isinstance(strategy_for(RowGain(torch.device("cpu"))), FrameByFrame)


def test_a_clip_that_is_not_whole_is_an_error() -> None:
    class Short(ClipWitness):
        def restore_clip(
            self, frames: Sequence[Frame], conditions: FrameConditions
        ) -> list[Restored]:
            return super().restore_clip(frames, conditions)[1:]

    with pytest.raises(ValueError, match="shorter"):
        restored(ClipByClip(Short(1)), range(8), 8)
