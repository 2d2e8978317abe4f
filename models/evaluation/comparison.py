"""Compares restorers on held-out sequences, given to them as in a live run.

The baselines *raw* and *row gain* stand in every evaluation, on the same frames.
"""

import statistics
import time
from collections import deque
from collections.abc import Callable, Mapping
from collections.abc import Sequence as Ordered
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TypeVar

import torch
from torch import Tensor

from drivers.errors import InstrumentError
from drivers.frame import Frame
from drivers.frame_conditions import FrameConditions
from models.dataset.sequences import Sequence
from models.evaluation.example_crops import Example, find_spot
from models.evaluation.protocol import Protocol
from models.evaluation.results import Evaluation, Material, summarise
from models.evaluation.scoring import FrameScore, Picture, Truth, score_frame, truths
from models.restorers.network_restorer import NetworkRestorer
from models.restorers.restorer import ClipRestorer, Restored, Restorer
from models.restorers.restorer_state import RestorerState
from models.restorers.row_gain import RowGain

_T = TypeVar("_T")

RAW = "raw"
ROW_GAIN = RowGain.name


class RawCodes:
    """No restoring: codes as light, later rows too bright.

    That is row gain for a sensor without a ramp, demosaicing and white balance
    included.
    """

    name = RAW
    frames_needed = 1

    def __init__(self, device: torch.device) -> None:
        self._row_gain = RowGain(device)

    @property
    def state(self) -> RestorerState:
        """See :class:`models.restorers.restorer.Restorer`."""
        return replace(self._row_gain.state, name=self.name)

    def prepare(
        self, frames: Ordered[Frame], conditions: FrameConditions
    ) -> Callable[[], Restored]:
        """See :class:`models.restorers.restorer.Restorer`; the second part does everything."""
        return partial(self.restore, frames, conditions)

    def restore(self, frames: Ordered[Frame], conditions: FrameConditions) -> Restored:
        """Develop the newest of ``frames``; see :class:`models.restorers.restorer.Restorer`."""
        without_ramp = replace(conditions.timing, line_time_us=0.0)
        return self._row_gain.restore(frames, replace(conditions, timing=without_ramp))

    def reset(self) -> None:
        """Nothing is remembered."""


def evaluate(
    sequences: Ordered[Sequence],
    restorers: Mapping[str, Restorer],
    device: torch.device,
    on_progress: Callable[[int, int], None] | None = None,
    protocol: Protocol | None = None,
) -> Evaluation:
    """Run every restorer over every sequence; ``restorers`` go by their names in the table.

    ``restorers`` run on ``device``; raw and row gain join them. One that looks
    ahead is given each sequence at once, the others frame by frame.
    ``on_progress(done, total)`` counts frames. With a ``protocol`` its scores come, too.

    Raises :class:`InstrumentError` when there is nothing to evaluate, and when a
    restorer gives a picture of another shape than GS or values that are no numbers.
    """
    if not sequences:
        raise InstrumentError("no sequences to evaluate; name a dataset and a split that has some")
    baselines: dict[str, Restorer] = {RAW: RawCodes(device), ROW_GAIN: RowGain(device)}
    runs = [_Run(name, each, device, protocol) for name, each in {**baselines, **restorers}.items()]
    total = sum(len(sequence) for sequence in sequences)
    done = markers_in_gs = 0
    examples: list[Example] = []
    for sequence in sequences:
        for run in runs:
            run.begin(sequence)
        example: Example | None = None
        before: Truth | None = None
        for index, (frame, truth) in enumerate(truths(sequence, device)):
            pictures = {run.name: run.step(frame, truth, before) for run in runs}
            if index > 0:  # the first frame has no earlier one, which most restorers use
                example = _more_telling(example, sequence, index, truth, pictures)
            markers_in_gs += len(truth.markers or {})
            before = truth
            done += 1
            if on_progress is not None:
                on_progress(done, total)
        if example is not None:
            examples.append(example)
    material = _material(sequences, markers_in_gs)
    row_gain = next(run.scores for run in runs if run.name == ROW_GAIN)
    ratios = [sequence.info.timing.last_exposure_ratio() for sequence in sequences]
    return Evaluation(
        results=tuple(
            summarise(
                run.name,
                material.split,
                run.scores,
                row_gain,
                ratios,
                markers_in_gs,
                run.restorer.state,
                run.macs_per_megapixel,
                run.ms_per_frame,
                protocol,
            )
            for run in runs
        ),
        material=material,
        examples=tuple(sorted(examples, key=lambda each: each.spot.interest, reverse=True)),
    )


@dataclass
class _Run:
    """The evaluation of one restorer over the sequences."""

    name: str
    restorer: Restorer
    device: torch.device
    protocol: Protocol | None
    scores: list[list[FrameScore]] = field(default_factory=list)
    _window: deque[Frame] = field(default_factory=deque)
    _ahead: deque[Tensor] = field(default_factory=deque)
    """What a restorer that looks ahead has made of the frames to come."""
    _sequence: Sequence | None = None
    _before: Picture | None = None
    _full_window_ms: list[float] = field(default_factory=list)
    _first_frames_ms: list[float] = field(default_factory=list)

    @property
    def macs_per_megapixel(self) -> float | None:
        """Multiply-accumulates for a picture of 10^6 pixels; None without a network."""
        restorer = self.restorer
        return restorer.macs_per_megapixel if isinstance(restorer, NetworkRestorer) else None

    def begin(self, sequence: Sequence) -> None:
        """Warm up for the sequence's size and timing, then forget everything."""
        self._sequence, self._before = sequence, None
        self.scores.append([])
        self.restorer.reset()
        if isinstance(self.restorer, ClipRestorer):
            self._look_ahead(self.restorer, sequence)
            return
        needed = self.restorer.frames_needed
        self._window = deque(maxlen=needed)
        self._restore([sequence.frame(index) for index in range(min(needed, len(sequence)))])
        self.restorer.reset()

    def step(self, frame: Frame, truth: Truth, truth_before: Truth | None) -> Picture:
        """Restore and score the next frame."""
        if self._ahead:
            light = self._ahead.popleft()
        else:
            self._window.append(frame)
            light, elapsed_ms = self._restore(list(self._window))
            full = len(self._window) == self._window.maxlen
            (self._full_window_ms if full else self._first_frames_ms).append(elapsed_ms)
        self._check(light, truth, frame)
        picture = Picture.of(light)
        assert self._sequence is not None  # begin() comes first
        encoding = None if self.protocol is None else self._sequence.code_encoding
        self.scores[-1].append(score_frame(picture, truth, self._before, truth_before, encoding))
        self._before = picture
        return picture

    @property
    def ms_per_frame(self) -> float:
        """Median time of a frame."""
        return statistics.median(self._full_window_ms or self._first_frames_ms)

    def _look_ahead(self, restorer: ClipRestorer, sequence: Sequence) -> None:
        """Restore the whole sequence; the first one twice, to warm up."""
        frames = [sequence.frame(index) for index in range(len(sequence))]
        conditions = sequence.info.conditions
        if not self._full_window_ms:
            with torch.inference_mode():
                restorer.restore_clip(frames, conditions)
        restored, elapsed_ms = self._timed(lambda: restorer.restore_clip(frames, conditions))
        self._ahead = deque(each.light for each in restored)
        self._full_window_ms.append(elapsed_ms / len(frames))

    def _restore(self, frames: Ordered[Frame]) -> tuple[Tensor, float]:
        assert self._sequence is not None  # begin() comes first
        conditions = self._sequence.info.conditions
        restored, elapsed_ms = self._timed(lambda: self.restorer.restore(frames, conditions))
        return restored.light, elapsed_ms

    def _timed(self, restore: Callable[[], _T]) -> tuple[_T, float]:
        with torch.inference_mode():
            self._finish_device_work()
            started_s = time.perf_counter()
            result = restore()
            self._finish_device_work()
            return result, (time.perf_counter() - started_s) * 1e3

    def _finish_device_work(self) -> None:
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)

    def _check(self, light: Tensor, truth: Truth, frame: Frame) -> None:
        assert self._sequence is not None  # begin() comes first
        place = f"{self._sequence.folder.name}, frame {frame.metadata.sequence}"
        wanted = tuple(truth.picture.light.shape)
        if tuple(light.shape) != wanted:
            raise InstrumentError(
                f"{place}: {self.name} gives {tuple(light.shape)}, GS is {wanted} pixels; "
                "RSGR and GS must both be mono or both colour, and of one size"
            )
        if not bool(torch.isfinite(light).all()):
            raise InstrumentError(
                f"{place}: {self.name} gives values that are no numbers; "
                "its weights or its precision are at fault"
            )


def _more_telling(
    example: Example | None,
    sequence: Sequence,
    index: int,
    truth: Truth,
    pictures: Mapping[str, Picture],
) -> Example | None:
    """The example with more motion: the known one, or the best of this frame."""
    spot = find_spot(truth)
    if spot is None or (example is not None and spot.interest <= example.spot.interest):
        return example
    found = Example.of(
        sequence.folder.name, sequence.names[index], spot, truth, sequence.info.timing
    )
    for restorer, picture in pictures.items():
        found.add(restorer, picture, truth)
    return found


def _material(sequences: Ordered[Sequence], markers_in_gs: int) -> Material:
    infos = [sequence.info for sequence in sequences]
    blurs = [info.mean_blur_px for info in infos if info.mean_blur_px is not None]
    ratios = [sequence.info.timing.last_exposure_ratio() for sequence in sequences]
    dark_noise = [
        info.temporal_dark_noise_e for info in infos if info.temporal_dark_noise_e is not None
    ]
    origins = {sequence.origin for sequence in sequences}
    sizes = {(info.rows, info.columns) for info in infos}
    return Material(
        split=" + ".join(sorted({sequence.folder.parent.name for sequence in sequences})),
        origin=" and ".join(sorted(origins, reverse=True)),
        sequences=len(sequences),
        frames=sum(len(sequence) for sequence in sequences),
        sources=len({source for info in infos for source in info.sources}),
        sizes=tuple(f"{columns} x {rows}" for rows, columns in sorted(sizes)),
        pixel_formats=tuple(sorted({info.pixel_format for info in infos})),
        exposure_ratio=(min(ratios), max(ratios)),
        temporal_dark_noise_e=(min(dark_noise), max(dark_noise)) if dark_noise else None,
        mean_blur_px=sum(blurs) / len(blurs) if blurs else None,
        marker_sequences=sum(info.has_markers for info in infos),
        markers_in_gs=markers_in_gs,
        cpu_threads=torch.get_num_threads(),
    )
