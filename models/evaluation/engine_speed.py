"""Measures how fast each engine restores: codes in, picture for the screen out."""

import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from drivers.errors import InstrumentError
from drivers.frame import Frame, FrameMetadata
from drivers.frame_conditions import FrameConditions
from drivers.pixel_format import PIXEL_FORMATS
from drivers.radiometry import Radiometry
from drivers.timing import SensorTiming
from models.encoding import to_screen
from models.engines.engine import EngineKind
from models.engines.engine_choice import REFERENCE, engine_kinds
from models.engines.example_observation import example_observation
from models.engines.threads import use_torch_threads
from models.restorers.registry import open_restorer, weights_of
from models.restorers.restorer import Restorer

ROUNDS = 5
_TURN_S = 0.3
_FRAMES = 6
_EXPOSURE_US = 1000.0
_INTERVAL_NS = 10_000_000
_RADIOMETRY = Radiometry(PIXEL_FORMATS["Mono8"], 0.0, 255.0)


@dataclass(frozen=True, slots=True)
class EngineFigures:
    """One engine at one size; the figures are None where ``why_not`` says why."""

    engine: str
    ms_per_frame: float | None
    cpu_ms_per_frame: float | None
    """Processor time of all threads together: what others on the machine do not change."""
    ratio: float | None
    """Time of the reference, torch eager in float32, over its own: above 1 is faster."""
    why_not: str

    @property
    def fps(self) -> float | None:
        """Frames in a second, one after another."""
        return None if self.ms_per_frame is None else 1e3 / self.ms_per_frame


def bench_engines(
    model: str, size_px: tuple[int, int], device: torch.device, *, compiled: bool = False
) -> list[EngineFigures]:
    """Every engine on the whole restoring of mono frames of ``size_px`` (width, height).

    Engines take turns, :data:`ROUNDS` of them, so that slow drifts of a shared
    machine stay out of the ratios; medians of the rounds' medians. ``compiled``
    engines take a minute to open, and are left out unless asked for.
    """
    use_torch_threads()
    frames, conditions = _frames(size_px)
    if weights_of(model) is None:
        turns = [_Turn(model, open_restorer(model, device), [], [])]
        _run(turns, frames, conditions)
        return [EngineFigures(model, turns[0].ms, turns[0].cpu_ms, None, "")]
    reasons: dict[str, str] = {}
    turns = []
    for kind in engine_kinds(device):
        reasons[kind.name] = _why_not(kind, compiled=compiled)
        if reasons[kind.name]:
            continue
        turn = _Turn(kind.name, open_restorer(model, device, kind.name), [], [])
        try:
            turn.restore(frames[:2], conditions)
        except InstrumentError as error:
            reasons[kind.name] = str(error)
            continue
        turns.append(turn)
    _run(turns, frames, conditions)
    ran = {turn.name: turn for turn in turns}
    return [
        EngineFigures(name, None, None, None, why)
        if why
        else EngineFigures(
            name, ran[name].ms, ran[name].cpu_ms, ran[REFERENCE].ms / ran[name].ms, ""
        )
        for name, why in reasons.items()
    ]


@dataclass(frozen=True, slots=True)
class _Turn:
    """A restorer, and the medians of its turns."""

    name: str
    restorer: Restorer
    medians_ms: list[float]
    means_cpu_ms: list[float]

    @property
    def ms(self) -> float:
        return statistics.median(self.medians_ms)

    @property
    def cpu_ms(self) -> float:
        return statistics.median(self.means_cpu_ms)

    def restore(self, frames: Sequence[Frame], conditions: FrameConditions) -> None:
        with torch.inference_mode():
            # Copying to the host waits for the device, so the clock read afterwards is right.
            to_screen(self.restorer.restore(frames, conditions).light)


def _run(turns: Sequence[_Turn], frames: Sequence[Frame], conditions: FrameConditions) -> None:
    for _ in range(ROUNDS):
        for turn in turns:
            times_ms: list[float] = []
            needed = turn.restorer.frames_needed
            started_s = time.perf_counter()
            number, cpu_s = 0, 0.0
            while not times_ms or time.perf_counter() - started_s < _TURN_S:
                # As in a live run, each frame is given again as the previous one of the next.
                window = [frames[(number + each) % len(frames)] for each in range(needed)]
                number += 1
                before_s, before_cpu_s = time.perf_counter(), time.process_time()
                turn.restore(window, conditions)
                # The first call of a turn has nothing cached of the previous frame.
                if number > 1:
                    times_ms.append((time.perf_counter() - before_s) * 1e3)
                    cpu_s += time.process_time() - before_cpu_s
            turn.medians_ms.append(statistics.median(times_ms))
            turn.means_cpu_ms.append(cpu_s / len(times_ms) * 1e3)


def _why_not(kind: EngineKind, *, compiled: bool) -> str:
    if not kind.quick and not compiled:
        return "takes a minute to compile; measured with --compiled"
    return kind.missing()


def _frames(size_px: tuple[int, int]) -> tuple[list[Frame], FrameConditions]:
    """A texture that runs to the right, as a sensor with the example's ramp would read it."""
    columns, rows = size_px
    light = example_observation(_FRAMES, 1, rows, columns, torch.device("cpu")).light[0, :, 0]
    timing = SensorTiming(_EXPOSURE_US, 3 * _EXPOSURE_US / rows, rows)
    ramp = timing.row_exposure_us() / timing.last_row_exposure_us()
    codes = np.clip(light.numpy() * ramp[:, None] * 255.0, 0, 255).astype(np.uint8)
    frames = [
        Frame(each, FrameMetadata(number, number * _INTERVAL_NS, number * _INTERVAL_NS))
        for number, each in enumerate(codes)
    ]
    return frames, FrameConditions(timing, _RADIOMETRY)
