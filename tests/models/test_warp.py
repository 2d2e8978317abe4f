"""The centroid warp: gains on motion, leaves stillness alone, knows when to do nothing."""

import numpy as np
import pytest
import torch

from drivers.camera import Region, ShutterMode
from drivers.frame import Frame, FrameMetadata
from drivers.pixel_format import PIXEL_FORMATS
from drivers.timing import SensorTiming
from drivers.virtual.procedural import ProceduralScene
from drivers.virtual.sensor import RSGR_SENSOR, digitise, expose
from drivers.virtual.view import View
from models.flow import Flow
from models.metrics import psnr_db, squared_error
from models.radiometry import Radiometry
from models.restorer import RowGain, open_restorer
from models.warp import LARGEST_DISPLACEMENT_PX, centroid_displacement_px

CPU = torch.device("cpu")
REGION = Region(400, 300, 640, 480)
TIMING = SensorTiming(2500.0, 18.0, REGION.height_px)
INTERVAL_US = 16_000.0
CODING = PIXEL_FORMATS["Mono12"]
BLACK_DN = 64.0
RADIOMETRY = Radiometry(CODING, BLACK_DN, CODING.maximum_dn)


@pytest.fixture(scope="module")
def scene() -> ProceduralScene:
    return ProceduralScene(1440, 1080)


def light_of(scene: ProceduralScene, mode: ShutterMode, start_us: float) -> np.ndarray:
    view = View.identity(1440, 1080)
    return expose(scene, view, REGION, mode, TIMING, start_us, colour=False)


def frame_of(scene: ProceduralScene, index: int, start_us: float) -> Frame:
    light = light_of(scene, ShutterMode.GLOBAL_RESET, start_us)
    codes = np.empty((480, 640), np.uint16)
    digitise(
        light,
        RSGR_SENSOR,
        gain_db=0.0,
        black_level_dn=BLACK_DN,
        pixel_format=CODING,
        white_balance=(1.0, 1.0),
        rng=np.random.default_rng(index),
        out=codes,
    )
    time_ns = round(index * INTERVAL_US * 1e3)
    return Frame(codes, FrameMetadata(index, time_ns, device_time_ns=time_ns))


def target_of(scene: ProceduralScene, start_us: float) -> torch.Tensor:
    light = light_of(scene, ShutterMode.GLOBAL, start_us)
    gain = RSGR_SENSOR.electrons_per_us * RSGR_SENSOR.gain_dn_per_e(12, 0.0)
    return torch.from_numpy(light * gain / (CODING.maximum_dn - BLACK_DN))


def quality_db(light: torch.Tensor, target: torch.Tensor) -> float:
    return psnr_db(float(squared_error(light.clamp(0, 1), target.clamp(0, 1)).mean()))


def test_moving_things_come_nearer_to_global_shutter(scene: ProceduralScene) -> None:
    frames = [frame_of(scene, index, index * INTERVAL_US) for index in range(2)]
    target = target_of(scene, INTERVAL_US)
    warped = open_restorer("warp", CPU).restore(frames, TIMING, RADIOMETRY).light
    gained = RowGain(CPU).restore(frames, TIMING, RADIOMETRY).light
    assert quality_db(warped, target) > quality_db(gained, target) + 0.8


def test_a_still_scene_is_left_as_it_is(scene: ProceduralScene) -> None:
    frames = [frame_of(scene, index, 1e6) for index in range(2)]
    target = target_of(scene, 1e6)
    warped = open_restorer("warp", CPU).restore(frames, TIMING, RADIOMETRY).light
    gained = RowGain(CPU).restore(frames, TIMING, RADIOMETRY).light
    assert quality_db(warped, target) > quality_db(gained, target) - 0.05


@pytest.mark.parametrize("interval_us", [None, 0.0, -1000.0, 1e6])
def test_without_a_usable_frame_before_it_is_row_gain(
    scene: ProceduralScene, interval_us: float | None
) -> None:
    newest = frame_of(scene, 1, INTERVAL_US)
    frames = [newest]
    if interval_us is not None:
        start_ns = newest.metadata.start_time_ns - round(interval_us * 1e3)
        before = frame_of(scene, 0, 0.0).pixels
        frames.insert(0, Frame(before, FrameMetadata(0, start_ns, device_time_ns=start_ns)))
    warped = open_restorer("warp", CPU).restore(frames, TIMING, RADIOMETRY).light
    gained = RowGain(CPU).restore(frames, TIMING, RADIOMETRY).light
    assert torch.equal(warped, gained)


def test_remembering_the_previous_frame_changes_nothing(scene: ProceduralScene) -> None:
    frames = [frame_of(scene, index, index * INTERVAL_US) for index in range(3)]
    live = open_restorer("warp", CPU)
    for index in range(3):
        from_state = live.restore(frames[max(0, index - 1) : index + 1], TIMING, RADIOMETRY).light
    fresh = open_restorer("warp", CPU).restore(frames[1:], TIMING, RADIOMETRY).light
    assert torch.equal(from_state, fresh)


def test_rows_move_by_half_their_extra_exposure_and_the_interval_counts() -> None:
    flow = Flow(torch.full((2, 240, 320), 4.0), torch.ones(240, 320))
    timing = SensorTiming(1000.0, 10.0, 480)
    ahead = centroid_displacement_px(flow, timing, interval_us=10_000.0)
    row = np.arange(480)
    expected = 4.0 * row * 10.0 / (2 * 10_000.0)
    np.testing.assert_allclose(ahead[0, 2:-2, 100].numpy(), expected[2:-2], atol=0.01)
    # A frame lost between the two: the same flow over twice the time is half the speed.
    half = centroid_displacement_px(flow, timing, interval_us=20_000.0)
    torch.testing.assert_close(half, ahead / 2)


def test_flow_that_cannot_be_is_bounded_and_untrusted_flow_ignored() -> None:
    timing = SensorTiming(1000.0, 10.0, 480)
    wild = Flow(torch.full((2, 240, 320), 4000.0), torch.ones(240, 320))
    ahead = centroid_displacement_px(wild, timing, interval_us=10_000.0)
    assert torch.linalg.vector_norm(ahead, dim=0).max() <= LARGEST_DISPLACEMENT_PX * 1.001
    doubted = Flow(torch.full((2, 240, 320), 4.0), torch.zeros(240, 320))
    assert centroid_displacement_px(doubted, timing, 10_000.0).abs().max() == 0


@pytest.mark.parametrize("size", [(481, 641), (40, 33), (7, 9)])
def test_any_size_and_colour(size: tuple[int, int]) -> None:
    rng = np.random.default_rng(0)
    coding = PIXEL_FORMATS["RGB8"]
    frames = [
        Frame(
            rng.integers(0, 255, (*size, 3), np.uint8).astype(np.uint8),
            FrameMetadata(index, index * 10**7, device_time_ns=index * 10**7),
        )
        for index in range(2)
    ]
    timing = SensorTiming(1000.0, 10.0, size[0])
    light = open_restorer("warp", CPU).restore(frames, timing, Radiometry(coding, 4.0, 255.0)).light
    assert light.shape == (*size, 3)
    assert torch.isfinite(light).all()
