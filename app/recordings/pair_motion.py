"""What the motion in recorded pairs tells: whether they belong together, and the delay left."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise, zip_longest
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from app.pairs.motion_samples import REACH, lag_sample, moving_sample
from app.recordings.aligned_pairs import LATE_PERIODS, PairedFrames, PairedRecording
from calibration.temporal.frame_lag import LAGS, FrameLag, LagSample, LagState, frame_lag
from calibration.temporal.moving_cells import MovingSample
from calibration.temporal.residual_delay import ResidualDelay, residual_delay
from drivers.frame import FrameMetadata
from drivers.pixel_format import Pixels
from drivers.rig.pairing import FramePair

_STRETCH_PAIRS = 60
_MOST_STRETCHES = 16
"""A recording is judged in stretches of so many pairs, longer ones where there are more."""

_SAMPLES = 6
"""Pairs of a stretch that are compared: those with most motion of so many that are scanned."""

_SCANNED = 32
_SCAN_PX = 8
_DELAY_SAMPLES = 24


@dataclass(frozen=True)
class Stretch:
    """A part of a recording, by numbers of pairs, both included, and what its motion tells."""

    first_pair: int
    last_pair: int
    lag: FrameLag


@dataclass(frozen=True)
class PairMotion:
    """Result of :func:`pair_motion`; ``delay`` None where too little moves."""

    stretches: tuple[Stretch, ...]
    delay: ResidualDelay | None

    @property
    def wrong(self) -> tuple[Stretch, ...]:
        """Stretches whose pictures show that their pairs do not belong together."""
        return tuple(
            each for each in self.stretches if each.lag.state in (LagState.APART, LagState.UNLIKE)
        )

    @property
    def proven(self) -> bool:
        """Whether the pictures of every stretch show that its pairs belong together."""
        together = [each.lag.state is LagState.TOGETHER for each in self.stretches]
        return bool(together) and all(together)

    def _wrong_parts(self) -> Iterator[tuple[str, str]]:
        """Neighbouring wrong stretches of which the same is to be said are one part."""
        first: Stretch | None = None
        for each, after in zip_longest(self.stretches, self.stretches[1:]):
            if each not in self.wrong:
                continue
            first = first or each
            if after not in self.wrong or after.lag.text != each.lag.text:
                yield f"pairs {first.first_pair} to {each.last_pair}", each.lag.text
                first = None

    @property
    def text(self) -> str:
        """For the operator, one line."""
        if self.wrong:
            return "; ".join(f"{name}: {text}" for name, text in self._wrong_parts())
        together = [each for each in self.stretches if each.lag.state is LagState.TOGETHER]
        if not together:
            return (
                "not provable from images: "
                f"{self.stretches[0].lag.text if self.stretches else 'too few pairs in a row'}"
            )
        told = sum(each.lag.samples for each in together)
        rest = len(self.stretches) - len(together)
        still = (
            "" if not rest else f"; in {rest} of {len(self.stretches)} stretches too little moves"
        )
        return f"the pictures of {told} pairs with motion show the same instant{still}"

    def document(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "stretches": [
                {
                    "first_pair": each.first_pair,
                    "last_pair": each.last_pair,
                    **each.lag.model_dump(mode="json"),
                }
                for each in self.stretches
            ],
            "residual_delay": None if self.delay is None else self.delay.model_dump(mode="json"),
        }


def pair_motion(
    paired: PairedRecording,
    map_error_px: float,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> PairMotion:
    """Compare the frames of both cameras where something moves, stretch by stretch.

    ``map_error_px`` is how far the GS picture may lie beside the RSGR picture. Raises
    :class:`drivers.recording.zarr_shards.DamagedFrameError`.
    """
    if len(paired.pairing.pairs) <= 2 * REACH:
        return PairMotion((), None)
    return _Look(paired, map_error_px).motion(on_progress)


class _Look:
    """The look at one recording."""

    def __init__(self, paired: PairedRecording, map_error_px: float) -> None:
        self._paired, self._view = paired, paired.view
        self._map_error_px = map_error_px
        self._period_us = paired.interval_us

    def motion(self, on_progress: Callable[[int, int], None]) -> PairMotion:
        pairs = self._paired.pairing.pairs
        count = max(1, min(_MOST_STRETCHES, len(pairs) // _STRETCH_PAIRS))
        edges = [round(part * len(pairs) / count) for part in range(count + 1)]
        stretches, moving = [], []
        with self._paired.frames() as frames:
            for done, (first, end) in enumerate(pairwise(edges)):
                on_progress(done, count)
                chosen = self._most_motion(frames, pairs[first:end])
                samples = [self._sample(frames, pair) for pair in chosen]
                lag = frame_lag(
                    [each for each, _ in samples],
                    self._view.middles_apart_us,
                    self._period_us,
                    self._map_error_px,
                )
                stretches.append(Stretch(first, end - 1, lag))
                if lag.state is LagState.TOGETHER:
                    moving += [each for _, each in samples]
            on_progress(count, count)
        step = max(1, -(-len(moving) // _DELAY_SAMPLES))
        delay = residual_delay(
            moving[::step], self._view.timing, self._view.gs_exposure_us, self._map_error_px
        )
        return PairMotion(tuple(stretches), delay)

    def _most_motion(self, frames: PairedFrames, pairs: Sequence[FramePair]) -> list[FramePair]:
        """The pairs of a stretch with most motion, in order; no two of them are neighbours."""
        usable = [pair for pair in pairs if self._has_neighbours(pair)]
        scanned = usable[:: max(1, len(usable) // _SCANNED)]
        changes = np.array([self._change(frames, pair) for pair in scanned])
        chosen: list[int] = []
        for place in np.argsort(changes)[::-1].tolist():
            if all(abs(place - other) > 1 for other in chosen):
                chosen.append(place)
            if len(chosen) == _SAMPLES:
                break
        return [scanned[place] for place in sorted(chosen)]

    def _has_neighbours(self, pair: FramePair) -> bool:
        rsgr, gs = self._paired.known
        return self._unbroken(rsgr, pair.rsgr_index, 1) and self._unbroken(gs, pair.gs_index, REACH)

    def _unbroken(self, known: Sequence[tuple[int, FrameMetadata]], index: int, reach: int) -> bool:
        """Whether no frame is missing from ``reach`` before to ``reach`` after it."""
        if not reach <= index < len(known) - reach:
            return False
        around = [metadata for _, metadata in known[index - reach : index + reach + 1]]
        latest_us = LATE_PERIODS * self._period_us
        return all(
            after.sequence == before.sequence + 1
            and after.start_time_ns - before.start_time_ns < 1e3 * latest_us
            for before, after in pairwise(around)
        )

    def _change(self, frames: PairedFrames, pair: FramePair) -> float:
        """How much the GS picture changes until the next one, where it changes most."""
        here, there = (_small(frames.gs(pair.gs_index + later)) for later in (0, 1))
        return float(np.percentile(np.abs(there - here), 99))

    def _sample(self, frames: PairedFrames, pair: FramePair) -> tuple[LagSample, MovingSample]:
        index, known = pair.rsgr_index, self._paired.known[0]
        gs = [frames.gs(pair.gs_index + lag) for lag in LAGS]
        sample = lag_sample(self._view, frames.rsgr(index), gs)
        before, after = (known[index + step][1].start_time_ns for step in (-1, 1))
        moving = moving_sample(
            self._view,
            sample,
            frames.rsgr(index - 1),
            frames.rsgr(index + 1),
            (after - before) / 1e3,
        )
        return sample, moving


def _small(codes: Pixels) -> NDArray[np.float32]:
    rows, columns = codes.shape[:2]
    size = (max(1, columns // _SCAN_PX), max(1, rows // _SCAN_PX))
    return np.asarray(cv2.resize(codes.astype(np.float32), size, interpolation=cv2.INTER_AREA))
