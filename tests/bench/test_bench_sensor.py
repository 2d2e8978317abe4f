"""What a frame of the virtual rig costs: light, then codes.

Run with ``pytest tests/bench --benchmark-only``.
"""

import numpy as np
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from drivers.camera_settings import Region, ShutterMode
from drivers.pixel_format import PIXEL_FORMATS
from drivers.timing import SensorTiming
from drivers.virtual.scene.bench import ProceduralScene
from drivers.virtual.scene.optics import View
from drivers.virtual.scene.sensor import RSGR_SENSOR, digitise, expose

REGIONS = {"640x480": Region(400, 300, 640, 480), "1440x1080": Region(0, 0, 1440, 1080)}


@pytest.fixture(scope="module")
def scene() -> ProceduralScene:
    return ProceduralScene(1440, 1080)


@pytest.mark.parametrize("size", REGIONS)
@pytest.mark.parametrize("colour", [False, True], ids=["mono", "colour"])
@pytest.mark.parametrize("camera", ["rsgr", "gs"])
def test_expose(
    benchmark: BenchmarkFixture, scene: ProceduralScene, size: str, colour: bool, camera: str
) -> None:
    region = REGIONS[size]
    timing = SensorTiming(2000.0, 6.0, region.height_px)
    view, mode = {
        "rsgr": (View.identity(1440, 1080), ShutterMode.GLOBAL_RESET),
        "gs": (View.behind_splitter(1440, 1080), ShutterMode.GLOBAL),
    }[camera]
    light = benchmark(expose, scene, view, region, mode, timing, 1e6, colour=colour)
    assert light.shape[:2] == (region.height_px, region.width_px)


@pytest.mark.parametrize("size", REGIONS)
@pytest.mark.parametrize("name", ["Mono8", "Mono12", "BayerRG8", "RGB8"])
def test_digitise(benchmark: BenchmarkFixture, size: str, name: str) -> None:
    region, pixel_format = REGIONS[size], PIXEL_FORMATS[name]
    shape = (region.height_px, region.width_px)
    light = np.full((*shape, 3) if pixel_format.is_colour else shape, 2000.0, np.float32)
    out = np.zeros((*shape, 3) if pixel_format.channels == 3 else shape, pixel_format.dtype)
    benchmark(
        digitise,
        light,
        RSGR_SENSOR,
        gain_db=0.0,
        black_level_dn=4.0,
        pixel_format=pixel_format,
        white_balance=RSGR_SENSOR.neutral_white_balance,
        rng=np.random.default_rng(1),
        out=out,
    )
    assert out.std() > 0
