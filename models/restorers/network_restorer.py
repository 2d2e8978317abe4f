"""Restorers with a network: prepare frames, find their motion, run the engine."""

import copy
from collections.abc import Callable, Sequence
from dataclasses import replace
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
from models.networks.observation import Observation
from models.restorers.frame_observation import observe_frames
from models.restorers.motion import Motion
from models.restorers.restorer import Restored, Restorer
from models.restorers.restorer_state import RestorerState
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
    kind = ClipNetworkRestorer if int(network.frames_given_back) > 1 else NetworkRestorer  # type: ignore[arg-type]
    return kind(
        name,
        network,
        device,
        weights_sha256(path),
        engine=engine,
        converged=header.training.converged,
        offline=offline,
    )


def macs_per_megapixel(network: nn.Module) -> float:
    """Multiply-accumulates of convolutions and products for each picture given back.

    A picture is mono and of 10^6 pixels. Shapes alone are computed, which takes seconds.
    """
    side = 256
    channels = getattr(network.config, "channels", 1)
    frames = int(network.frames)  # type: ignore[arg-type]
    meta = torch.device("meta")
    example = example_observation(frames, channels, side, side, torch.device("cpu"))
    counter = FlopCounterMode(display=False)
    shapes = copy.deepcopy(network).to(meta)  # shapes without numbers
    with torch.no_grad(), counter:
        light = shapes(Observation(*(each.to(meta) for each in example)))
    macs = counter.get_total_flops() / 2 / side**2 * 1e6
    return macs / float(light.shape[1])


class NetworkRestorer:
    """A network as a :class:`models.restorers.restorer.Restorer`; a thread for each part.

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
        """``network`` is in evaluation mode, ``weights`` tells its weights from others.

        ``engine`` is a name of :data:`models.engines.engine_choice.ENGINES`, None for the
        fastest. ``converged`` is whether more training would hardly help. ``offline`` searches
        motion thoroughly, which is too slow for a live view.
        """
        self.frames_needed = max(2, int(network.frames))  # type: ignore[arg-type]
        self._seen_frames = int(network.frames)  # type: ignore[arg-type]
        self._state = RestorerState(
            name,
            str(device),
            params=sum(each.numel() for each in network.parameters()),
            converged=converged,
        )
        self._network = network.to(device).requires_grad_(False)
        self._weights = weights
        self._device = device
        self._engine_wanted = engine
        self._engines: dict[tuple[int, ...], Opened] = {}
        self._row_gain = RowGain(device)
        self._motion = Motion(device, self._row_gain, offline=offline)
        self._conditions: FrameConditions | None = None
        self._ratio = torch.empty(0)
        self._developed: list[tuple[Frame, Restored]] = []

    @property
    def state(self) -> RestorerState:
        """See :class:`models.restorers.restorer.Restorer`; the engine is the one that ran last."""
        return self._state

    @cached_property
    def macs_per_megapixel(self) -> float:
        """See :func:`macs_per_megapixel`."""
        return macs_per_megapixel(self._network)

    def restore(self, frames: Sequence[Frame], conditions: FrameConditions) -> Restored:
        """Restore the newest of ``frames``; see :class:`models.restorers.restorer.Restorer`."""
        return self.prepare(frames, conditions)()

    @torch.inference_mode()
    def prepare(
        self, frames: Sequence[Frame], conditions: FrameConditions
    ) -> Callable[[], Restored]:
        """Development and motion; see :class:`models.restorers.restorer.Restorer`."""
        # At the start of a clip the oldest frame stands in for earlier ones.
        window = list(frames[-self._seen_frames :])
        window = [window[0]] * (self._seen_frames - len(window)) + window
        observation = self._observed(window, frames, conditions)
        saturated = self._developed[-1][1].saturated
        return lambda: Restored(_picture(self._computed(observation)[-1]), saturated)

    def reset(self) -> None:
        """Forget earlier frames."""
        self._motion.reset()
        self._developed = []

    def _observed(
        self, window: Sequence[Frame], frames: Sequence[Frame], conditions: FrameConditions
    ) -> Observation:
        """What the network will see of ``window``, the newest of ``frames``."""
        if self._conditions != conditions:
            self.reset()
            self._conditions = conditions
            ratio = conditions.timing.exposure_ratio()
            self._ratio = torch.from_numpy(ratio.astype(np.float32)).to(self._device)
        known = self._developed
        self._developed = []
        for frame in window:
            restored = self._develop(frame, known + self._developed, conditions)
            self._developed.append((frame, restored))
        developed = [restored for _, restored in self._developed]
        movement = self._motion.observe(frames, developed[-1].light, conditions)
        return observe_frames(developed, self._ratio, conditions.timing.exposure_us, movement)

    @torch.inference_mode()
    def _computed(self, observation: Observation) -> Tensor:
        """Light the network gives back, ``(frames, 1 or 3, rows, columns)``."""
        return self._engine_for(observation).engine(observation)[0]

    def _develop(
        self,
        frame: Frame,
        known: Sequence[tuple[Frame, Restored]],
        conditions: FrameConditions,
    ) -> Restored:
        for before, restored in known:
            if before is frame:
                return restored
        return self._row_gain.restore([frame], conditions)

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
        self._state = replace(self._state, engine=opened.name, engine_note=opened.note)
        return opened


class ClipNetworkRestorer(NetworkRestorer):
    """A network that gives back every frame it sees: live as any other, off-line a clip at once."""

    @torch.inference_mode()
    def restore_clip(self, frames: Sequence[Frame], conditions: FrameConditions) -> list[Restored]:
        """Restore every one of some consecutive frames."""
        light = self._computed(self._observed(frames, frames, conditions))
        return [
            Restored(_picture(each), restored.saturated)
            for each, (_, restored) in zip(light, self._developed, strict=True)
        ]


def _picture(planes: Tensor) -> Tensor:
    """``(1 or 3, rows, columns)`` -> ``(rows, columns[, 3])``."""
    return planes.movedim(0, -1) if len(planes) == 3 else planes[0]
