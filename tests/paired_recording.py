"""Recordings of two cameras that saw a scene of the virtual rig, with its true calibration.

Written at once, without cameras, threads or a clock: which GS frame was exposed with which RSGR
frame is as the test says.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path

import numpy as np

from app.session.config import SessionConfig
from app.session.session import Session
from calibration.geometric.board_detection import FoundBoard
from calibration.geometric.geometry_from_board import (
    BoardPair,
    GeometryCalibration,
    geometry_calibration,
)
from calibration.radiometric.colour import ColourCalibration, colour_calibration
from calibration.radiometric.dark import DarkCalibration, DarkShot, dark_calibration
from calibration.radiometric.photon_transfer import PanelShot, photon_transfer
from calibration.rig_calibration import CalibratedCamera, CameraConditions, RigCalibration
from calibration.temporal.exposure_delay import ExposureDelayCalibration
from drivers.frame import FrameMetadata
from drivers.recording import RecordedCamera
from drivers.recording.writer import RecordingWriter
from drivers.timing import ReadoutDirection
from drivers.virtual.camera.camera_models import GS, RSGR, CameraModel
from drivers.virtual.scene.frozen import StillScene
from drivers.virtual.scene.named_scenes import named_scene
from drivers.virtual.scene.uniform import UniformScene
from tests import small_recording
from tests.calibration.pair_frames import PairOfCameras
from tests.calibration.still_frames import StillCamera
from tests.calibration.test_rig_calibration import GOOD, LINE_TIME

SENSOR = (RSGR.sensor_columns, RSGR.sensor_rows)
DELIVERED_NS = 9_000_000
"""From the trigger to the delivery, exposure and readout included."""


def write(
    folder: Path,
    rig: PairOfCameras,
    frames: int,
    *,
    gs_trigger: Callable[[int], int] = lambda number: number,
    calibration: RigCalibration | None = None,
    gs_exposure_us: float | None = None,
) -> Path:
    """Record ``frames`` pairs; the GS pictures are those of the triggers ``gs_trigger`` tells.

    Times, counters and deliveries are those of perfect pairs all the same. ``gs_exposure_us`` is
    what the GS camera's node says, by default what the RSGR camera's says.
    """
    truth = true_calibration(rig) if calibration is None else calibration
    cameras = {"rsgr": recorded(rig, RSGR), "gs": recorded(rig, GS)}
    if gs_exposure_us is not None:
        cameras["gs"] = cameras["gs"].model_copy(update={"exposure_us": gs_exposure_us})
    info = small_recording.info(cameras, wiring="master", calibration=truth.model_dump(mode="json"))
    writer = RecordingWriter(folder, info)
    for number in range(frames):
        time_ns = round(number * rig.period_us * 1e3)
        rsgr = rig.codes(1e6 + number * rig.period_us)[0]
        gs = rig.codes(1e6 + gs_trigger(number) * rig.period_us)[1]
        for name, codes in (("rsgr", rsgr), ("gs", gs)):
            delivered_ns = time_ns + DELIVERED_NS
            writer.append(name, codes, FrameMetadata(number, delivered_ns, time_ns, number + 1))
    writer.finish("stopped")
    return folder


def recorded(rig: PairOfCameras, model: CameraModel) -> RecordedCamera:
    """One of the two cameras as a recording tells of it."""
    conditions = _conditions(rig, model)
    return small_recording.camera(
        rig.format_name,
        maker=conditions.maker,
        model=conditions.model,
        serial=conditions.serial,
        rows=rig.region.height_px,
        columns=rig.region.width_px,
        offset_x_px=rig.region.offset_x_px,
        offset_y_px=rig.region.offset_y_px,
        exposure_us=rig.exposure_us,
        gain_db=0.0,
        black_level_dn=rig.black_level_dn,
        black_level_node_dn=rig.black_level_dn,
        fps=1e6 / rig.period_us,
        line_time_us=model.line_time_us,
    )


def true_calibration(rig: PairOfCameras) -> RigCalibration:
    """What a perfect calibration of the rig says."""
    line_time = LINE_TIME.model_copy(
        update={
            "line_time_us": RSGR.line_time_us,
            "exposure_offset_us": RSGR.exposure_offset_us,
            "direction": ReadoutDirection.TOP_DOWN,
        }
    )
    return RigCalibration(
        created=datetime(2026, 11, 5, 14, 30, tzinfo=UTC),
        program="ngs",
        rsgr=CalibratedCamera(
            conditions=_conditions(rig, RSGR),
            dark=_dark(rig.format_name, RSGR),
            line_time=line_time,
        ),
        gs=CalibratedCamera(conditions=_conditions(rig, GS), dark=_dark(rig.format_name, GS)),
        geometry=_geometry(),
        colour=_colour(rig.format_name, rig.exposure_us),
        exposure_delay=ExposureDelayCalibration(
            delay_us=GS.start_delay_us - RSGR.start_delay_us,
            delay_error_us=1.0,
            exposure_us=rig.timing.exposure_us,
            lamp=None,
            motion=None,
            verdict=GOOD,
        ),
    )


def calibration_of(config: SessionConfig) -> RigCalibration:
    """The true calibration of the virtual rig's cameras as they open with ``config``."""
    with Session(config) as session:
        cameras = [session.camera_at(index) for index in (0, 1)]
        here, there = (CameraConditions.of(camera) for camera in cameras)
        form = cameras[0].frame_format.pixel_format.name
        exposure_us = cameras[0].settings.exposure_us
    assert exposure_us is not None
    scene = named_scene("Slide", *SENSOR)
    truth = true_calibration(PairOfCameras(scene, format_name=form, exposure_us=exposure_us))
    assert truth.gs is not None
    return truth.model_copy(
        update={
            "rsgr": truth.rsgr.model_copy(update={"conditions": here}),
            "gs": truth.gs.model_copy(update={"conditions": there}),
        }
    )


def _conditions(rig: PairOfCameras, model: CameraModel) -> CameraConditions:
    return CameraConditions(
        maker=model.vendor,
        model=model.name,
        serial=model.serial,
        firmware="1.0",
        pixel_format=rig.format_name,
        gain_db=0.0,
        black_level_dn=rig.black_level_dn,
        readout={},
    )


@lru_cache
def _dark(format_name: str, model: CameraModel) -> DarkCalibration:
    capped, lit = (
        StillCamera(UniformScene(light), format_name, characteristics=model.characteristics)
        for light in (0.0, 0.5)
    )
    shots = [DarkShot(us, capped.frames(16, us)) for us in (100.0, 4000.0)]
    panel = [PanelShot(us, *lit.frames(2, us)) for us in np.linspace(10.0, 21_000.0, 14)]
    transfer = photon_transfer(panel, lit.pixel_format, lit.black_level_dn, 1.2)
    return dark_calibration(shots, lit.pixel_format, transfer)


@lru_cache
def _geometry() -> GeometryCalibration:
    rng = np.random.default_rng(1)
    poses = []
    for _ in range(8):
        here = rng.uniform((0, 0), SENSOR, (60, 2))
        there = GS.view.to_camera(here)
        boards = [FoundBoard(dict(enumerate(places)), False) for places in (here, there)]
        poses.append(BoardPair(*boards))
    return geometry_calibration(poses, SENSOR, SENSOR)


@lru_cache
def _colour(format_name: str, exposure_us: float) -> ColourCalibration:
    chart = StillScene(named_scene("Chart", *SENSOR), 0.0)
    rig = PairOfCameras(chart, format_name=format_name, exposure_us=exposure_us)
    rsgr, gs, valid = rig.light(0.0)
    return colour_calibration(rsgr, gs, valid & (rsgr < 0.95), exposure_us, None)
