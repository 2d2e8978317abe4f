"""Random scenes and cameras of which nothing is ours: how often are their pictures misjudged?

    python -m tests.calibration.temporal.lag_experiments --number 400 --seed 1

Patches of blurred noise, some of them periodic, slide, swing or wander over a still ground. Both
cameras see them with shot and read noise, unlike gain, a map that is off by a part of a pixel, and
light that flickers. Each RSGR frame is paired with the GS frame of its instant, or with one up to
three triggers off.
"""

import argparse
from collections import Counter
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from calibration.temporal.frame_lag import LAGS, FrameLag, LagSample, LagState, frame_lag

Picture: TypeAlias = NDArray[np.float32]
ROWS, COLUMNS = 120, 160
SAMPLES = 6
_MARGIN_PX = 8


@dataclass(frozen=True)
class Patch:
    """A textured rectangle that moves; positions in px, times in s."""

    texture: Picture
    start: tuple[float, float]
    velocity: tuple[float, float]
    swing_px: float
    swing_hz: float
    wander: tuple[NDArray[np.float64], NDArray[np.float64]]

    def place(self, time_s: float) -> tuple[float, float]:
        swing = self.swing_px * np.sin(2 * np.pi * self.swing_hz * time_s)
        step_s = np.linspace(0.0, 4.0, len(self.wander[0]))
        x, y = (float(np.interp(time_s, step_s, each)) for each in self.wander)
        return (
            (self.start[0] + self.velocity[0] * time_s + swing + x) % (COLUMNS + 60) - 30,
            (self.start[1] + self.velocity[1] * time_s + y) % (ROWS + 60) - 30,
        )


@dataclass(frozen=True)
class Experiment:
    """One scene before two cameras; ``off_by`` is how many triggers later the GS frame is."""

    ground: Picture
    patches: tuple[Patch, ...]
    period_us: float
    exposure_us: float
    line_time_us: float
    noise: float
    gain: float
    flicker: tuple[float, float]
    map_error_px: tuple[float, float]
    off_by: int
    rng: np.random.Generator

    @classmethod
    def drawn(cls, rng: np.random.Generator) -> "Experiment":
        period_us = float(rng.choice([1e6 / fps for fps in (15, 30, 60, 120)]))
        exposure_us = float(period_us * rng.choice([0.02, 0.1, 0.3, 0.6]))
        room_us = 0.95 * period_us - exposure_us
        return cls(
            ground=texture(rng, ROWS + 2 * _MARGIN_PX, COLUMNS + 2 * _MARGIN_PX),
            patches=tuple(_patch(rng, period_us) for _ in range(rng.integers(0, 4))),
            period_us=period_us,
            exposure_us=exposure_us,
            line_time_us=float(rng.uniform(0.1, 1.0)) * room_us / ROWS,
            noise=float(rng.choice([0.001, 0.005, 0.02])),
            gain=float(rng.uniform(0.97, 1.03)),
            flicker=(float(rng.choice([0.0, 0.0, 0.2])), float(rng.choice([100.0, 120.0]))),
            map_error_px=tuple(rng.normal(0.0, 0.1, 2).tolist()),
            off_by=int(rng.choice([0, 0, 0, 1, -1, 2, -2, 3])),
            rng=rng,
        )

    def light(self, time_s: float, shift_px: tuple[float, float]) -> Picture:
        seen = self.ground.copy()
        for patch in self.patches:
            x, y = patch.place(time_s)
            rows, columns = patch.texture.shape
            move = np.array([[1, 0, x + _MARGIN_PX], [0, 1, y + _MARGIN_PX]], np.float32)
            size = (seen.shape[1], seen.shape[0])
            laid = cv2.warpAffine(patch.texture, move, size)
            cover = cv2.warpAffine(np.ones((rows, columns), np.float32), move, size)
            seen = seen * (1 - cover) + laid * cover
        depth, rate_hz = self.flicker
        seen = seen * np.float32(1 + depth * np.sin(2 * np.pi * rate_hz * time_s))
        move = np.array(
            [[1, 0, shift_px[0] - _MARGIN_PX], [0, 1, shift_px[1] - _MARGIN_PX]], np.float32
        )
        return np.asarray(cv2.warpAffine(seen, move, (COLUMNS, ROWS)), np.float32)

    def frame(
        self, trigger: int, exposure_us: NDArray[np.float64], shift_px: tuple[float, float]
    ) -> Picture:
        """Mean light of each row in its exposure, with noise."""
        steps = 24
        edges_us = np.linspace(0.0, float(exposure_us.max()), steps + 1)
        total = np.zeros((ROWS, COLUMNS), np.float32)
        for first, last in pairwise(edges_us):
            share = np.clip(exposure_us - first, 0.0, last - first) / exposure_us
            time_s = (trigger * self.period_us + (first + last) / 2) * 1e-6
            total += self.light(time_s, shift_px) * share.astype(np.float32)[:, None]
        return total + self.rng.normal(0.0, self.noise, total.shape).astype(np.float32)

    def found(self) -> FrameLag:
        row_us = self.exposure_us + np.arange(ROWS) * self.line_time_us
        gs_us = np.full(ROWS, self.exposure_us)
        frames: dict[int, Picture] = {}

        def gs(trigger: int) -> Picture:
            if trigger not in frames:
                frames[trigger] = self.gain * self.frame(trigger, gs_us, self.map_error_px)
            return frames[trigger]

        samples = []
        for trigger in range(6, 6 + 5 * SAMPLES, 5):
            rsgr = self.frame(trigger, row_us, (0.0, 0.0))
            seen = tuple(gs(trigger + self.off_by + lag) for lag in LAGS)
            noise = np.full((ROWS, COLUMNS), np.sqrt(2) * self.noise, np.float32)
            samples.append(LagSample(rsgr, seen, np.ones((ROWS, COLUMNS), bool), noise))
        return frame_lag(samples, (gs_us - row_us) / 2, self.period_us, 0.25)


def texture(rng: np.random.Generator, rows: int, columns: int) -> Picture:
    """Blurred noise around a mean, in light of 0 to 1."""
    dots = cv2.GaussianBlur(
        rng.random((rows, columns)).astype(np.float32), (0, 0), float(rng.uniform(1.0, 4.0))
    )
    level, contrast = rng.uniform(0.2, 0.6), rng.uniform(0.05, 0.15)
    return np.clip(level + contrast * (dots - dots.mean()) / dots.std(), 0.0, 1.0)


def _patch(rng: np.random.Generator, period_us: float) -> Patch:
    rows, columns = (int(each) for each in rng.integers(20, 70, 2))
    shown = texture(rng, rows, columns)
    if rng.random() < 0.2:  # stripes
        shown = np.broadcast_to(
            0.4 + 0.3 * np.sin(2 * np.pi * np.arange(columns) / rng.integers(6, 20)),
            (rows, columns),
        ).astype(np.float32)
    speed = 10.0 ** rng.uniform(-0.5, 1.2) / (period_us * 1e-6)
    angle = rng.uniform(0.0, 2 * np.pi)
    kind = rng.integers(0, 3)
    steps = rng.normal(0.0, 2.0, (2, 240)).cumsum(axis=1) if kind == 2 else np.zeros((2, 240))
    return Patch(
        shown,
        tuple(rng.uniform((0, 0), (COLUMNS, ROWS)).tolist()),
        (speed * np.cos(angle), speed * np.sin(angle)) if kind == 0 else (0.0, 0.0),
        float(rng.uniform(2.0, 15.0)) if kind == 1 else 0.0,
        float(rng.uniform(0.5, 4.0)),
        (steps[0], steps[1]),
    )


def judged(found: FrameLag, off_by: int) -> str:
    """In a word: right, wrong, or not told."""
    if found.lag is None:
        blamed = found.state in (LagState.APART, LagState.UNLIKE)
        if blamed:
            return "right pairs called wrong" if off_by == 0 else "wrong, lag not told"
        pairs = "right" if off_by == 0 else "wrong"
        return f"{pairs} pairs, not told ({found.state.value})"
    if off_by == 0:
        return "right" if found.lag == 0 else "right pairs called wrong"
    if found.lag == 0:
        return "wrong pairs called right"
    known = -off_by if abs(off_by) <= max(LAGS) else -int(np.sign(off_by)) * max(LAGS)
    return "wrong, lag told" if found.lag == known else "wrong, another lag told"


def experiments(number: int, seed: int) -> Counter[str]:
    """Counts of verdicts over ``number`` experiments."""
    counts: Counter[str] = Counter()
    for each in range(seed, seed + number):
        experiment = Experiment.drawn(np.random.default_rng(each))
        said = judged(experiment.found(), experiment.off_by)
        counts[said] += 1
        if said in ("right pairs called wrong", "wrong pairs called right"):
            print(f"seed {each}: {said}", flush=True)
    return counts


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--number", type=int, default=400)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    for name, count in experiments(asked.number, asked.seed).most_common():
        print(f"{count:5} {name}")
