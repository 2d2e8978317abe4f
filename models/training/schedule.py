"""Schedules of training: all that decides a run apart from what it is trained on."""

import math
from dataclasses import dataclass, field, replace
from typing import Any

import torch

from drivers.errors import InstrumentError
from models.training.clips import FlowFaults

PRECISIONS = {"fp32": torch.float32, "bf16": torch.bfloat16}
_FINE_STEPS = 800
_FINE_RATE = 0.25
"""Steps of fine-tuning, and its learning rate over that of training from random weights."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """What decides a training run, apart from its dataset."""

    network: str
    options: dict[str, Any] = field(default_factory=dict)
    """Options of the architecture, such as its width; the rest keep their defaults."""
    steps: int = 8000
    batch: int = 8
    """Crops in a step, over all processes."""
    crops_per_clip: int = 4
    frames: int = 2
    """Frames of a clip."""
    crop_px: int = 160
    """Rows and columns."""
    learning_rate: float = 1.2e-3
    warm_up_steps: int = 300
    weight_decay: float = 1e-4
    largest_gradient: float = 0.2
    """Norm that gradients are clipped to."""
    average: float = 0.998
    """Decay of the exponential moving average that becomes the weights."""
    spectral_weight: float = 0.02
    faults: FlowFaults = FlowFaults()  # noqa: RUF009  # immutable
    precision: str = "fp32"
    seed: int = 0
    validate_every: int = 500
    validation_clips: int = 40


SCHEDULES = {
    "live": Schedule("live", frames=1, steps=5000, precision="bf16", validate_every=500),
    "nafnet": Schedule(
        "nafnet",
        frames=2,
        steps=5000,
        crop_px=128,
        learning_rate=1e-3,
        precision="bf16",
        validate_every=1000,
    ),
    "ngs": Schedule(
        "ngs",
        frames=5,
        steps=3200,
        batch=2,
        crops_per_clip=2,
        crop_px=128,
        learning_rate=8e-4,
        # This network finds motion itself and assumes consecutive frames.
        faults=FlowFaults(absent=0.05, wrong=0.0, older=0.0),
        precision="bf16",
        validate_every=640,
    ),
}
"""How the weights that come with ngs were trained, by architecture."""


def check_schedule(schedule: Schedule, ranks: int) -> None:
    """Raise :class:`InstrumentError` for what so many processes cannot do."""
    if schedule.precision not in PRECISIONS:
        raise InstrumentError(
            f"unknown precision {schedule.precision!r}; known: {', '.join(PRECISIONS)}"
        )
    per_step, rest = divmod(schedule.batch, schedule.crops_per_clip)
    if rest or per_step < ranks or per_step % ranks:
        raise InstrumentError(
            f"batch of {schedule.batch} crops, {schedule.crops_per_clip} from each clip, cannot be "
            f"shared among {ranks} processes; give a multiple of "
            f"{schedule.crops_per_clip * ranks}"
        )
    if min(schedule.steps, schedule.validate_every, schedule.validation_clips) < 1:
        raise InstrumentError(
            f"{schedule.steps} steps, validation every {schedule.validate_every} on "
            f"{schedule.validation_clips} clips: at least 1 of each"
        )


def learning_rate(schedule: Schedule, step: int) -> float:
    """Linear warm-up, then half a cosine down to zero at the last step."""
    warm_up = min(1.0, (step + 1) / schedule.warm_up_steps) if schedule.warm_up_steps else 1.0
    return schedule.learning_rate * warm_up * (1 + math.cos(math.pi * step / schedule.steps)) / 2


def fine_tuning(schedule: Schedule) -> Schedule:
    """The schedule for going on from weights that are good already: shorter and gentler."""
    return replace(
        schedule,
        steps=_FINE_STEPS,
        learning_rate=_FINE_RATE * schedule.learning_rate,
        warm_up_steps=_FINE_STEPS // 10,
        validate_every=_FINE_STEPS // 8,
    )


def schedule_named(network: str, *, fine: bool = False, **changes: Any) -> Schedule:
    """An architecture's schedule with the values changed that are not None.

    ``fine`` is for fine-tuning.
    """
    if network not in SCHEDULES:
        raise InstrumentError(f"unknown network {network!r}; known: {', '.join(SCHEDULES)}")
    schedule = fine_tuning(SCHEDULES[network]) if fine else SCHEDULES[network]
    return replace(schedule, **{name: each for name, each in changes.items() if each is not None})
