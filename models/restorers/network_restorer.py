"""Networks put to work: frames developed, their motion found, the fastest engine asked."""

import copy
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from drivers.frame import Frame
from drivers.frame_conditions import FrameConditions
from models.engines.engine_choice import Opened, open_engine
from models.engines.example_observation import example_observation
from models.flow import FLOW_SCALE
from models.networks.observation import Observation, noise_level, planes_of, saturation_mask
from models.restorers.motion import Motion, Movement
from models.restorers.restorer import Restored, Restorer
from models.restorers.row_gain import RowGain
from models.weights.weights_file import read_network, weights_sha256

_ENGINES_KEPT = 4
"""Sizes an engine stays open for; clips are shorter at their ends."""


def open_network_restorer(
    path: Path,
    name: str,
    device: torch.device,
    engine: str | None = None,
    *,
    offline: bool = False,
) -> Restorer:
    """The restorer of a weights file; one that looks ahead has ``restore_clip`` too.

    Raises :class:`InstrumentError` as :func:`models.weights.weights_file.read_network` does.
    """
    network, header = read_network(path)
    weights = weights_sha256(path)
    restorer = NetworkRestorer(
        name,
        network,
        device,
        weights,
        engine=engine,
        converged=header.training.converged,
        offline=offline,
    )
    return ClipNetworkRestorer(restorer) if restorer.looks_ahead else restorer


class NetworkRestorer:
    """A network behind the calls of a ``StagedRestorer``; a thread for each.

    The engine is opened at the first frame of a size, which takes seconds where
    the fastest is not known yet. Keeps what it made of the frames given last;
    results depend on the frames given alone.
    """

    def __init__(
        self,
        name: str,
        network: nn.Module,
        device: torch.device,
        weights: str,
        *,
        engine: str | None = None,
        converged: bool | None = None,
        offline: bool = False,
    ) -> None:
        """``network`` is in evaluation mode; ``weights`` tells its weights from others.

        ``engine`` is a name of :data:`models.engines.engine_choice.ENGINES`, None for the
        fastest. ``converged`` is whether more training would hardly help. ``offline``
        looks for motion thoroughly, which takes longer than a live view has.
        """
        self.name = name
        self.converged = converged
        self.frames_needed = max(2, int(network.frames))  # type: ignore[arg-type]
        self._seen_frames = int(network.frames)  # type: ignore[arg-type]
        self._network = network.to(device).requires_grad_(False)
        self._weights = weights
        self._device = device
        self._engine_wanted = engine
        self._engines: dict[tuple[int, ...], Opened] = {}
        self._engine_name = ""
        self._row_gain = RowGain(device)
        self._motion = Motion(device, self._row_gain, offline=offline)
        self._conditions: FrameConditions | None = None
        self._ratio = torch.empty(0)
        self._developed: list[tuple[Frame, Restored]] = []

    @property
    def engine(self) -> str:
        """Name of the engine that ran last; empty before the first frame."""
        return self._engine_name

    @property
    def params(self) -> int:
        """Trained numbers."""
        return sum(each.numel() for each in self._network.parameters())

    @cached_property
    def macs_per_megapixel(self) -> float:
        """Multiply-accumulates of convolutions and products for a mono picture of 10^6 pixels.

        Of a network that looks ahead, for each picture it gives back.
        """
        macs, given_back = self._counted
        return macs / given_back

    @cached_property
    def looks_ahead(self) -> bool:
        """Whether the network gives back every frame it sees, later ones having been looked at."""
        return self._counted[1] > 1

    @cached_property
    def _counted(self) -> tuple[float, int]:
        """MACs of a megapixel, and frames given back; nothing is computed for it."""
        side = 256
        channels = getattr(self._network.config, "channels", 1)
        meta = torch.device("meta")
        example = example_observation(self._seen_frames, channels, side, side, torch.device("cpu"))
        counter = FlopCounterMode(display=False)
        network = copy.deepcopy(self._network).to(meta)  # shapes without numbers
        with torch.no_grad(), counter:
            light = network(Observation(*(each.to(meta) for each in example)))
        return counter.get_total_flops() / 2 / side**2 * 1e6, light.shape[1]

    def restore(self, frames: Sequence[Frame], conditions: FrameConditions) -> Restored:
        """Restore the newest of ``frames``; see :class:`models.restorers.restorer.Restorer`."""
        return self.prepare(frames, conditions)()

    @torch.inference_mode()
    def prepare(
        self, frames: Sequence[Frame], conditions: FrameConditions
    ) -> Callable[[], Restored]:
        """Development and motion; see :class:`models.restorers.restorer.StagedRestorer`."""
        # A clip that has only begun: the oldest stands for those before it.
        window = list(frames[-self._seen_frames :])
        window = [window[0]] * (self._seen_frames - len(window)) + window
        observation = self._observed(window, frames, conditions)
        saturated = self._developed[-1][1].saturated
        return lambda: Restored(_picture(self._computed(observation)[-1]), saturated)

    @torch.inference_mode()
    def restore_all(self, frames: Sequence[Frame], conditions: FrameConditions) -> list[Restored]:
        """Restore each of ``frames``; for networks that give back every frame they see."""
        light = self._computed(self._observed(frames, frames, conditions))
        return [
            Restored(_picture(each), restored.saturated)
            for each, (_, restored) in zip(light, self._developed, strict=True)
        ]

    def reset(self) -> None:
        """Forget earlier frames."""
        self._motion.reset()
        self._developed = []

    def _observed(
        self,
        window: Sequence[Frame],
        frames: Sequence[Frame],
        conditions: FrameConditions,
    ) -> Observation:
        """What the network will see of ``window``, the newest of ``frames``."""
        if self._conditions != conditions:
            self.reset()
            self._conditions = conditions
            ratio = conditions.timing.exposure_ratio()
            self._ratio = torch.from_numpy(ratio.astype(np.float32))[None].to(self._device)
        known = self._developed
        self._developed = []
        for frame in window:
            self._developed.append((frame, self._develop(frame, known + self._developed)))
        newest = self._developed[-1][1].light
        movement = self._motion.observe(frames, newest, conditions)
        return self._observation(movement)

    @torch.inference_mode()
    def _computed(self, observation: Observation) -> Tensor:
        """Light the network gives back, ``(frames, 1 or 3, rows, columns)``."""
        return self._engine_for(observation).engine(observation)[0]

    def _develop(self, frame: Frame, known: Sequence[tuple[Frame, Restored]]) -> Restored:
        for before, restored in known:
            if before is frame:
                return restored
        assert self._conditions is not None  # _observed() sets them
        return self._row_gain.restore([frame], self._conditions)

    def _observation(self, movement: Movement | None) -> Observation:
        """What the network sees of the developed frames; as training shows it."""
        light = torch.stack([planes_of(restored.light) for _, restored in self._developed])
        if movement is None:
            rows, columns = (-(-size // FLOW_SCALE) for size in light.shape[-2:])
            still = torch.zeros((1, 3, rows, columns), device=self._device)
            flow_px, confidence, share = still[:, :2].contiguous(), still[:, 2:].contiguous(), 0.0
        else:
            assert self._conditions is not None  # _observed() sets them
            flow_px = movement.flow.flow_px[None].contiguous()
            confidence = movement.flow.confidence[None, None]
            share = self._conditions.timing.exposure_us / movement.interval_us
        return Observation(
            light=light[None],
            saturated=torch.stack(
                [saturation_mask(restored.saturated) for _, restored in self._developed]
            )[None],
            exposure_ratio=self._ratio,
            exposure_share=torch.full((1,), share, device=self._device),
            noise=noise_level(light[-1:], self._ratio),
            flow_px=flow_px,
            confidence=confidence.contiguous(),
        )

    def _engine_for(self, observation: Observation) -> Opened:
        shape = tuple(observation.light.shape)
        opened = self._engines.pop(shape, None)
        if opened is None:
            _, frames, channels, rows, columns = shape
            example = example_observation(frames, channels, rows, columns, self._device)
            opened = open_engine(self._network, self._weights, example, self._engine_wanted)
            while len(self._engines) >= _ENGINES_KEPT:
                del self._engines[next(iter(self._engines))]
        self._engines[shape] = opened  # the one used last at the end
        self._engine_name = opened.name
        return opened


class ClipNetworkRestorer:
    """A network that looks ahead: live as any other, off-line a clip at once."""

    def __init__(self, restorer: NetworkRestorer) -> None:
        self._restorer = restorer
        self.name = restorer.name
        self.frames_needed = restorer.frames_needed
        self.params = restorer.params
        self.macs_per_megapixel = restorer.macs_per_megapixel
        self.converged = restorer.converged

    @property
    def engine(self) -> str:
        """Name of the engine that ran last; empty before the first frame."""
        return self._restorer.engine

    def restore(self, frames: Sequence[Frame], conditions: FrameConditions) -> Restored:
        """Restore the newest of ``frames``; see :class:`models.restorers.restorer.Restorer`."""
        return self._restorer.restore(frames, conditions)

    def prepare(
        self, frames: Sequence[Frame], conditions: FrameConditions
    ) -> Callable[[], Restored]:
        """See :class:`models.restorers.restorer.StagedRestorer`."""
        return self._restorer.prepare(frames, conditions)

    def restore_clip(self, frames: Sequence[Frame], conditions: FrameConditions) -> list[Restored]:
        """Restore every one of some consecutive frames."""
        return self._restorer.restore_all(frames, conditions)

    def reset(self) -> None:
        """Forget earlier frames."""
        self._restorer.reset()


def _picture(planes: Tensor) -> Tensor:
    """``(1 or 3, rows, columns)`` -> ``(rows, columns[, 3])``."""
    return planes.movedim(0, -1) if len(planes) == 3 else planes[0]
