"""Boards drawn at known places are found there, and pictures without one are refused."""

import re
from collections.abc import Callable
from functools import lru_cache

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from calibration.geometric.board_detection import (
    CHECKERBOARD_ROW,
    BoardKind,
    BoardSpec,
    FoundBoard,
    find_board,
)
from drivers.errors import InstrumentError

CHARUCO = BoardSpec(squares_x=9, squares_y=7)
CHECKERBOARD = BoardSpec(kind=BoardKind.CHECKERBOARD, squares_x=9, squares_y=6)
COLUMNS, ROWS = 640, 480
SQUARE_PX = 48
SAMPLES = 4
INK, PAPER, BACKGROUND = 0.04, 0.7, 0.3

Picture = NDArray[np.float32]


def pose(turned_degrees: float = 8.0, scale: float = 1.0) -> NDArray[np.float64]:
    """From squares to pixels: about the picture's middle, and seen a little from the side."""
    angle = np.radians(turned_degrees)
    cosine, sine = (scale * SQUARE_PX * each for each in (np.cos(angle), np.sin(angle)))
    return np.array(
        [[cosine, -sine, COLUMNS / 2], [sine, cosine, ROWS / 2], [0.012, -0.008, 1.0]]
    ) @ np.array([[1, 0, -4.5], [0, 1, -3.0], [0, 0, 1.0]])


@lru_cache
def printed(board: BoardSpec, *, legacy: bool = False) -> Picture:
    side = SQUARE_PX * SAMPLES
    if board.kind is BoardKind.CHECKERBOARD:
        row, column = np.indices((board.squares_y * side, board.squares_x * side)) // side
        white = (row + column) % 2 == 0
    else:
        dictionary = cv2.aruco.getPredefinedDictionary(getattr(cv2.aruco, board.dictionary))
        shape = (board.squares_x, board.squares_y)
        drawn = cv2.aruco.CharucoBoard(shape, 1.0, board.marker_share, dictionary)
        drawn.setLegacyPattern(legacy)
        white = drawn.generateImage((shape[0] * side, shape[1] * side), marginSize=0) > 127
    return np.where(white, np.float32(PAPER), np.float32(INK))


def picture_of(board: BoardSpec, placed: NDArray[np.float64], *, legacy: bool = False) -> Picture:
    """The board as a camera whose pixels are squares sees it, with noise."""
    # The middle of pixel 0 is at 0, of sample s of a pixel at (s + 0.5) / SAMPLES - 0.5.
    from_print = np.diag([1 / (SQUARE_PX * SAMPLES)] * 2 + [1.0])
    from_print[:2, 2] = 0.5 / (SQUARE_PX * SAMPLES)
    to_samples = np.diag([SAMPLES, SAMPLES, 1.0])
    to_samples[:2, 2] = SAMPLES * 0.5 - 0.5
    fine = cv2.warpPerspective(
        printed(board, legacy=legacy),
        to_samples @ placed @ from_print,
        (COLUMNS * SAMPLES, ROWS * SAMPLES),
        borderValue=BACKGROUND,
    )
    seen = cv2.resize(fine, (COLUMNS, ROWS), interpolation=cv2.INTER_AREA)
    noise = np.random.default_rng(4).normal(0.0, 0.004, seen.shape)
    return (seen + noise).astype(np.float32)


def true_corners(board: BoardSpec, placed: NDArray[np.float64]) -> NDArray[np.float64]:
    """Inner corners row by row, ``(rows, columns, 2)``."""
    x, y = np.meshgrid(np.arange(1.0, board.squares_x), np.arange(1.0, board.squares_y))
    projected = np.stack([x, y, np.ones_like(x)], axis=-1) @ placed.T
    return np.asarray(projected[..., :2] / projected[..., 2:])


def check_places(found: FoundBoard, true: NDArray[np.float64]) -> None:
    """Against the corners by number, ``(corners, 2)``: no bias, and each within its noise."""
    errors = np.array([corner - true[number] for number, corner in found.corners_px.items()])
    assert np.abs(errors.mean(axis=0)).max() < 0.03
    assert np.abs(errors).max() < 0.15


def refused(picture: Picture, board: BoardSpec) -> str:
    with pytest.raises(InstrumentError) as error:
        find_board(picture, board, 1.0)
    assert "\n" not in str(error.value)
    return str(error.value)


@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize(
    "turned_degrees", [-30.0, 8.0, pytest.param(178.0, marks=pytest.mark.whole)]
)
def test_charuco_corners_have_names_even_in_a_mirror(mirrored: bool, turned_degrees: float) -> None:
    placed = pose(turned_degrees)
    picture, true = picture_of(CHARUCO, placed), true_corners(CHARUCO, placed).reshape(-1, 2)
    if mirrored:
        picture, true = picture[:, ::-1].copy(), [COLUMNS - 1, 0] + true * [-1, 1]
    found = find_board(picture, CHARUCO, 1.0)
    assert found.mirrored is mirrored
    assert len(found.corners_px) > 0.9 * len(true)
    check_places(found, true)


def test_what_is_seen_of_a_charuco_board_is_enough() -> None:
    placed = pose()
    picture = picture_of(CHARUCO, placed)
    picture[:, :300] = BACKGROUND
    found = find_board(picture, CHARUCO, 1.0)
    assert 12 <= len(found.corners_px) < 36
    check_places(found, true_corners(CHARUCO, placed).reshape(-1, 2))


@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("turned_degrees", [-30.0, 8.0, 178.0])
def test_checkerboard_corners_count_from_the_pictures_upper_left(
    mirrored: bool, turned_degrees: float
) -> None:
    placed = pose(turned_degrees)
    picture, true = picture_of(CHECKERBOARD, placed), true_corners(CHECKERBOARD, placed)
    if turned_degrees > 90:
        true = true[::-1, ::-1]
    if mirrored:
        picture, true = picture[:, ::-1].copy(), ([COLUMNS - 1, 0] + true * [-1, 1])[:, ::-1]
    found = find_board(picture, CHECKERBOARD, 1.0)
    assert found.mirrored is None
    rows, columns = true.shape[:2]
    numbers = [r * CHECKERBOARD_ROW + c for r in range(rows) for c in range(columns)]
    assert list(found.corners_px) == numbers
    by_place = FoundBoard(dict(enumerate(found.corners_px.values())), None)
    check_places(by_place, true.reshape(-1, 2))


def test_a_tenth_of_the_light_will_do() -> None:
    placed = pose()
    found = find_board(picture_of(CHARUCO, placed) * np.float32(0.1), CHARUCO, 1.0)
    check_places(found, true_corners(CHARUCO, placed).reshape(-1, 2))


@pytest.mark.parametrize("mirrored", [False, True])
def test_boards_of_older_programs_are_found_too(mirrored: bool) -> None:
    """Of even rows, boards began with a marker up to OpenCV 4.5."""
    board = BoardSpec(squares_x=9, squares_y=6, dictionary="DICT_4X4_50", marker_share=0.75)
    placed = pose()
    picture, true = picture_of(board, placed, legacy=True), true_corners(board, placed)
    if mirrored:
        picture, true = picture[:, ::-1].copy(), [COLUMNS - 1, 0] + true * [-1, 1]
    found = find_board(picture, board, 1.0)
    assert found.mirrored is mirrored
    assert len(found.corners_px) > 0.9 * 40
    check_places(found, true.reshape(-1, 2))


@pytest.mark.parametrize(
    ("asked", "reason"),
    [
        (BoardSpec(squares_x=12, squares_y=8), "but not where a board of 12 x 8 squares has them"),
        (BoardSpec(squares_x=9, squares_y=7, dictionary="DICT_4X4_50"), "check the dictionary"),
    ],
)
def test_another_board_than_the_one_asked_for_is_told(asked: BoardSpec, reason: str) -> None:
    assert reason in refused(picture_of(CHARUCO, pose()), asked)


@pytest.mark.parametrize("board", [CHARUCO, CHECKERBOARD], ids=lambda board: str(board.kind))
@pytest.mark.parametrize(
    ("spoiled", "reason"),
    [
        (lambda picture: np.minimum(picture * 2, 1.0), "the board is saturated; lower the exp"),
        (lambda picture: picture * np.float32(0.02), "too dark to find the board; raise the exp"),
        (lambda picture: cv2.blur(picture, (61, 61)), "board not found"),
        (lambda picture: np.full_like(picture, 0.5), "board not found"),
    ],
    ids=["saturated", "dark", "blurred", "no board"],
)
def test_pictures_without_a_board_are_refused_with_the_remedy(
    board: BoardSpec, spoiled: Callable[[Picture], Picture], reason: str
) -> None:
    picture = np.asarray(spoiled(picture_of(board, pose())), np.float32)
    assert refused(picture, board).startswith(reason)


def test_refusals_say_how_much_of_the_board_is_needed() -> None:
    corner = picture_of(CHARUCO, pose())
    corner[:, 220:] = BACKGROUND
    assert re.match(
        r"board not found: \d of its corners seen, 12 are needed;", refused(corner, CHARUCO)
    )
    cut = picture_of(CHECKERBOARD, pose())
    cut[:, :300] = BACKGROUND
    text = refused(cut, CHECKERBOARD)
    assert "a checkerboard must be seen whole, with 8 x 5 inner corners" in text
    assert "check --board" in text


def test_movement_is_that_of_the_corners_both_pictures_show() -> None:
    placed = pose()
    still = find_board(picture_of(CHARUCO, placed), CHARUCO, 1.0)
    moved = np.array([[1, 0, 1.5], [0, 1, -2.0], [0, 0, 1.0]]) @ placed
    later = picture_of(CHARUCO, moved)
    later[:, :300] = BACKGROUND
    found = find_board(later, CHARUCO, 1.0)
    assert still.movement_px(still) == 0.0
    assert still.movement_px(found) == pytest.approx(2.5, abs=0.05)
    assert still.movement_px(FoundBoard({}, False)) == float("inf")
