"""Centroid warp on a texture in known motion, seen by the virtual sensor."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from drivers.camera_settings import Region, ShutterMode
from drivers.frame import Frame, FrameMetadata
from drivers.frame_conditions import FrameConditions
from drivers.pixel_format import PIXEL_FORMATS
from drivers.radiometry import Radiometry
from drivers.timing import ReadoutDirection, SensorTiming
from drivers.virtual.scene.optics import View
from drivers.virtual.scene.sensor import RSGR_SENSOR, digitise, expose
from models.encoding import srgb_encode
from models.flow import Flow
from models.restorers.registry import open_restorer
from models.restorers.row_gain import RowGain
from models.restorers.warp import LARGEST_DISPLACEMENT_PX, Warp, centroid_displacement_px

CPU = torch.device("cpu")
needs_cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA GPU here")
ROWS, COLUMNS = 200, 240
REGION = Region(0, 0, COLUMNS, ROWS)
INTERVAL_US = 12_000.0


@dataclass(frozen=True)
class MovingTexture:
    """Plane waves in every direction, all moving together; integrated in closed form."""

    velocity_px_per_us: tuple[float, float]
    waves: NDArray[np.float64]
    """Wave numbers along x and y in radians per pixel, phase, amplitude; ``(n, 4)``."""
    brightness: float = 1.0

    @classmethod
    def aperiodic(cls, x_px_per_ms: float, y_px_per_ms: float) -> "MovingTexture":
        rng = np.random.default_rng(7)
        angle, length_px = rng.uniform(0, np.pi, 24), rng.uniform(7.0, 60.0, 24)
        number = 2 * np.pi / length_px
        waves = [number * np.cos(angle), number * np.sin(angle), rng.uniform(0, 7, 24)]
        return cls((x_px_per_ms / 1e3, y_px_per_ms / 1e3), np.array([*waves, np.full(24, 0.03)]).T)

    def integrate(
        self,
        region: Region,
        start_us: NDArray[np.float64],
        end_us: NDArray[np.float64],
        *,
        colour: bool,
    ) -> NDArray[np.float32]:
        """See :meth:`drivers.virtual.scene.scene.Scene.integrate`."""
        x_px, y_px = np.arange(region.width_px), np.arange(region.height_px)[:, None]
        half_us, middle_us = (end_us - start_us)[:, None] / 2, (start_us + end_us)[:, None] / 2
        light = np.full((region.height_px, region.width_px), 0.45)
        for x_number, y_number, phase, amplitude in self.waves:
            speed = np.dot((x_number, y_number), self.velocity_px_per_us)
            angle = x_number * x_px + y_number * y_px + phase - speed * middle_us
            light += amplitude * np.cos(angle) * np.sinc(speed * half_us / np.pi)
        light *= 2 * half_us * self.brightness
        if colour:
            light = light[..., None] * np.array([0.9, 1.0, 0.7])
        return light.astype(np.float32)


def timing(
    ramp: float = 4.0, direction: ReadoutDirection = ReadoutDirection.TOP_DOWN
) -> SensorTiming:
    readouts = int(direction.readout_index(ROWS).max()) + 1
    return SensorTiming(2000.0, (ramp - 1) * 2000.0 / readouts, ROWS, direction)


def radiometry(name: str = "Mono12") -> Radiometry:
    pixel_format = PIXEL_FORMATS[name]
    return Radiometry(pixel_format, pixel_format.maximum_dn / 64, float(pixel_format.maximum_dn))


def taken(row_timing: SensorTiming, name: str = "Mono12") -> FrameConditions:
    return FrameConditions(row_timing, radiometry(name))


def frame(
    scene: MovingTexture,
    row_timing: SensorTiming,
    start_us: float,
    *,
    name: str = "Mono12",
    noise: bool = False,
) -> Frame:
    """What an RSGR sensor reads out of an exposure that begins at ``start_us``."""
    colour = PIXEL_FORMATS[name].is_colour
    light = expose(
        scene,
        View(COLUMNS, ROWS),
        REGION,
        ShutterMode.GLOBAL_RESET,
        row_timing,
        start_us,
        colour=colour,
    )
    shape = (ROWS, COLUMNS, 3) if name.startswith("RGB") else (ROWS, COLUMNS)
    codes = np.empty(shape, PIXEL_FORMATS[name].dtype)
    digitise(
        light,
        RSGR_SENSOR,
        gain_db=0.0,
        black_level_dn=radiometry(name).black_level_dn,
        pixel_format=PIXEL_FORMATS[name],
        white_balance=(1.0, 1.0),
        rng=np.random.default_rng(abs(int(start_us))),
        out=codes,
        noise=noise,
    )
    number = round(start_us / INTERVAL_US)
    return Frame(codes, FrameMetadata(number, host_time_ns=0, device_time_ns=int(start_us * 1e3)))


def target(scene: MovingTexture, row_timing: SensorTiming, start_us: float, **kind: str) -> Frame:
    """What global shutter sees: the same sensor with no time between rows."""
    return frame(scene, SensorTiming(row_timing.exposure_us, 0.0, ROWS), start_us, **kind)


def psnr_db(picture: torch.Tensor, wanted: torch.Tensor) -> float:
    """Of sRGB-encoded light, a margin left out that shows what was never seen before."""
    inside = (slice(16, -16), slice(16, -16))
    error = srgb_encode(picture[inside]) - srgb_encode(wanted[inside])
    return float(-10 * error.square().mean().log10())


def gain_db(frames: list[Frame], row_timing: SensorTiming, wanted: Frame, name: str) -> float:
    """PSNR of warp over that of row gain."""
    conditions = taken(row_timing, name)
    shutter = taken(SensorTiming(row_timing.exposure_us, 0.0, ROWS), name)
    truth = RowGain(CPU).restore([wanted], shutter)
    before = RowGain(CPU).restore(frames, conditions).light
    after = Warp(CPU).restore(frames, conditions).light
    return psnr_db(after, truth.light) - psnr_db(before, truth.light)


def two_frames(scene: MovingTexture, row_timing: SensorTiming, **kind: object) -> list[Frame]:
    return [frame(scene, row_timing, start_us, **kind) for start_us in (0.0, INTERVAL_US)]


@pytest.mark.parametrize(
    "velocity_px_per_ms", [(0.8, 0.0), (-0.8, 0.0), (0.0, 0.6), (0.0, -0.6), (0.5, -0.5)]
)
@pytest.mark.parametrize("direction", ReadoutDirection)
def test_moving_texture_is_put_where_global_shutter_saw_it(
    velocity_px_per_ms: tuple[float, float], direction: ReadoutDirection
) -> None:
    scene, row_timing = MovingTexture.aperiodic(*velocity_px_per_ms), timing(direction=direction)
    frames = two_frames(scene, row_timing, noise=True)
    assert gain_db(frames, row_timing, target(scene, row_timing, INTERVAL_US), "Mono12") > 3.0


@pytest.mark.parametrize("name", ["BayerRG12", "RGB8"])
def test_colour_moves_by_the_flow_of_its_luminance(name: str) -> None:
    scene, row_timing = MovingTexture.aperiodic(0.8, 0.3), timing()
    frames = two_frames(scene, row_timing, name=name)
    wanted = target(scene, row_timing, INTERVAL_US, name=name)
    assert gain_db(frames, row_timing, wanted, name) > 3.0


def test_skipped_frames_are_accounted_by_their_time() -> None:
    scene, row_timing = MovingTexture.aperiodic(0.25, 0.1), timing()
    frames = [frame(scene, row_timing, start_us) for start_us in (0.0, 3 * INTERVAL_US)]
    wanted = target(scene, row_timing, 3 * INTERVAL_US)
    assert gain_db(frames, row_timing, wanted, "Mono12") > 2.0


@pytest.mark.parametrize("exposure", [1.0, 0.1])
def test_a_static_scene_stays_as_row_gain_leaves_it(exposure: float) -> None:
    scene, row_timing = MovingTexture.aperiodic(0.0, 0.0), timing()
    row_timing = SensorTiming(2000.0 * exposure, row_timing.line_time_us * exposure, ROWS)
    frames = two_frames(scene, row_timing, noise=True)
    wanted = target(scene, row_timing, INTERVAL_US)
    assert gain_db(frames, row_timing, wanted, "Mono12") > -0.05


@pytest.mark.parametrize(
    ("start_us", "line_time_us"),
    [(INTERVAL_US, 0.0), (0.0, 30.0), (-INTERVAL_US, 30.0), (250_000.0, 30.0)],
    ids=["global shutter", "same time", "clock went back", "long ago"],
)
def test_without_a_usable_frame_before_it_is_row_gain(start_us: float, line_time_us: float) -> None:
    scene, row_timing = MovingTexture.aperiodic(0.8, 0.0), SensorTiming(2000.0, line_time_us, ROWS)
    frames = [frame(scene, row_timing, time_us) for time_us in (0.0, start_us)]
    expected = RowGain(CPU).restore(frames, taken(row_timing)).light
    assert Warp(CPU).restore(frames, taken(row_timing)).light.equal(expected)
    assert Warp(CPU).restore(frames[1:], taken(row_timing)).light.equal(expected)


@pytest.mark.parametrize(("interval_us", "warped"), [(230_000.0, True), (250_000.0, False)])
def test_long_exposures_allow_longer_intervals(interval_us: float, warped: bool) -> None:
    row_timing = SensorTiming(10_000.0, 250.0, ROWS)
    scene = replace(MovingTexture.aperiodic(0.02, 0.0), brightness=0.1)
    frames = [frame(scene, row_timing, start_us) for start_us in (0.0, interval_us)]
    row_gain = RowGain(CPU).restore(frames, taken(row_timing)).light
    assert Warp(CPU).restore(frames, taken(row_timing)).light.equal(row_gain) != warped


def test_results_depend_on_the_frames_alone() -> None:
    scene, row_timing = MovingTexture.aperiodic(0.8, 0.2), timing()
    frames = [frame(scene, row_timing, number * INTERVAL_US) for number in range(4)]
    fresh = [Warp(CPU).restore(frames[n : n + 2], taken(row_timing)).light for n in range(3)]
    used = Warp(CPU)
    for number in (0, 1, 2, 1, 0):
        again = used.restore(frames[number : number + 2], taken(row_timing)).light
        assert again.equal(fresh[number])
    used.reset()
    assert used.restore(frames[:2], taken(row_timing)).light.equal(fresh[0])


def test_frames_of_the_same_number_from_elsewhere_are_not_taken_for_each_other() -> None:
    row_timing = timing()
    here, elsewhere = (
        two_frames(MovingTexture.aperiodic(*velocity), row_timing)
        for velocity in ((0.8, 0.0), (0.0, -0.5))
    )
    warp = Warp(CPU)
    warp.restore(here[:1], taken(row_timing))
    mixed = warp.restore(elsewhere, taken(row_timing)).light
    assert mixed.equal(Warp(CPU).restore(elsewhere, taken(row_timing)).light)


def test_rows_move_by_half_the_exposure_they_have_more_and_never_further_than_the_cap() -> None:
    row_timing = timing()
    ones = torch.ones((2, ROWS // 2, COLUMNS // 2))
    moved = centroid_displacement_px(Flow(ones * 6, ones[0]), row_timing, INTERVAL_US)
    longer_us = torch.from_numpy(row_timing.row_exposure_us() - 2000.0).view(-1, 2).mean(1)
    expected = 6 * longer_us / (2 * INTERVAL_US)
    torch.testing.assert_close(moved[0, :, 0], expected.float())
    far = centroid_displacement_px(Flow(ones * 500, ones[0]), row_timing, INTERVAL_US)
    assert far.norm(dim=0).max() <= LARGEST_DISPLACEMENT_PX * 1.001
    unsure = centroid_displacement_px(Flow(ones * 6, ones[0] * 0), row_timing, INTERVAL_US)
    assert not unsure.any()


def test_a_repeating_texture_moved_by_its_period_stays_where_it_is() -> None:
    """No estimator can see this motion; taken for rest, it costs nothing."""
    period_px = 16.0
    speed = period_px / INTERVAL_US
    waves = np.array([[2 * np.pi / period_px, 0.0, 0.3, 0.4]])
    scene, row_timing = MovingTexture((speed, 0.0), waves), timing()
    frames = two_frames(scene, row_timing)
    wanted = target(scene, row_timing, INTERVAL_US)
    assert gain_db(frames, row_timing, wanted, "Mono12") == pytest.approx(0.0, abs=0.05)


@needs_cuda
@pytest.mark.parametrize("name", ["Mono12", "BayerRG12"])
def test_a_gpu_restores_what_the_cpu_does(name: str) -> None:
    scene, row_timing = MovingTexture.aperiodic(0.8, 0.3), timing()
    frames = two_frames(scene, row_timing, name=name)
    on_cpu, on_gpu = (
        Warp(torch.device(device)).restore(frames, taken(row_timing, name)).light
        for device in ("cpu", "cuda")
    )
    # Each has a flow of its own.
    assert psnr_db(on_gpu.cpu(), on_cpu) > 40.0


def test_saturated_pixels_are_reported_where_their_codes_were() -> None:
    scene, row_timing = MovingTexture.aperiodic(0.8, 0.0), timing(ramp=8.0)
    frames = two_frames(scene, row_timing)
    restored = open_restorer("warp", CPU).restore(frames, taken(row_timing))
    clipped = torch.from_numpy(frames[1].pixels >= radiometry().saturation_dn)
    assert clipped.any()
    assert restored.saturated.equal(clipped)
    assert restored.light.isfinite().all()


@pytest.mark.parametrize("size", [(1, 1), (5, 70), (33, 47), (101, 151)])
def test_any_size_is_restored(size: tuple[int, int]) -> None:
    rng = np.random.default_rng(0)
    frames = [
        Frame(rng.integers(64, 4000, size, np.uint16), FrameMetadata(n, n * 10_000_000))
        for n in range(2)
    ]
    restored = Warp(CPU).restore(frames, taken(SensorTiming(1000.0, 10.0, size[0])))
    assert restored.light.shape == size
    assert restored.light.isfinite().all()
