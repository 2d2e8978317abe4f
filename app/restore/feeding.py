"""How frames are given to a restorer: one by one as in a live run, or as clips with look-ahead."""

from collections import deque
from collections.abc import Iterator
from itertools import islice, pairwise
from typing import Protocol, TypeAlias

from drivers.frame import Frame
from drivers.frame_conditions import FrameConditions
from drivers.timing import SensorTiming
from models.restorers.motion import longest_interval_us
from models.restorers.restorer import ClipRestorer, Restored, Restorer

CLIP_FRAMES = 8
"""Frames a clip gives."""
CLIP_OVERLAP = 2
"""Frames a clip sees beyond them at either side."""

RestoredFrames: TypeAlias = Iterator[tuple[Frame, Restored]]


class Strategy(Protocol):
    """One way to feed a restorer.

    A frame's result depends on the frames of ``context`` around its unit alone,
    so that a run taken up again gives what an undisturbed one would.
    """

    unit_frames: int
    """What is restored begins at multiples of this."""

    def rehearse(self, frame: Frame, conditions: FrameConditions) -> None:
        """Restore one frame repeated as often as a unit is long; the result is not used."""

    def context(self, wanted: range, total: int) -> range:
        """Frames to read, of ``total``, to restore those ``wanted``."""

    def restore(
        self,
        frames: Iterator[Frame],
        wanted: range,
        conditions: FrameConditions,
    ) -> RestoredFrames:
        """Each of the ``wanted`` frames, restored; ``frames`` gives those of ``context``."""


class FrameByFrame:
    """The newest frame with those before it, as many as the restorer wants."""

    unit_frames = 1

    def __init__(self, restorer: Restorer) -> None:
        self._restorer = restorer

    def rehearse(self, frame: Frame, conditions: FrameConditions) -> None:
        """See :class:`Strategy`."""
        self._restorer.restore([frame] * self._restorer.frames_needed, conditions)
        self._restorer.reset()

    def context(self, wanted: range, total: int) -> range:
        """See :class:`Strategy`."""
        return range(max(0, wanted.start - self._restorer.frames_needed + 1), wanted.stop)

    def restore(
        self,
        frames: Iterator[Frame],
        wanted: range,
        conditions: FrameConditions,
    ) -> RestoredFrames:
        """See :class:`Strategy`."""
        self._restorer.reset()
        window: deque[Frame] = deque(maxlen=self._restorer.frames_needed)
        for frame in frames:
            if window and _apart(window[-1], frame, conditions.timing):
                window.clear()
                self._restorer.reset()
            window.append(frame)
            if frame.metadata.sequence in wanted:
                yield frame, self._restorer.restore(list(window), conditions)


class ClipByClip:
    """Overlapping clips: frames at the ends of a clip are results of the neighbouring clips."""

    unit_frames = CLIP_FRAMES

    def __init__(self, restorer: ClipRestorer) -> None:
        self._restorer = restorer

    def rehearse(self, frame: Frame, conditions: FrameConditions) -> None:
        """See :class:`Strategy`."""
        clip = [frame] * (CLIP_FRAMES + 2 * CLIP_OVERLAP)
        self._restorer.restore_clip(clip, conditions)
        self._restorer.reset()

    def context(self, wanted: range, total: int) -> range:
        """See :class:`Strategy`."""
        return range(max(0, wanted.start - CLIP_OVERLAP), min(total, wanted.stop + CLIP_OVERLAP))

    def restore(
        self,
        frames: Iterator[Frame],
        wanted: range,
        conditions: FrameConditions,
    ) -> RestoredFrames:
        """See :class:`Strategy`."""
        self._restorer.reset()
        clip: list[Frame] = []
        for first in range(wanted.start, wanted.stop, CLIP_FRAMES):
            given = range(first, min(first + CLIP_FRAMES, wanted.stop))
            seen = self.context(given, wanted.stop + CLIP_OVERLAP)
            clip = [frame for frame in clip if frame.metadata.sequence in seen]
            clip += islice(frames, len(seen) - len(clip))
            restored = [
                each
                for part in _unbroken(clip, conditions.timing)
                for each in self._restorer.restore_clip(part, conditions)
            ]
            for frame, each in zip(clip, restored, strict=True):
                if frame.metadata.sequence in given:
                    yield frame, each


def _apart(before: Frame, after: Frame, timing: SensorTiming) -> bool:
    """Whether two frames are too far apart in time to be related."""
    interval_ns = after.metadata.start_time_ns - before.metadata.start_time_ns
    return interval_ns > 1000 * longest_interval_us(timing)


def _unbroken(clip: list[Frame], timing: SensorTiming) -> list[list[Frame]]:
    """The clip divided at long gaps."""
    parts = [clip[:1]]
    for before, after in pairwise(clip):
        if _apart(before, after, timing):
            parts.append([])
        parts[-1].append(after)
    return parts


def strategy_for(restorer: Restorer) -> Strategy:
    """Clips where the restorer can look ahead, else frame by frame."""
    return ClipByClip(restorer) if isinstance(restorer, ClipRestorer) else FrameByFrame(restorer)
