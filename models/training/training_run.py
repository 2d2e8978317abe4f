"""Training of a network on a dataset, from the first step to the weights file.

Everything is decided by the schedule and its seed: which crops a step sees does
not depend on what ran before, so a run killed at any moment goes on from its
last checkpoint to the same result as an undisturbed one. Under ``torchrun``
every process takes its part of each batch.
"""

import json
import math
import os
import time
from collections import deque
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import cv2
import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel
from torch.utils.data import DataLoader

from drivers.atomic_file import write_file
from drivers.errors import InstrumentError
from models.dataset.sequences import Sequence
from models.engines.device import best_device, multiplies_bf16
from models.networks import build_network, network_config
from models.training.checkpoint import Checkpoint, read_checkpoint, unreadable
from models.training.clip_order import ClipOrder
from models.training.clips import Clip, Clips, collated, on_device
from models.training.curve import CurveLog, Point, best_point, late_gain_db
from models.training.losses import restoration_loss
from models.training.material import TrainingMaterial
from models.training.schedule import PRECISIONS, Schedule, check_schedule, learning_rate
from models.training.validation import validate
from models.weights.shipped import SUFFIX
from models.weights.weights_file import (
    Header,
    Training,
    encode_weights,
    read_network,
    weights_sha256,
)
from ngs.own_packages import found_first_in_children

CHECKPOINT = "checkpoint.pt"
CURVE = "curve.json"


@dataclass(frozen=True, slots=True)
class Progress:
    """Progress of a run, for display."""

    step: int
    steps: int
    loss: float
    newest: Point | None


def train(
    material: TrainingMaterial,
    schedule: Schedule,
    out: Path,
    *,
    command: str,
    device: str | None = None,
    threads: int | None = None,
    workers: int = 0,
    start: Path | None = None,
    on_progress: Callable[[Progress], None] = lambda _progress: None,
) -> Path:
    """Train, or go on training, in the folder ``out``; the path of the weights file.

    ``device`` is in torch's words, None for the best; ``threads`` are the CPU's.
    ``workers`` processes read ahead; none reads in between. ``start`` are weights of the same
    network to begin with, for fine-tuning. ``command`` is noted in the weights. The folder holds
    the checkpoint, the learning curve, a TensorBoard log where TensorBoard is installed, and in
    the end the weights of the best validation (see :func:`models.training.curve.best_point`);
    those of the last step, where they are others, lie beside them.

    Raises :class:`InstrumentError` for material that does not fit, folders that hold another
    run, and when the loss is no number.
    """
    if threads is not None:
        torch.set_num_threads(threads)
    chosen = _device(device)
    ranks = int(os.environ.get("WORLD_SIZE", "1"))
    if ranks > 1:
        dist.init_process_group("nccl" if chosen.type == "cuda" else "gloo")
    try:
        run = _Run(material, schedule, out, chosen, command, start)
        return run.to_the_end(workers, on_progress)
    finally:
        if ranks > 1:
            dist.destroy_process_group()


class _Run:
    """One process of a training run."""

    def __init__(
        self,
        material: TrainingMaterial,
        schedule: Schedule,
        out: Path,
        device: torch.device,
        command: str,
        start: Path | None,
    ) -> None:
        self._rank = dist.get_rank() if dist.is_initialized() else 0
        self._ranks = dist.get_world_size() if dist.is_initialized() else 1
        check_schedule(schedule, self._ranks)
        self._schedule, self._out, self._device = schedule, out, device
        self._command = command
        self._material = material
        torch.manual_seed(schedule.seed)
        self._start = None if start is None else f"{start.stem} {weights_sha256(start)}"
        self._network = self._first_network(start).to(device)
        self._network = self._network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._average = [each.detach().clone() for each in self._network.state_dict().values()]
        self._optimiser = torch.optim.AdamW(
            self._network.parameters(),
            lr=schedule.learning_rate,
            betas=(0.9, 0.99),
            weight_decay=schedule.weight_decay,
        )
        self._step = 0
        self._hours_before = 0.0
        self._began_s = time.monotonic()
        self._curve: list[Point] = []
        self._best: list[Tensor] | None = None
        self._claim()

    def _first_network(self, start: Path | None) -> nn.Module:
        """With random weights, or those of ``start``; as many as the schedule asks for."""
        schedule = self._schedule
        if start is None:
            return build_network(schedule.network, schedule.options)
        network, header = read_network(start)
        wanted = network_config(build_network(schedule.network, schedule.options))
        if (header.network, network_config(network)) != (schedule.network, wanted):
            raise InstrumentError(
                f"{start} holds weights of {header.network!r} with other options than those asked "
                f"for; leave --set out, or give weights of {schedule.network!r} made with them"
            )
        return network.train()

    def _claim(self) -> None:
        """Go on where ``out`` stopped, or refuse what is another run."""
        path = self._out / CHECKPOINT
        if not os.path.lexists(path):
            if self._rank == 0:
                self._out.mkdir(parents=True, exist_ok=True)
            return
        saved = read_checkpoint(path, self._device)
        if saved.schedule != self._identity():
            raise InstrumentError(
                f"{self._out} holds a run with other options or data; continue with the same, or "
                "give a new folder"
            )
        try:
            saved.restore(self._network, self._optimiser)
            if [each.shape for each in saved.average] != [each.shape for each in self._average]:
                raise ValueError("the averages have other shapes")
        except Exception as error:  # as in reading: it may hold anything
            raise unreadable(path, error) from error
        self._average = saved.average
        self._step = saved.step
        self._hours_before = saved.hours
        self._curve = list(saved.curve)
        self._best = saved.best

    def _identity(self) -> str:
        """What a run must share with its checkpoint; the end of training included."""
        start = [] if self._start is None else [self._start]
        return json.dumps([asdict(self._schedule), *self._material.identity(), *start])

    def to_the_end(self, workers: int, on_progress: Callable[[Progress], None]) -> Path:
        schedule = self._schedule
        material = self._material
        clips = Clips(
            material.training + material.general_training,
            self._schedule.frames,
            (schedule.crop_px, schedule.crop_px),
            crops=schedule.crops_per_clip,
            seed=schedule.seed,
            faults=schedule.faults,
        )
        own, general = (
            sum(map(clips.clips_in, each))
            for each in (material.training, material.general_training)
        )
        order = ClipOrder(
            own, general, material.general_share, schedule, self._step, self._rank, self._ranks
        )
        loader = DataLoader(
            clips,
            batch_sampler=order,
            collate_fn=collated,
            num_workers=workers,
            multiprocessing_context="spawn" if workers else None,
            worker_init_fn=_one_thread if workers else None,
            pin_memory=self._device.type == "cuda",
        )
        network: nn.Module = self._network
        if self._ranks > 1:
            network = DistributedDataParallel(network)
        with CurveLog.open(self._out, self._step, self._rank) as board:
            with found_first_in_children():
                batches = iter(loader)
            if self._start is not None and not self._curve and self._rank == 0:
                self._mark(0.0, board)
            losses: list[float] = []
            recent: deque[float] = deque(maxlen=50)
            for clip in batches:
                losses.append(self._advance(network, on_device(clip, self._device)))
                recent.append(losses[-1])
                if self._step % schedule.validate_every == 0 or self._step == schedule.steps:
                    if self._rank == 0:
                        self._mark(sum(losses) / len(losses), board)
                    losses = []
                newest = self._curve[-1] if self._curve else None
                mean = sum(recent) / len(recent)
                on_progress(Progress(self._step, schedule.steps, mean, newest))
        if self._ranks > 1:
            dist.barrier()
        return self._finish()

    def _advance(self, network: nn.Module, clip: Clip) -> float:
        """One step; the loss before it."""
        schedule = self._schedule
        for group in self._optimiser.param_groups:
            group["lr"] = learning_rate(schedule, self._step)
        with torch.autocast(
            self._device.type,
            PRECISIONS[schedule.precision],
            enabled=schedule.precision != "fp32",
        ):
            light = network(clip.observation)
        target = clip.target[:, -light.shape[1] :]
        loss = restoration_loss(light, target, schedule.spectral_weight)
        value = float(loss.detach())
        if not math.isfinite(value):
            raise InstrumentError(
                f"the loss is {value} at step {self._step}; lower the learning rate "
                f"({schedule.learning_rate:g}) or train in fp32; the last checkpoint is kept"
            )
        self._optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self._network.parameters(), schedule.largest_gradient)
        self._optimiser.step()
        self._step += 1
        # A short average at first, so that the initial weights are forgotten.
        keep = min(schedule.average, (1 + self._step) / (10 + self._step))
        torch._foreach_lerp_(self._average, list(self._network.state_dict().values()), 1 - keep)
        return value

    def _mark(self, loss: float, board: CurveLog) -> None:
        """Validate, add a point to the curve, and write the checkpoint."""
        averaged = build_network(self._schedule.network, self._schedule.options).to(self._device)
        averaged.load_state_dict(self._averaged_state())
        averaged.eval()
        measured = self._measured(averaged, self._material.validation)
        if self._material.general_validation:
            general = self._measured(averaged, self._material.general_validation)
            measured["general_psnr_db"] = general["psnr_db"]
        point = Point(
            step=self._step,
            loss=loss,
            learning_rate=learning_rate(self._schedule, self._step),
            hours=self._hours(),
            **measured,
        )
        self._curve.append(point)
        if best_point(self._curve) is point:
            self._best = [each.clone() for each in self._average]
        board.add(point)
        write_file(
            self._out / CURVE,
            json.dumps([each._asdict() for each in self._curve], indent=1).encode(),
        )
        Checkpoint(
            schedule=self._identity(),
            network=self._network.state_dict(),
            optimiser=self._optimiser.state_dict(),
            average=self._average,
            step=self._step,
            hours=point.hours,
            curve=tuple(self._curve),
            best=self._best,
        ).write(self._out / CHECKPOINT)

    def _measured(self, network: nn.Module, sequences: list[Sequence]) -> dict[str, Any]:
        schedule = self._schedule
        return validate(
            network, sequences, schedule.frames, schedule.validation_clips, self._device
        )

    def _averaged_state(self, average: list[Tensor] | None = None) -> dict[str, Tensor]:
        tensors = self._average if average is None else average
        return dict(zip(self._network.state_dict(), tensors, strict=True))

    def _hours(self) -> float:
        return self._hours_before + (time.monotonic() - self._began_s) / 3600

    def _finish(self) -> Path:
        """Write the weights of the best validation, and of the last step where it is another."""
        network = self._schedule.network
        path = self._out / f"{network}{SUFFIX}"
        if self._rank > 0:
            return path
        best = best_point(self._curve)
        if best is None or self._best is None or best is self._curve[-1]:
            self._write_weights(path, self._average, self._curve)
            return path
        until_best = self._curve[: self._curve.index(best) + 1]
        self._write_weights(path, self._best, until_best)
        self._write_weights(self._out / f"{network}-last{SUFFIX}", self._average, self._curve)
        return path

    def _write_weights(self, path: Path, average: list[Tensor], curve: list[Point]) -> None:
        last = curve[-1] if curve else None
        steps = last.step if last else self._step
        seen = self._material.training + self._material.general_training
        infos = [sequence.info for sequence in seen]
        frames = sum(len(sequence) for sequence in seen)
        origin = " and ".join(sorted({sequence.origin for sequence in seen}))
        header = Header(
            network=self._schedule.network,
            config=network_config(self._network),
            training=Training(
                dataset=f"{origin}, {len(infos)} sequences, {frames} frames: "
                + ", ".join(sorted({info.generator for info in infos})),
                sources=tuple(sorted({name for info in infos for name in info.sources})),
                steps=steps,
                samples=steps * self._schedule.batch,
                seed=self._schedule.seed,
                command=self._command,
                device=_device_name(self._device),
                hours=round(last.hours if last else self._hours(), 3),
                torch=torch.__version__,
                learning_rate=self._schedule.learning_rate,
                row_gain_psnr_db=None if last is None else round(last.row_gain_psnr_db, 3),
                validation_psnr_db=None if last is None else round(last.psnr_db, 3),
                late_gain_db=late_gain_db(curve),
                started_from=self._start,
                start_psnr_db=round(curve[0].psnr_db, 3) if curve and self._start else None,
            ),
        )
        write_file(path, encode_weights(header, self._averaged_state(average)))


def _one_thread(_worker: int) -> None:
    """The processes that read ahead share the cores already; torch sees to its own threads."""
    cv2.setNumThreads(1)


def _device(name: str | None) -> torch.device:
    """The device of this process: under ``torchrun`` every process has a GPU of its own."""
    try:
        device = best_device() if name is None else torch.device(name)
    except RuntimeError:
        raise InstrumentError(f"unknown device {name!r}; such as cpu or cuda") from None
    if device.type == "cuda":
        if not torch.cuda.is_available():
            raise InstrumentError(f"device {name}: no CUDA GPU that torch can use; give cpu")
        if device.index is None:
            device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))
        torch.cuda.set_device(device)
    return device


def fastest_precision(device: str | None) -> str:
    """The precision that training is fastest in on a device, named as for :func:`train`."""
    return "bf16" if multiplies_bf16(_device(device)) else "fp32"


def _device_name(device: torch.device) -> str:
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"CPU, {torch.get_num_threads()} threads"
