"""Geometry from a still scene through both cameras of the virtual rig."""

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console
from typer.testing import CliRunner

from app.calibrate.frame_acquisition import CameraShowsScene
from app.calibrate.geometry_step import calibrate_geometry_without_board, print_geometry
from app.cli import app
from app.session.config import SessionConfig
from calibration.geometric.geometry_from_board import GeometryCalibration
from calibration.rig_calibration import read_rig
from calibration.verdict import Grade
from drivers.addresses import CameraOptions
from drivers.camera_settings import ExposureSettings
from drivers.errors import InstrumentError
from drivers.rig.wiring import Wiring, WiringRequest
from drivers.virtual.camera.camera_models import GS

pytestmark = pytest.mark.usefixtures("virtual_rig")

POINTS = np.stack(np.meshgrid(np.arange(420.0, 1020, 20), np.arange(320.0, 760, 20)), axis=-1)
"""Where both cameras look when each shows the middle 640 x 480 pixels of its sensor."""


def calibrate(**values: object) -> GeometryCalibration:
    config = SessionConfig(
        gs_camera="virtual:gs",
        wiring=WiringRequest(Wiring.EXTERNAL),
        settings=ExposureSettings(exposure_us=3000.0),
        size_px=(640, 480),
    )
    return calibrate_geometry_without_board(
        replace(config, **values), CameraShowsScene(), lambda done, total, text: None
    )


def errors_px(found: GeometryCalibration) -> np.ndarray:
    return np.linalg.norm(found.map.to_gs(POINTS) - GS.view.to_camera(POINTS), axis=-1)


@pytest.mark.parametrize(
    "pixel_format", ["Mono12", pytest.param("BayerRG8", marks=pytest.mark.whole)]
)
def test_a_still_scene_will_do(pixel_format: str) -> None:
    found = calibrate(settings=ExposureSettings(exposure_us=3000.0, pixel_format=pixel_format))
    assert found.map.mirrored
    assert np.percentile(errors_px(found), 95) < 0.1
    assert found.verdict.grade == Grade.USABLE
    text = io.StringIO()
    print_geometry(found, Console(file=text, width=200))
    assert "1 scene," in text.getvalue()
    assert "parallax unknown" in text.getvalue()
    assert "verdict: usable: without a board" in text.getvalue()


@pytest.mark.parametrize(
    ("scene", "reason"), [("bench", "the scene moves"), ("flat", "with texture everywhere")]
)
def test_the_wrong_scene_is_refused_with_what_to_do(scene: str, reason: str) -> None:
    with pytest.raises(InstrumentError, match=reason):
        calibrate(options=CameraOptions(scene=Path(scene)))


def test_command_writes_the_map(tmp_path: Path) -> None:
    out = tmp_path / "rig.json"
    arguments = ["--camera", "virtual:rsgr", "--gs", "virtual:gs", "--out", str(out), "--no-board"]
    done = CliRunner().invoke(app, ["calibrate", "geometry", *arguments])
    assert done.exit_code == 0, done.output
    geometry = read_rig(out).geometry
    assert geometry is not None
    assert geometry.method == "features"
    assert np.percentile(errors_px(geometry), 95) < 0.1
    both = CliRunner().invoke(app, ["calibrate", "geometry", *arguments, "--board", "charuco:9x7"])
    assert "--board charuco:9x7 and --no-board contradict" in str(both.exception)
