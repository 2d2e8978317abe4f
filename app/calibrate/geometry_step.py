"""``ngs calibrate geometry``: a board held before both cameras in pose after pose.

Or, where there is none at hand, a still scene.
"""

import time
from collections.abc import Callable, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from app.calibrate.camera_view import CameraView
from app.calibrate.frame_acquisition import SceneSetup, acquiring, standing_still
from app.calibrate.pair_acquisition import AcquiredPair, PairAcquisition, codes_of
from app.session.config import SessionConfig
from calibration.geometric.board_detection import BoardSpec, FoundBoard, find_board
from calibration.geometric.geometry_from_board import (
    GOOD_POSES,
    LEAST_POSES,
    BoardPair,
    GeometryCalibration,
    geometry_calibration,
)
from calibration.geometric.geometry_from_scene import ScenePair, geometry_from_scenes
from drivers.errors import InstrumentError
from drivers.pixel_format import Pixels
from models.frame_light import grey

INSTRUCTION = "hold the calibration board before both cameras, filling the view"
SCENE_INSTRUCTION = (
    "let both cameras see a still scene, sharp, with texture everywhere, as far away as what is "
    "to be recorded"
)

_FRAMES = 4
"""Of each camera per look; their mean has half the noise."""
_SCENE_FRAMES = 16

_NEW_POSE_PX = 20.0
_STILL_CHANGE = 0.01
"""Change within a look, relative to the picture: more, and the board was not held still."""

_LEAST_LIGHT = 0.05
"""Of full scale, the brightest hundredth: darker, noise cannot be told from motion."""

_LONGEST_S = 120.0
"""Without a new pose."""


def calibrate_geometry(
    config: SessionConfig,
    scene_setup: SceneSetup,
    board: BoardSpec,
    on_progress: Callable[[int, int, str], None],
    *,
    poses: int = GOOD_POSES + 2,
) -> GeometryCalibration:
    """Take ``poses`` poses of the board, each held still and unlike the others, and fit the map.

    ``on_progress`` gets poses taken, poses wanted, and what to do next. Where no pose has come
    for two minutes, those that were taken do, if they are enough. Raises
    :class:`InstrumentError` where they are not, with what kept others from being taken.
    """
    with acquiring(config, scene_setup, "Board", INSTRUCTION) as acquisition:
        shots = PairAcquisition(acquisition)
        views = [CameraView.of(acquisition, camera) for camera in (0, 1)]
        taken: list[BoardPair] = []
        refused = "no board was shown"
        deadline_s = time.monotonic() + _LONGEST_S
        on_progress(0, poses, "hold the board still")
        while len(taken) < poses and time.monotonic() < deadline_s:
            try:
                pose = _look(shots.take(_FRAMES, settle=0), views, board)
            except InstrumentError as error:
                refused = str(error)
                on_progress(len(taken), poses, refused)
                continue
            if any(pose.rsgr.movement_px(each.rsgr) < _NEW_POSE_PX for each in taken):
                on_progress(len(taken), poses, "taken; move the board elsewhere and tilt it")
                continue
            taken.append(pose)
            deadline_s = time.monotonic() + _LONGEST_S
            on_progress(len(taken), poses, "taken; move the board elsewhere and tilt it")
        if len(taken) < LEAST_POSES:
            raise InstrumentError(
                f"{len(taken)} board poses and no other for {_LONGEST_S:.0f} s, {LEAST_POSES} are "
                f"needed; last: {refused}"
            )
        regions = views[0].region, views[1].region
        return geometry_calibration(taken, views[0].sensor_px, views[1].sensor_px, regions)


def calibrate_geometry_without_board(
    config: SessionConfig,
    scene_setup: SceneSetup,
    on_progress: Callable[[int, int, str], None],
) -> GeometryCalibration:
    """Fit the map to one still scene that both cameras see.

    ``on_progress`` as for :func:`calibrate_geometry`. Raises :class:`InstrumentError` where
    the scene moves, and as
    :func:`calibration.geometric.geometry_from_scene.geometry_from_scenes` does.
    """
    with acquiring(standing_still(config), scene_setup, "Bench", SCENE_INSTRUCTION) as acquisition:
        views = [CameraView.of(acquisition, camera) for camera in (0, 1)]
        on_progress(0, 1, "keep the scene still")
        rsgr, gs = codes_of(PairAcquisition(acquisition).take(_SCENE_FRAMES))
        scene = ScenePair(
            rsgr=_mean_of_still(rsgr, views[0], "scene"),
            gs=_mean_of_still(gs, views[1], "scene"),
            rsgr_usable=~views[0].clipped(rsgr),
            gs_usable=~views[1].clipped(gs),
            rsgr_region=views[0].region,
            gs_region=views[1].region,
        )
    result = geometry_from_scenes([scene], views[0].sensor_px, views[1].sensor_px)
    on_progress(1, 1, "taken")
    return result


def _look(pairs: Sequence[AcquiredPair], views: list[CameraView], board: BoardSpec) -> BoardPair:
    """The board as both cameras see it; raises :class:`InstrumentError` where one does not."""
    rsgr, gs = codes_of(pairs)
    return BoardPair(_found(rsgr, views[0], board), _found(gs, views[1], board))


def _found(frames: Sequence[Pixels], view: CameraView, board: BoardSpec) -> FoundBoard:
    found = find_board(_mean_of_still(frames, view, "board"), board, full_scale=1.0)
    offset = [view.region.offset_x_px, view.region.offset_y_px]
    corners = {number: corner + offset for number, corner in found.corners_px.items()}
    return FoundBoard(corners, found.mirrored)


def _mean_of_still(frames: Sequence[Pixels], view: CameraView, what: str) -> NDArray[np.float32]:
    """Mean light; raises :class:`InstrumentError` where ``what`` is seen moves."""
    pictures = [grey(view.light(codes)) for codes in frames]
    brightest = float(np.percentile(pictures[0], 99))
    if brightest < _LEAST_LIGHT:
        raise InstrumentError(
            f"the {what} is too dark: {brightest:.1%} of full scale, {_LEAST_LIGHT:.0%} are "
            "needed; light it, or expose longer"
        )
    change = cv2.blur(pictures[-1] - pictures[0], (5, 5))
    if float(np.std(change)) > _STILL_CHANGE * float(np.std(pictures[0]) + np.mean(pictures[0])):
        raise InstrumentError(f"the {what} moves: hold it still for a moment")
    return np.ascontiguousarray(np.mean(pictures, axis=0, dtype=np.float32))


def print_geometry(result: GeometryCalibration, console: Console) -> None:
    """Print the result for an operator."""
    by_board = result.method == "board"
    view, points = ("pose", "corners") if by_board else ("scene", "textured places")
    views = f"{view}s" if result.poses > 1 else view
    console.print(
        f"{result.poses} {views}, {result.corners} {points}, {result.outliers} left out; the views "
        f"are {'mirrored' if result.map.mirrored else 'not mirrored'}"
    )
    errors = ", ".join(f"{name} {p95:.3f}" for name, p95 in result.held_out_p95_px.items())
    console.print(
        f"{points} left out of the fit, px p95: {errors}; taken: {result.model} "
        f"(rms {result.held_out_rms_px:.3f} px)"
    )
    parallax = (
        f"{views} differ by {result.parallax_px:.3f} px (parallax)"
        if result.parallax_px is not None
        else "parallax unknown"
    )
    console.print(f"coverage {result.coverage:.0%}, {parallax}")
    console.print(f"verdict: {result.verdict}")
