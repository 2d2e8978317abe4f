"""The whole line-time step on frames of the virtual sensor, whose timing is known."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest
from numpy.typing import NDArray

from calibration.temporal.line_time import (
    GlobalReset,
    LineTimeCalibration,
    line_time_calibration,
    ramp_on_flat,
)
from calibration.verdict import Grade
from drivers.camera_settings import Region, ShutterMode
from drivers.errors import InstrumentError
from drivers.timing import ReadoutDirection, SensorTiming
from drivers.virtual.camera.camera_models import RSGR, SENSOR_COLUMNS, SENSOR_ROWS
from drivers.virtual.scene.flicker import FlickeringScene
from drivers.virtual.scene.frozen import StillScene
from drivers.virtual.scene.named_scenes import named_scene
from drivers.virtual.scene.scene import Scene
from drivers.virtual.scene.uniform import UniformScene
from tests.calibration.still_frames import StillCamera
from tests.whole_family import whole

LONG_US, SHORT_US = 4000.0, 1778.0
REGION = Region(400, 300, 640, 480)
AVERAGING_PERIOD_US = 18_750.0
"""8 frames at 53.3 fps average light of 100 and 120 Hz."""


@pytest.fixture(scope="module")
def bench() -> Scene:
    return named_scene("Bench", SENSOR_COLUMNS, SENSOR_ROWS)


@pytest.fixture(scope="module")
def still(bench: Scene) -> Scene:
    return StillScene(bench, 1e6)


def measure(
    camera: StillCamera,
    long_us: float = LONG_US,
    short_us: float = SHORT_US,
    blocks: int = 4,
    frames: int = 8,
) -> LineTimeCalibration:
    """Blocks A B, B A, ... evaluated with the black level and its error as ``dark`` gives them."""
    taken: dict[float, list[list[NDArray]]] = {long_us: [], short_us: []}
    for pair in range(blocks):
        for exposure_us in (long_us, short_us) if pair % 2 == 0 else (short_us, long_us):
            taken[exposure_us].append(camera.frames(frames, exposure_us))
            camera.start_us += 3 * camera.period_us
    error_dn = 0.001 if camera.pixel_format.bits == 12 else 0.284
    return line_time_calibration(
        taken[long_us],
        taken[short_us],
        long_us,
        short_us,
        camera.pixel_format,
        camera.black_level_dn,
        error_dn,
    )


@pytest.mark.parametrize("format_name", ["Mono8", "Mono12"])
@pytest.mark.parametrize("offset_us", [whole(0.0), 25.0, whole(50.0)])
def test_within_half_a_percent_on_a_textured_scene(
    still: Scene, format_name: str, offset_us: float
) -> None:
    found = measure(StillCamera(still, format_name, REGION, offset_us=offset_us))
    assert found.line_time_us == pytest.approx(RSGR.line_time_us, rel=0.002)
    assert abs(found.line_time_us - RSGR.line_time_us) < 5 * found.line_time_error_us
    assert found.exposure_offset_us == pytest.approx(offset_us, abs=2.0)
    assert found.direction == ReadoutDirection.TOP_DOWN
    assert found.global_reset == GlobalReset.PROVEN
    assert found.verdict.grade == Grade.GOOD
    assert found.flat_ramp is None


@pytest.mark.parametrize("format_name", ["Mono8", "Mono12"])
@pytest.mark.parametrize("offset_us", [whole(0.0), 50.0])
def test_within_half_a_percent_at_the_least_ramp_and_a_tenth_of_full_scale(
    format_name: str, offset_us: float
) -> None:
    """T_bottom / T0 of 1.5 for the short exposure, whose first row is at 10 %: the dimmest case."""
    short_us = 240 * 6.0 / 0.5 - offset_us
    radiance = 0.1 * 4031 / 0.4 / (short_us + offset_us)
    camera = StillCamera(UniformScene(radiance), format_name, offset_us=offset_us)
    found = measure(camera, long_us=2.25 * short_us, short_us=short_us)
    assert found.line_time_us == pytest.approx(6.0, rel=0.005)
    assert abs(found.exposure_offset_us - offset_us) < 5 * found.exposure_offset_error_us
    assert found.verdict.grade == Grade.GOOD
    # The ramp of the flat field says the same, with the offset just found.
    assert found.flat_ramp is not None
    assert found.flat_ramp.line_time_us == pytest.approx(6.0, rel=0.08)


@pytest.mark.parametrize("direction", list(ReadoutDirection))
def test_readout_direction_and_colour(still: Scene, direction: ReadoutDirection) -> None:
    found = measure(StillCamera(still, "BayerRG12", REGION, direction=direction))
    assert found.direction == direction
    assert found.line_time_us == pytest.approx(6.0, rel=0.005)


@pytest.mark.parametrize("format_name", ["Mono8", "Mono12"])
def test_rolling_shutter_is_disproved(still: Scene, format_name: str) -> None:
    found = measure(StillCamera(still, format_name, REGION, shutter=ShutterMode.ROLLING))
    assert found.global_reset == GlobalReset.DISPROVED
    assert found.verdict.grade == Grade.REDO
    assert "not in global reset" in str(found.verdict)


def test_a_ramp_too_small_to_tell_is_not_called_rolling(still: Scene) -> None:
    camera = StillCamera(still, "Mono12", Region(400, 300, 640, 64), line_time_us=0.5)
    found = measure(camera)
    assert found.global_reset == GlobalReset.UNDECIDED
    assert found.verdict.grade == Grade.REDO
    assert "shorten the exposure" in str(found.verdict)


@pytest.mark.parametrize("rate_hz", [100.0, whole(120.0)])
@pytest.mark.parametrize("depth", [0.02, 0.3])
def test_mains_light_is_averaged_where_the_frames_cover_its_phases(
    still: Scene, rate_hz: float, depth: float
) -> None:
    scene = FlickeringScene(still, depth, rate_hz)
    found = measure(StillCamera(scene, region=REGION, period_us=AVERAGING_PERIOD_US))
    assert found.line_time_us == pytest.approx(6.0, rel=0.005)
    assert found.flicker is not None
    assert found.flicker.rate_hz == rate_hz
    assert found.verdict.grade == Grade.USABLE
    assert "use DC light" in str(found.verdict)


@pytest.mark.parametrize(
    ("rate_hz", "fps"), [(100.0, 59.0), whole(120.0, 52.0), whole(100.0, 47.0)]
)
def test_mains_light_not_averaged_widens_the_error(
    still: Scene, rate_hz: float, fps: float
) -> None:
    scene = FlickeringScene(still, 0.05, rate_hz)
    found = measure(StillCamera(scene, region=REGION, period_us=1e6 / fps))
    assert found.flicker is not None
    assert abs(found.line_time_us - 6.0) < 4 * found.line_time_error_us
    assert found.verdict.grade != Grade.GOOD


@pytest.mark.parametrize(("rate_hz", "period_us"), [(100.0, 20_000.0), (120.0, 1e6 / 60)])
def test_mains_light_in_step_with_the_frames_is_refused(
    still: Scene, rate_hz: float, period_us: float
) -> None:
    """Every frame sees the same phase: only the shape of the ramp gives it away."""
    scene = FlickeringScene(still, 0.05, rate_hz)
    found = measure(StillCamera(scene, region=REGION, period_us=period_us))
    assert found.verdict.grade == Grade.REDO
    assert "in step with the frames" in str(found.verdict)


@dataclass(frozen=True)
class Drifting:
    """A scene under light that grows steadily."""

    scene: Scene
    share_per_s: float

    def integrate(
        self, region: Region, start_us: NDArray, end_us: NDArray, *, colour: bool
    ) -> NDArray[np.float32]:
        light = self.scene.integrate(region, start_us, end_us, colour=colour)
        return light * np.float32(1 + self.share_per_s * 1e-6 * start_us[0])


def test_light_that_drifts_a_little_cancels_and_much_is_refused(still: Scene) -> None:
    found = measure(StillCamera(Drifting(still, 0.01), region=REGION))
    assert found.line_time_us == pytest.approx(6.0, rel=0.003)
    assert found.flicker is None
    assert "drifts" in str(found.verdict)
    with pytest.raises(InstrumentError, match=r"drifts or flickers by .* let the lamp warm up"):
        measure(StillCamera(Drifting(still, 0.1), region=REGION))


def test_what_carries_no_line_time_is_refused_with_the_reason(bench: Scene) -> None:
    refused: list[tuple[Callable[[], LineTimeCalibration], str]] = [
        (lambda: measure(StillCamera(bench, region=REGION)), "the scene moves: .* stands still"),
        (lambda: measure(StillCamera(UniformScene(0.005))), "too dark"),
        (lambda: measure(StillCamera(UniformScene(9.0))), "every pixel is clipped"),
        (lambda: measure(StillCamera(), blocks=2), "2 exposure pairs are too few"),
    ]
    for shoot, reason in refused:
        with pytest.raises(InstrumentError, match=reason):
            shoot()


def test_the_ramp_on_a_flat_field_and_its_shading() -> None:
    rows = np.arange(300)
    means = 0.2 * SensorTiming(2012.0, 6.0, 300).row_exposure_us()
    means[40:60] = np.nan
    plain = ramp_on_flat(means, 2012.0)
    assert plain.line_time_us == pytest.approx(6.0, rel=1e-6)
    assert plain.shading_percent < 1e-6
    shaded = ramp_on_flat(means * (1 + 0.02 * np.cos(rows / 300 * np.pi)), 2012.0)
    assert abs(shaded.line_time_us - 6.0) > 0.1
    assert shaded.shading_percent > 0.3
    with pytest.raises(InstrumentError, match="carry light"):
        ramp_on_flat(np.full(300, np.nan), 2012.0)


def test_it_is_written_and_read_as_json(still: Scene) -> None:
    found = measure(StillCamera(still, region=REGION), blocks=3, frames=2)
    assert LineTimeCalibration.model_validate_json(found.model_dump_json()) == found
