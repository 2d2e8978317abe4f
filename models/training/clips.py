"""Training data: crops of consecutive frames, as a network sees them when restoring."""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset, default_collate

from drivers.errors import InstrumentError
from models.dataset.sequences import Sequence
from models.flow import FLOW_SCALE, DenseInverseSearch, Flow
from models.networks.observation import Observation, noise_level, planes_of
from models.restorers.frame_observation import observe_frames
from models.restorers.motion import Movement
from models.restorers.row_gain import RowGain

_CPU = torch.device("cpu")


class Clip(NamedTuple):
    """One crop of a clip and what is true of it.

    The observation is that of :class:`models.networks.observation.Observation`
    without its first dimension; ``target`` is the light of the global shutter,
    ``(frames, 1 or 3, rows, columns)``, 1.0 = its saturated signal.
    """

    observation: Observation
    target: Tensor


class FlowFaults(NamedTuple):
    """Shares of the crops with faulty flow, so that a network learns to cope with it."""

    absent: float = 0.05
    """As after lost frames: no flow, nothing known of the motion."""
    wrong: float = 0.05
    """As on repeating texture: flow that is not so."""
    older: float = 0.15
    """Flow over two frame intervals, as after a frame that was passed over."""


NO_FAULTS = FlowFaults(0.0, 0.0, 0.0)
_WRONG_FLOW_PX = 16.0


class Clips(Dataset[list[Clip]]):
    """Several crops of one clip at each index; drawn by seed, epoch and index alone.

    Reading a frame and finding its flow take longer than cropping it, hence
    several crops. A crop carries the exposures of its absolute rows. Pictures
    are flipped left and right only: upside down, or backwards in time, they
    would be no RSGR.
    """

    def __init__(
        self,
        sequences: list[Sequence],
        frames: int,
        crop: tuple[int, int],
        *,
        crops: int = 1,
        seed: int = 0,
        faults: FlowFaults = NO_FAULTS,
    ) -> None:
        """``crop`` is (rows, columns) and even; flow leads to the newest of ``frames``.

        Raises :class:`InstrumentError` for sequences too short or too small, and
        where mono and colour are mixed.
        """
        if len({sequence.info.radiometry.pixel_format.is_colour for sequence in sequences}) > 1:
            raise InstrumentError("the dataset mixes mono and colour; train on one of them")
        self._frames = max(frames, 2)
        for sequence in sequences:
            rows, columns = sequence.info.inside
            size = (
                len(sequence),
                rows.stop - (rows.start + 1) // FLOW_SCALE * FLOW_SCALE,
                columns.stop - (columns.start + 1) // FLOW_SCALE * FLOW_SCALE,
            )
            if any(
                wanted > given for wanted, given in zip((self._frames, *crop), size, strict=True)
            ):
                raise InstrumentError(
                    f"{sequence.folder} has {size[0]} frames of {size[1]} rows x {size[2]} "
                    f"columns, too few for clips of {self._frames} frames of {crop[0]} x "
                    f"{crop[1]}; make clips shorter or smaller"
                )
        if crop[0] % FLOW_SCALE or crop[1] % FLOW_SCALE:
            raise InstrumentError(f"crops of {crop[0]} x {crop[1]} px: give even numbers")
        self._sequences = sequences
        self._wanted = frames
        self._crop = crop
        self._crops = crops
        self._seed = seed
        self._faults = faults
        self._row_gain = RowGain(_CPU)
        self._flow = DenseInverseSearch(_CPU)
        self._places = [
            (number, newest)
            for number, sequence in enumerate(sequences)
            for newest in range(self._frames - 1, len(sequence))
        ]

    def __len__(self) -> int:
        """Clips of an epoch."""
        return len(self._places)

    def clips_in(self, sequence: Sequence) -> int:
        """Clips of an epoch that are of one sequence."""
        return len(sequence) - self._frames + 1

    def __getitem__(self, index: int) -> list[Clip]:
        epoch, place = divmod(index, len(self))
        number, newest = self._places[place]
        rng = np.random.default_rng([self._seed, epoch, place])
        return self._clips(self._sequences[number], newest, rng)

    def _clips(self, sequence: Sequence, newest: int, rng: np.random.Generator) -> list[Clip]:
        older = newest >= 2 and rng.random() < self._faults.older
        whole = self.whole(sequence, newest, newest - (2 if older else 1))
        return [self._cropped(whole, sequence.info.inside, rng) for _ in range(self._crops)]

    def whole(self, sequence: Sequence, newest: int, before: int) -> Clip:
        """A clip that ends with frame ``newest``, uncropped; flow leads there from ``before``."""
        info = sequence.info
        indices = range(newest - self._wanted + 1, newest + 1)
        restored = {
            each: self._row_gain.restore([sequence.frame(each)], info.conditions)
            for each in sorted({*indices, before})
        }
        flow = self._flow.estimate(
            self._flow.prepare(restored[before].light), self._flow.prepare(restored[newest].light)
        )
        observation = observe_frames(
            [restored[each] for each in indices],
            torch.from_numpy(info.timing.exposure_ratio().astype(np.float32)),
            info.exposure_us,
            Movement(flow, (newest - before) * info.frame_interval_us),
        )
        return Clip(
            Observation(*(each[0] for each in observation)),
            torch.stack([planes_of(torch.from_numpy(sequence.target(each))) for each in indices]),
        )

    def _cropped(self, whole: Clip, inside: tuple[slice, slice], rng: np.random.Generator) -> Clip:
        seen = whole.observation
        rows, columns = (
            _drawn_slice(rng, part, wanted) for part, wanted in zip(inside, self._crop, strict=True)
        )
        flipped = rng.random() < 0.5

        def cut(planes: Tensor, scale: int = 1) -> Tensor:
            part = planes[
                ...,
                rows.start // scale : rows.stop // scale,
                columns.start // scale : columns.stop // scale,
            ]
            return (part.flip(-1) if flipped else part).contiguous()

        flow = Flow(cut(seen.flow_px, FLOW_SCALE), cut(seen.confidence, FLOW_SCALE)[0])
        if flipped:
            flow = Flow(flow.flow_px * torch.tensor([-1.0, 1.0])[:, None, None], flow.confidence)
        share = seen.exposure_share
        drawn = rng.random()
        if drawn < self._faults.absent:
            share = torch.zeros(())
            flow = Flow(torch.zeros_like(flow.flow_px), torch.zeros_like(flow.confidence))
        elif drawn < self._faults.absent + self._faults.wrong:
            flow = _wrong(flow, rng)
        light = cut(seen.light)
        ratio = seen.exposure_ratio[rows]
        noise = noise_level(light[-1:], ratio[None])[0]
        observation = Observation(
            light, cut(seen.saturated), ratio, share, noise, flow.flow_px, flow.confidence[None]
        )
        return Clip(observation, cut(whole.target))


def _wrong(flow: Flow, rng: np.random.Generator) -> Flow:
    """The flow with random errors added in places, and a random confidence."""
    rows, columns = flow.confidence.shape
    error = rng.normal(0.0, _WRONG_FLOW_PX, (2, 1, 1)) * np.ones((1, rows, columns))
    where = np.clip(rng.normal(0.0, 1.0, (1, 3, 3)), 0, 1)
    spread = torch.nn.functional.interpolate(
        torch.from_numpy(where)[None], (rows, columns), mode="bilinear", align_corners=True
    )[0]
    wrong = (flow.flow_px + torch.from_numpy(error) * spread).float()
    believed = torch.tensor(rng.random() * rng.random(), dtype=torch.float32)
    return Flow(wrong, torch.maximum(flow.confidence * (1 - spread[0].float()), believed))


def _drawn_slice(rng: np.random.Generator, part: slice, wanted: int) -> slice:
    """A random part of ``part`` from an even place on; those at either end come more often.

    Networks are weakest at the ends.
    """
    least = -(-part.start // FLOW_SCALE) * FLOW_SCALE
    beyond, most = wanted // 4, part.stop - wanted
    first = int(rng.integers(least - beyond, most + beyond + 1))
    first = min(max(first, least), most) // FLOW_SCALE * FLOW_SCALE
    return slice(first, first + wanted)


def collated(clips: list[list[Clip]]) -> Clip:
    """A batch of all crops of some clips."""
    batch: Clip = default_collate([crop for crops in clips for crop in crops])
    return batch


def on_device(clip: Clip, device: torch.device) -> Clip:
    """The same clip on a device."""
    moved = (each.to(device, non_blocking=True) for each in clip.observation)
    return Clip(Observation(*moved), clip.target.to(device, non_blocking=True))
