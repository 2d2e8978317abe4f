"""Light that swings: its integral over every window, in closed form."""

import numpy as np
import pytest

from drivers.camera_settings import Region
from drivers.virtual.scene.flicker import FlickeringScene
from drivers.virtual.scene.uniform import UniformScene

REGION = Region(0, 0, 8, 5)


@pytest.mark.parametrize("colour", [False, True])
@pytest.mark.parametrize("rate_hz", [100.0, 120.0, 1000.0])
def test_each_row_collects_the_light_of_its_window(rate_hz: float, colour: bool) -> None:
    scene = FlickeringScene(UniformScene(0.5), 0.3, rate_hz)
    start = np.array([0.0, 100.0, 5000.0, 7777.0, 1e6])
    end = start + np.array([10.0, 2000.0, 4000.0, 10_000.0, 13_000.0])
    light = scene.integrate(REGION, start, end, colour=colour)
    assert light.shape == (5, 8, 3) if colour else (5, 8)
    steps = start + (np.arange(20_000)[:, None] + 0.5) / 20_000 * (end - start)
    brightness = 0.5 * (1 + 0.3 * np.sin(2 * np.pi * rate_hz * 1e-6 * steps))
    expected = brightness.mean(axis=0) * (end - start)
    np.testing.assert_allclose(light.reshape(5, -1)[:, 0], expected, rtol=1e-5)


def test_whole_periods_see_steady_light() -> None:
    start = np.linspace(0.0, 9000.0, 5)
    steady = UniformScene(0.5).integrate(REGION, start, start + 10_000.0, colour=False)
    swinging = FlickeringScene(UniformScene(0.5), 1.0, 100.0)
    light = swinging.integrate(REGION, start, start + 10_000.0, colour=False)
    np.testing.assert_allclose(light, steady, rtol=1e-5)
