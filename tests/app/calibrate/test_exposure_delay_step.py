"""Exposure delay through both cameras of the virtual rig, lamp and target by turns."""

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from app.calibrate.exposure_delay_step import calibrate_exposure_delay, print_exposure_delay
from app.calibrate.frame_acquisition import CameraShowsScene
from app.session.config import SessionConfig
from calibration.geometric.board_detection import FoundBoard
from calibration.geometric.geometry_from_board import BoardPair, geometry_calibration
from calibration.geometric.pixel_map import PixelMap
from calibration.radiometric.colour import ColourCalibration
from calibration.temporal.exposure_delay import ExposureDelayCalibration
from calibration.verdict import Grade, Verdict
from drivers.addresses import CameraOptions
from drivers.camera_settings import ExposureSettings
from drivers.errors import InstrumentError
from drivers.rig.wiring import Wiring, WiringRequest
from drivers.virtual.camera.camera_models import GS

pytestmark = pytest.mark.usefixtures("virtual_rig")

COLOUR = ColourCalibration(
    exposure_us=4000.0,
    matrix=((1.3,),),
    offset=(0.0,),
    gain=1.3,
    gain_error=0.001,
    white_balance_rsgr=(1.0, 1.0, 1.0),
    white_balance_gs=(1.0, 1.0, 1.0),
    shading_rsgr=None,
    shading_gs=None,
    blocks=100,
    light_range=(0.0, 0.5),
    correlation=1.0,
    residual_percent=0.1,
    verdict=Verdict(grade=Grade.GOOD),
)
"""About that of the virtual rig."""


def true_map() -> PixelMap:
    """The GS camera's view as a map of the calibration's form, fitted to the view itself."""
    columns, rows = GS.sensor_columns, GS.sensor_rows
    rng = np.random.default_rng(5)
    poses = []
    for _ in range(4):
        here = rng.uniform((60, 60), (columns - 60, rows - 60), (200, 2))
        there = GS.view.to_camera(here)
        poses.append(
            BoardPair(
                FoundBoard(dict(enumerate(here)), False), FoundBoard(dict(enumerate(there)), True)
            )
        )
    return geometry_calibration(poses, (columns, rows), (columns, rows)).map


def calibrate(*, with_lamp: bool = True, **values: object) -> ExposureDelayCalibration:
    config = SessionConfig(
        gs_camera="virtual:gs",
        wiring=WiringRequest(Wiring.EXTERNAL),
        settings=ExposureSettings(exposure_us=3000.0, fps=60.0),
        size_px=(240, 180),
    )
    return calibrate_exposure_delay(
        replace(config, **values),
        CameraShowsScene(),
        true_map(),
        COLOUR,
        lambda done, total: None,
        with_lamp=with_lamp,
    )


@pytest.mark.parametrize(
    ("gs_later_us", "rsgr_later_us"),
    [pytest.param(300.0, 0.0, marks=pytest.mark.whole), (0.0, 400.0)],
)
def test_lamp_and_target_find_the_delay_between_the_cameras(
    gs_later_us: float, rsgr_later_us: float
) -> None:
    found = calibrate(
        wiring=WiringRequest(Wiring.EXTERNAL, gs_delay_us=gs_later_us),
        settings=ExposureSettings(exposure_us=3000.0, fps=60.0, trigger_delay_us=rsgr_later_us),
    )
    true_us = GS.start_delay_us + gs_later_us - rsgr_later_us
    assert found.lamp is not None
    assert found.motion is not None
    # Without a calibrated exposure offset the RSGR exposure is 12 us longer than told.
    assert found.lamp.delay_us == pytest.approx(true_us, abs=10.0)
    assert found.motion.delay_us == pytest.approx(true_us, abs=50.0)
    assert found.verdict.grade == Grade.USABLE  # more than 5 % of the exposure
    text = io.StringIO()
    print_exposure_delay(found, Console(file=text, width=200))
    assert ("later" if true_us > 0 else "earlier") in text.getvalue()
    assert f"verdict: {found.verdict.grade.value}" in text.getvalue()


@pytest.mark.whole
def test_the_target_alone_will_do() -> None:
    found = calibrate(with_lamp=False)
    assert found.lamp is None
    assert found.delay_us == pytest.approx(GS.start_delay_us, abs=50.0)
    assert found.verdict.grade == Grade.GOOD


@pytest.mark.parametrize(
    ("scene", "with_lamp", "reason"),
    [
        ("flat", True, "put a blinking lamp before both cameras"),
        pytest.param("chart", False, "move it faster", marks=pytest.mark.whole),
    ],
)
def test_the_wrong_scene_is_refused_with_what_to_do(
    scene: str, with_lamp: bool, reason: str
) -> None:
    with pytest.raises(InstrumentError, match=reason):
        calibrate(with_lamp=with_lamp, options=CameraOptions(scene=Path(scene)))


def test_a_lamp_too_bright_is_refused_with_what_to_do() -> None:
    with pytest.raises(InstrumentError, match="lower the exposure, or turn the lamp down"):
        calibrate(settings=ExposureSettings(exposure_us=12_000.0, gain_db=12.0, fps=60.0))
