"""The photon transfer curve of the virtual sensor, whose gain and saturation are known."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
from numpy.typing import NDArray

from calibration.radiometric.photon_transfer import PanelShot, PhotonTransfer, photon_transfer
from calibration.verdict import Grade
from drivers.camera_settings import Region
from drivers.errors import InstrumentError
from drivers.virtual.camera.camera_models import GS
from drivers.virtual.scene.flicker import FlickeringScene
from drivers.virtual.scene.scene import Scene
from drivers.virtual.scene.uniform import UniformScene
from tests.calibration.still_frames import StillCamera

EXPOSURES_US = (*np.linspace(10.0, 16_000.0, 8), *np.linspace(17_000.0, 21_000.0, 8))


def dark_variance_dn2(camera: StillCamera) -> float:
    noise_dn = camera.characteristics.temporal_dark_noise_e * camera.true_gain_dn_per_e
    return noise_dn**2 + 1 / 12


def evaluate(
    camera: StillCamera, exposures_us: tuple[float, ...] = EXPOSURES_US, gamma: float = 1.0
) -> PhotonTransfer:
    shots = [PanelShot(us, *camera.frames(2, us)) for us in exposures_us]
    if gamma != 1.0:
        top = camera.pixel_format.maximum_dn
        shots = [
            replace(
                shot,
                **{
                    name: np.rint(top * (getattr(shot, name) / top) ** gamma).astype(np.uint16)
                    for name in ("first", "second")
                },
            )
            for shot in shots
        ]
    return photon_transfer(
        shots, camera.pixel_format, camera.black_level_dn, dark_variance_dn2(camera)
    )


@pytest.mark.parametrize("format_name", ["Mono8", "Mono10", "Mono12", "BayerRG12", "RGB8"])
def test_gain_saturation_and_linearity(format_name: str) -> None:
    camera = StillCamera(format_name=format_name)
    found = evaluate(camera)
    assert found.system_gain_dn_per_e == pytest.approx(camera.true_gain_dn_per_e, rel=0.015)
    error = abs(found.system_gain_dn_per_e - camera.true_gain_dn_per_e)
    assert error < 5 * found.system_gain_error_dn_per_e
    clip_dn = camera.pixel_format.maximum_dn
    assert found.clip_dn == clip_dn
    # The converter clips just before the pixel does.
    capacity_e = (clip_dn - camera.black_level_dn) / camera.true_gain_dn_per_e
    assert found.saturation_capacity_e == pytest.approx(capacity_e, rel=0.06)
    assert found.saturation_capacity_error_e is not None
    assert abs(found.saturation_capacity_e - capacity_e) < 3 * found.saturation_capacity_error_e
    assert found.saturation_capacity_error_e < 0.06 * capacity_e
    assert found.linearity_error_percent is not None
    assert found.linearity_error_percent < 0.1
    assert found.verdict.grade == Grade.GOOD


def test_the_saturation_capacity_is_as_certain_as_it_says() -> None:
    """Exposures of other steps each time; the error is what they leave open."""
    rng = np.random.default_rng(3)
    pulls = []
    for steps in (6, 8, 12, 24, 40):
        camera = StillCamera()
        first, last = rng.uniform(10.0, 800.0), rng.uniform(19_500.0, 23_000.0)
        found = evaluate(camera, tuple(np.linspace(first, last, steps)))
        capacity_e = (4095 - camera.black_level_dn) / camera.true_gain_dn_per_e
        assert found.saturation_capacity_e is not None
        assert found.saturation_capacity_error_e is not None
        off_e = found.saturation_capacity_e - capacity_e
        pulls.append(off_e / found.saturation_capacity_error_e)
    assert max(map(abs, pulls)) < 3.0


def test_another_sensor_at_another_gain() -> None:
    camera = StillCamera(characteristics=GS.characteristics, gain_db=6.0)
    found = evaluate(camera, tuple(np.linspace(10.0, 14_000.0, 12)))
    assert found.system_gain_dn_per_e == pytest.approx(camera.true_gain_dn_per_e, rel=0.015)
    assert found.dynamic_range_db is not None
    true_dn = camera.pixel_format.maximum_dn - camera.black_level_dn
    noise_e = np.sqrt(dark_variance_dn2(camera)) / camera.true_gain_dn_per_e
    true_db = 20 * np.log10(true_dn / camera.true_gain_dn_per_e / (noise_e + 0.5))
    assert found.dynamic_range_db == pytest.approx(true_db, abs=0.7)


@dataclass(frozen=True)
class Shaded:
    """A panel twice as bright on the right as on the left."""

    scene: Scene

    def integrate(
        self, region: Region, start_us: NDArray, end_us: NDArray, *, colour: bool
    ) -> NDArray[np.float32]:
        light = self.scene.integrate(region, start_us, end_us, colour=colour)
        return light * np.linspace(0.5, 1.0, region.width_px, dtype=np.float32)


def test_neither_ramp_nor_shading_nor_flicker_counts_as_noise() -> None:
    scene = FlickeringScene(Shaded(UniformScene(0.5)), 0.05, 100.0)
    camera = StillCamera(scene, line_time_us=20.0, period_us=13_700.0)
    found = evaluate(camera)
    assert found.system_gain_dn_per_e == pytest.approx(camera.true_gain_dn_per_e, rel=0.015)


def test_a_panel_too_dim_for_saturation_still_gives_the_gain() -> None:
    camera = StillCamera()
    found = evaluate(camera, tuple(np.linspace(10.0, 8000.0, 10)))
    assert found.system_gain_dn_per_e == pytest.approx(camera.true_gain_dn_per_e, rel=0.015)
    assert found.saturation_dn is None
    assert found.clip_dn is None  # the largest code seen says nothing of the largest there is
    assert found.dynamic_range_db is None
    assert found.verdict.grade == Grade.USABLE
    assert "saturation was not reached" in str(found.verdict)


def test_a_camera_with_gamma_is_found_out() -> None:
    found = evaluate(StillCamera(), gamma=0.7)
    assert found.verdict.grade == Grade.REDO
    assert "set gamma to 1" in str(found.verdict)


def test_too_few_exposures_and_too_dim_a_panel_are_refused() -> None:
    camera = StillCamera()
    with pytest.raises(InstrumentError, match="2 exposures are too few"):
        evaluate(camera, (100.0, 200.0))
    with pytest.raises(InstrumentError, match="make it brighter"):
        evaluate(StillCamera(UniformScene(0.01)), (100.0, 500.0, 900.0))
