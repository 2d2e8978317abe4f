"""``ngs calibrate geometry``: a board held before both cameras in pose after pose."""

import time
from collections.abc import Callable, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from app.calibrate.eyes import Eye
from app.calibrate.pairs import PairShooting, ShotPair
from app.calibrate.shooting import Staging, shooting
from app.config import SessionConfig
from app.light import grey
from calibration.board import BoardSpec, FoundBoard, find_board
from calibration.geometry import (
    GOOD_POSES,
    LEAST_POSES,
    BoardPair,
    GeometryCalibration,
    geometry_calibration,
)
from drivers.errors import InstrumentError

INSTRUCTION = "hold the calibration board before both cameras, filling the view"

_FRAMES = 4
"""Of each camera per look; their mean has half the noise."""

_NEW_POSE_PX = 20.0
_STILL_CHANGE = 0.01
"""Change within a look, relative to the picture: more, and the board was not held still."""

_LONGEST_S = 120.0


def calibrate_geometry(
    config: SessionConfig,
    staging: Staging,
    board: BoardSpec,
    on_progress: Callable[[int, int, str], None],
    *,
    poses: int = GOOD_POSES + 2,
) -> GeometryCalibration:
    """Take ``poses`` poses of the board, each held still and unlike the others, and fit the map.

    ``on_progress`` gets poses taken, poses wanted, and what to do next. Raises
    :class:`InstrumentError` where too few were taken in two minutes, with what kept the
    others from being taken.
    """
    with shooting(config, staging, "Board", INSTRUCTION) as shoot:
        shots = PairShooting(shoot)
        eyes = [Eye.of(shoot, camera) for camera in (0, 1)]
        taken: list[BoardPair] = []
        refused = "no board was shown"
        deadline_s = time.monotonic() + _LONGEST_S
        on_progress(0, poses, "hold the board still")
        while len(taken) < poses and time.monotonic() < deadline_s:
            try:
                pose = _look(shots.take(_FRAMES, settle=0), eyes, board)
            except InstrumentError as error:
                refused = str(error)
                on_progress(len(taken), poses, refused)
                continue
            if any(pose.rsgr.movement_px(each.rsgr) < _NEW_POSE_PX for each in taken):
                on_progress(len(taken), poses, "taken; move the board elsewhere and tilt it")
                continue
            taken.append(pose)
            on_progress(len(taken), poses, "taken; move the board elsewhere and tilt it")
        if len(taken) < LEAST_POSES:
            raise InstrumentError(
                f"{len(taken)} board poses in {_LONGEST_S:.0f} s, {LEAST_POSES} are needed; last: "
                f"{refused}"
            )
        return geometry_calibration(taken, eyes[0].sensor_px, eyes[1].sensor_px)


def _look(pairs: Sequence[ShotPair], eyes: list[Eye], board: BoardSpec) -> BoardPair:
    """The board as both cameras see it; raises :class:`InstrumentError` where one does not."""
    rsgr = _found([pair.rsgr.pixels for pair in pairs], eyes[0], board)
    gs = _found([pair.gs.pixels for pair in pairs], eyes[1], board)
    return BoardPair(rsgr, gs)


def _found(frames: Sequence[NDArray[np.generic]], eye: Eye, board: BoardSpec) -> FoundBoard:
    pictures = [grey(eye.light(codes)) for codes in frames]  # type: ignore[arg-type]
    change = cv2.blur(pictures[-1] - pictures[0], (5, 5))
    if float(np.std(change)) > _STILL_CHANGE * float(np.std(pictures[0]) + np.mean(pictures[0])):
        raise InstrumentError("the board moves: hold it still for a moment")
    mean = np.mean(pictures, axis=0, dtype=np.float32)
    found = find_board(np.ascontiguousarray(mean), board, full_scale=1.0)
    offset = [eye.region.offset_x_px, eye.region.offset_y_px]
    corners = {number: corner + offset for number, corner in found.corners_px.items()}
    return FoundBoard(corners, found.mirrored)


def print_geometry(result: GeometryCalibration, console: Console) -> None:
    """What a person wants to know of it."""
    console.print(
        f"{result.poses} poses, {result.corners} corners, {result.outliers} left out; the views "
        f"are {'mirrored' if result.map.mirrored else 'not mirrored'}"
    )
    errors = ", ".join(f"{name} {p95:.3f}" for name, p95 in result.held_out_p95_px.items())
    console.print(
        f"corners of poses left out of the fit, px p95: {errors}; taken: {result.model} "
        f"(rms {result.held_out_rms_px:.3f} px)"
    )
    console.print(
        f"coverage {result.coverage:.0%}, poses differ by {result.parallax_px:.3f} px (parallax)"
    )
    console.print(f"verdict: {result.verdict}")
