"""A camera's clock that steps while exposures change: frames are of the new one all the same."""

from types import SimpleNamespace

import numpy as np
import pytest

from app.calibrate import exposure_series
from app.calibrate.exposure_series import ExposureSeries
from drivers.clock_steps import ClockWatch
from drivers.frame import Frame, FrameMetadata

PERIOD_NS = 20_000_000
DELAY_NS = 3_000_000
ON_THEIR_WAY = 6


class SteppingCamera:
    """Keeps what :class:`FrameAcquisition` promises; its frames hold the exposure they had."""

    def __init__(self) -> None:
        self.host_ns = 10**12
        self.ahead_ns = 0
        self.steps_every: int | None = None
        self._exposure = 0.0
        self._number = 0
        self._held: list[float] = []
        self._watch = ClockWatch()

    def expose(self, exposure_us: float) -> float:
        self._held = [self._exposure] * ON_THEIR_WAY
        self._exposure = exposure_us
        return exposure_us

    def clock_steps(self, camera: int = 0) -> int:
        assert camera == 0
        return self._watch.steps

    def frames(self, count: int, camera: int = 0, *, settle: int = 3) -> list[Frame]:
        assert camera == 0
        return [self._next() for _ in range(settle + count)][settle:]

    def _next(self) -> Frame:
        self._number += 1
        if self.steps_every is not None and self._number % self.steps_every == 0:
            self.ahead_ns -= 10**9
        exposure = self._held.pop() if self._held else self._exposure
        old_ns = ON_THEIR_WAY * PERIOD_NS if exposure != self._exposure else 0
        self.host_ns += PERIOD_NS
        began_ns = self.host_ns - DELAY_NS - old_ns
        metadata = FrameMetadata(self._number, self.host_ns, began_ns + self.ahead_ns, None)
        self._watch.add(metadata)
        return Frame(np.full((1, 1), exposure, np.uint8), metadata)


@pytest.fixture
def camera(monkeypatch: pytest.MonkeyPatch) -> SteppingCamera:
    camera = SteppingCamera()
    clock = SimpleNamespace(monotonic_ns=lambda: camera.host_ns)
    monkeypatch.setattr(exposure_series, "time", clock)
    return camera


def exposures(frames: list[Frame]) -> set[int]:
    return {int(frame.pixels[0, 0]) for frame in frames}


@pytest.mark.parametrize("step_s", [-5.0, -0.5, 0.5, 5.0])
def test_a_step_costs_frames_and_no_calibration(camera: SteppingCamera, step_s: float) -> None:
    series = ExposureSeries(camera)  # type: ignore[arg-type]
    series.expose(10.0)
    series.frames(30)
    camera.ahead_ns += round(step_s * 1e9)
    for exposure_us in (20.0, 30.0):
        series.expose(exposure_us)
        assert exposures(series.frames(4)) == {int(exposure_us)}


@pytest.mark.parametrize("every", [5, 9, 16, 25])
@pytest.mark.parametrize("count", [1, 4, 60])
def test_a_clock_that_steps_on_and_on(camera: SteppingCamera, every: int, count: int) -> None:
    series = ExposureSeries(camera)  # type: ignore[arg-type]
    series.expose(10.0)
    series.frames(30)
    camera.steps_every = every
    for exposure_us in (20.0, 30.0):
        series.expose(exposure_us)
        assert exposures(series.frames(count)) == {int(exposure_us)}
