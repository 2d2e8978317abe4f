"""Geometry and colour through both cameras of the virtual rig, against its true optics and gain."""

import io
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from rich.console import Console
from typer.testing import CliRunner

from app.calibrate import geometry_step
from app.calibrate.colour_step import calibrate_colour, print_colour
from app.calibrate.frame_acquisition import CameraShowsScene
from app.calibrate.geometry_step import calibrate_geometry, print_geometry
from app.cli import app
from app.session.config import SessionConfig
from calibration.geometric.board_detection import BoardSpec, FoundBoard
from calibration.geometric.geometry_from_board import (
    LEAST_POSES,
    BoardPair,
    GeometryCalibration,
    geometry_calibration,
)
from calibration.geometric.pixel_map import PixelMap
from calibration.radiometric.colour import ColourCalibration
from calibration.verdict import Grade
from drivers.addresses import CameraOptions
from drivers.camera_settings import ExposureSettings
from drivers.errors import InstrumentError
from drivers.rig.wiring import Wiring, WiringRequest
from drivers.virtual.camera.camera_models import GS, RSGR

pytestmark = [pytest.mark.usefixtures("virtual_rig"), pytest.mark.timeout(1800)]

CONFIG = SessionConfig(
    gs_camera="virtual:gs",
    wiring=WiringRequest(Wiring.EXTERNAL),
    settings=ExposureSettings(exposure_us=4000.0, pixel_format="Mono12"),
)
SENSOR = (GS.sensor_columns, GS.sensor_rows)


def before(scene: str, config: SessionConfig = CONFIG) -> SessionConfig:
    return replace(config, options=CameraOptions(scene=Path(scene)))


def taken(
    config: SessionConfig = CONFIG, on_progress: Callable[[int, int, str], None] | None = None
) -> GeometryCalibration:
    return calibrate_geometry(
        config,
        CameraShowsScene(),
        BoardSpec(),
        on_progress or (lambda done, total, text: None),
        poses=LEAST_POSES,
    )


def errors_px(found: PixelMap) -> NDArray[np.float64]:
    """Over what both cameras show of the middle 640 x 480 pixels of their sensors."""
    x, y = np.meshgrid(np.arange(400.0, 1040.0, 8.0), np.arange(300.0, 780.0, 8.0))
    points = np.stack([x, y], axis=-1)
    true = GS.view.to_camera(points)
    seen = np.all((true >= [400, 300]) & (true <= [1039, 779]), axis=-1)
    return np.asarray(np.linalg.norm(found.to_gs(points) - true, axis=-1)[seen])


def true_map() -> PixelMap:
    """The GS camera's view as a map of the calibration's form, fitted to the view itself."""
    rng = np.random.default_rng(5)
    poses = []
    for _ in range(4):
        here = rng.uniform((0, 0), SENSOR, (200, 2))
        there = GS.view.to_camera(here)
        boards = FoundBoard(dict(enumerate(here)), False), FoundBoard(dict(enumerate(there)), True)
        poses.append(BoardPair(*boards))
    return geometry_calibration(poses, SENSOR, SENSOR).map


def matched(config: SessionConfig = CONFIG, *, with_panel: bool = False) -> ColourCalibration:
    return calibrate_colour(
        config, CameraShowsScene(), true_map(), lambda done, total: None, with_panel=with_panel
    )


def true_gain(response: tuple[float, float] = (1.0, 1.0)) -> float:
    """Light of RSGR over that of GS; ``response`` is the share their colour filters let through."""
    rsgr, gs = (
        share
        * model.characteristics.system_gain_dn_per_e
        * model.characteristics.electrons_per_us
        * (4000.0 + model.exposure_offset_us)
        for model, share in zip((RSGR, GS), response, strict=True)
    )
    return rsgr / gs


@pytest.mark.whole  # the whole way of test_paired_dataset.py pins the map to the truth too
def test_a_tenth_of_a_pixel_from_a_board_held_four_times() -> None:
    said: list[tuple[int, int, str]] = []
    found = taken(on_progress=lambda done, total, text: said.append((done, total, text)))
    assert np.percentile(errors_px(found.map), 95) < 0.1
    assert found.map.mirrored
    assert found.poses == LEAST_POSES
    assert found.verdict.grade == Grade.USABLE
    assert "only 4 board poses; 8 give a safer fit" in found.verdict.reasons
    assert [done for done, _, _ in said] == sorted(done for done, _, _ in said)
    assert said[0] == (0, 4, "hold the board still")
    assert said[-1][:2] == (4, 4)
    text = io.StringIO()
    print_geometry(found, Console(file=text, width=200))
    assert "the views are mirrored" in text.getvalue()
    assert "verdict: usable" in text.getvalue()


@pytest.mark.parametrize(
    ("scene", "reason"),
    [
        ("flat", "board not found: 0 markers of DICT_5X5_1000 seen"),
        ("dark", "the board is too dark"),
    ],
)
def test_where_no_board_is_found_it_ends_and_says_why(
    scene: str, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(geometry_step, "_LONGEST_S", 1.0)
    with pytest.raises(
        InstrumentError, match=f"^0 board poses and no other for 1 s, 4 are needed; last: {reason}"
    ):
        taken(before(scene))


def test_cameras_that_share_no_trigger_are_refused() -> None:
    unwired = replace(CONFIG, wiring=WiringRequest(Wiring.SOFTWARE))
    for step in (taken, matched):
        with pytest.raises(InstrumentError, match="wire one trigger to both and give --wiring"):
            step(unwired)


@pytest.mark.parametrize("step", ["geometry", "colour"])
def test_one_camera_alone_is_asked_for_the_second(step: str, tmp_path: Path) -> None:
    arguments = ["--camera", "virtual:rsgr", "--out", str(tmp_path / "rig.json")]
    done = CliRunner().invoke(app, ["calibrate", step, *arguments])
    assert isinstance(done.exception, InstrumentError)
    assert "give the second one with --gs" in str(done.exception)
    with pytest.raises(InstrumentError, match="give the second one with --gs"):
        taken(replace(CONFIG, gs_camera=None))


def test_gain_between_the_cameras_to_one_percent() -> None:
    found = matched(with_panel=True)
    assert found.gain == pytest.approx(true_gain(), rel=0.01)
    assert found.offset == (pytest.approx(0.0, abs=0.002),)
    assert found.residual_percent < 1.0
    assert found.exposure_us == 4000.0
    assert found.verdict.grade != Grade.REDO
    assert found.shading_rsgr is not None
    assert found.shading_rsgr.range_percent < 1.0
    text = io.StringIO()
    print_colour(found, Console(file=text, width=200))
    assert f"GS light x {found.gain:.4f}" in text.getvalue()
    assert f"verdict: {found.verdict.grade.value}" in text.getvalue()


def test_a_chart_gives_the_matrix_of_two_colour_cameras() -> None:
    bayer = replace(CONFIG.settings, pixel_format="BayerRG12")
    found = matched(before("chart", replace(CONFIG, settings=bayer)))
    green = (model.characteristics.colour_response[1] for model in (RSGR, GS))
    # Both balance red and blue to their green.
    gain = true_gain((next(green), next(green)))
    np.testing.assert_allclose(found.matrix, gain * np.eye(3), atol=0.01 * gain)
    assert found.verdict.grade == Grade.GOOD


def test_what_moves_is_left_out() -> None:
    assert matched(before("bench")).gain == pytest.approx(true_gain(), rel=0.005)


@pytest.mark.parametrize("scene", ["slide", "lamp"])
def test_where_all_moves_or_blinks_it_is_refused(scene: str) -> None:
    with pytest.raises(InstrumentError, match="200 are needed; hold the scene still"):
        matched(before(scene))
