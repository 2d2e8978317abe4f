"""Detection of a calibration board (ChArUco or checkerboard) in a picture."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from drivers.errors import InstrumentError

_LEAST_CORNERS = 12
_MANY_MARKERS = 6
"""So many are no chance: a board is there, if perhaps another one."""
_CLIPPED_SHARE = 0.05
_SUBPIXEL_SHARE = 0.7
"""Half side of the corner search window, as a share of the distance to the next edge."""
_SUBPIXEL_PX = (2, 9)
_SUBPIXEL_END = (cv2.TERM_CRITERIA_EPS + cv2.TERM_CRITERIA_COUNT, 60, 1e-4)
CHECKERBOARD_ROW = 1000
"""Corner number of a checkerboard: ``row * CHECKERBOARD_ROW + column`` from the upper left."""


class BoardKind(StrEnum):
    """What is printed on the board."""

    CHARUCO = "charuco"
    CHECKERBOARD = "checkerboard"


def _known_dictionary(name: str) -> str:
    known = [each for each in dir(cv2.aruco) if each.startswith("DICT_")]
    if name not in known:
        raise ValueError(f"dictionary {name!r} is none of {', '.join(known)}")
    return name


class BoardSpec(BaseModel):
    """What is printed on a board; ``squares_x`` and ``squares_y`` count all squares of a side.

    The default is the board of the virtual rig. ``marker_share`` is marker side / square
    side. Sizes in mm are not needed: the corners are only matched between two cameras. A
    ChArUco board may have the pattern of OpenCV up to 4.5, where boards of even rows begin with
    a marker: both are looked for.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: BoardKind = BoardKind.CHARUCO
    squares_x: int = Field(default=26, ge=3)
    squares_y: int = Field(default=20, ge=3)
    marker_share: float = Field(default=0.72, gt=0.1, lt=1)
    dictionary: Annotated[str, AfterValidator(_known_dictionary)] = "DICT_5X5_1000"


@dataclass(frozen=True)
class FoundBoard:
    """Corners found in a picture; ``corners_px`` by corner number, (x, y).

    ``mirrored``: the picture shows the board mirrored. It is None for a checkerboard, whose
    corners carry no number: they are counted by :data:`CHECKERBOARD_ROW` from the upper left
    of the picture, whichever corner of the board that is.
    """

    corners_px: dict[int, NDArray[np.float64]]
    mirrored: bool | None

    def movement_px(self, other: "FoundBoard") -> float:
        """Mean distance of the corners found in both pictures; infinite if there is none."""
        both = self.corners_px.keys() & other.corners_px.keys()
        if not both:
            return float("inf")
        steps = [np.linalg.norm(self.corners_px[n] - other.corners_px[n]) for n in both]
        return float(np.mean(steps))


def find_board(picture: NDArray[np.float32], board: BoardSpec, full_scale: float) -> FoundBoard:
    """Find the board in one picture of linear light; all rows must have the same exposure.

    ``picture``: ``(rows, columns)``; ``full_scale`` is its saturated value. Raises
    :class:`InstrumentError` with the reason if the board is not found.
    """
    if float(np.mean(picture >= 0.995 * full_scale)) > _CLIPPED_SHARE:
        raise InstrumentError(
            "the board is saturated; lower the exposure or the light until white is below full "
            "scale"
        )
    bright = float(np.percentile(picture, 98))
    if bright < 0.02 * full_scale:
        raise InstrumentError("too dark to find the board; raise the exposure or the light")
    # Markers need contrast: stretch the picture to 8 bit.
    screen = np.clip(picture * (235.0 / bright), 0, 255).astype(np.uint8)
    if board.kind is BoardKind.CHECKERBOARD:
        return _checkerboard(picture, screen, board)
    patterns = (False, True) if board.squares_y % 2 == 0 else (False,)
    found, markers = max(
        (
            _charuco(picture, screen, board, legacy=legacy, mirrored=mirrored)
            for legacy in patterns
            for mirrored in (False, True)
        ),
        key=lambda each: (len(each[0].corners_px), each[1]),
    )
    if len(found.corners_px) >= _LEAST_CORNERS:
        return found
    if not found.corners_px and markers >= _MANY_MARKERS:
        raise InstrumentError(
            f"{markers} markers of {board.dictionary} are seen, but not where a board of "
            f"{board.squares_x} x {board.squares_y} squares has them; check --board"
        )
    if markers < _MANY_MARKERS:
        raise InstrumentError(
            f"board not found: {markers} markers of {board.dictionary} seen; show more of it, "
            "sharp and evenly lit, and check the dictionary of --board"
        )
    raise InstrumentError(
        f"board not found: {len(found.corners_px)} of its corners seen, {_LEAST_CORNERS} are "
        "needed; show more of it, sharp and evenly lit, and check --board"
    )


def printed_board(board: BoardSpec, *, legacy: bool = False) -> cv2.aruco.CharucoBoard:
    """A ChArUco board as OpenCV knows it; its squares have the side 1.

    Raises :class:`InstrumentError` where its dictionary has too few markers.
    """
    dictionary = cv2.aruco.getPredefinedDictionary(getattr(cv2.aruco, board.dictionary))
    size, most = (board.squares_x, board.squares_y), len(dictionary.bytesList)
    if board.squares_x * board.squares_y // 2 > most:
        raise InstrumentError(
            f"{board.dictionary} has {most} markers, too few for {size[0]} x {size[1]} squares; "
            "give --board with a larger dictionary or fewer squares"
        )
    printed = cv2.aruco.CharucoBoard(size, 1.0, board.marker_share, dictionary)
    printed.setLegacyPattern(legacy)
    return printed


def _charuco(
    picture: NDArray[np.float32],
    screen: NDArray[np.uint8],
    board: BoardSpec,
    *,
    legacy: bool,
    mirrored: bool,
) -> tuple[FoundBoard, int]:
    """Corners of a ChArUco board, and how many markers were seen.

    A mirrored picture is flipped first, to read the markers.
    """
    looked_at = np.ascontiguousarray(screen[:, ::-1]) if mirrored else screen
    detector = cv2.aruco.CharucoDetector(printed_board(board, legacy=legacy))
    corners, numbers, _, markers = detector.detectBoard(looked_at)
    seen = 0 if markers is None else len(markers)
    if corners is None or numbers is None or len(numbers) == 0:
        return FoundBoard({}, mirrored), seen
    points = np.asarray(corners, np.float64).reshape(-1, 2)
    labels = np.ravel(numbers).astype(int)
    if mirrored:
        points[:, 0] = picture.shape[1] - 1 - points[:, 0]
    side_px = _side_px(dict(zip(labels.tolist(), points, strict=True)), board.squares_x - 1)
    refined = _refined(picture, points, side_px * (1 - board.marker_share) / 2)
    return FoundBoard(dict(zip(labels.tolist(), refined, strict=True)), mirrored), seen


def _checkerboard(
    picture: NDArray[np.float32], screen: NDArray[np.uint8], board: BoardSpec
) -> FoundBoard:
    inner = (board.squares_x - 1, board.squares_y - 1)
    seen, corners = cv2.findChessboardCornersSB(screen, inner)
    if not seen:
        raise InstrumentError(
            f"board not found: a checkerboard must be seen whole, with {inner[0]} x {inner[1]} "
            "inner corners; move it back, light it evenly, and check --board"
        )
    points = np.asarray(corners, np.float64).reshape(-1, 2)
    # OpenCV may start at any corner: count from the picture's upper left.
    grid = points.reshape(inner[1], inner[0], 2)
    if grid[0, 0, 1] > grid[-1, 0, 1]:
        grid = grid[::-1]
    if grid[0, 0, 0] > grid[0, -1, 0]:
        grid = grid[:, ::-1]
    points = grid.reshape(-1, 2)
    refined = _refined(picture, points, _side_px(dict(enumerate(points)), inner[0]) / 2)
    numbers = [r * CHECKERBOARD_ROW + c for r in range(inner[1]) for c in range(inner[0])]
    return FoundBoard(dict(zip(numbers, refined, strict=True)), None)


def _side_px(corners_px: dict[int, NDArray[np.float64]], columns: int) -> float:
    """Median side of a square, from corners with consecutive numbers in one row."""
    sides = [
        float(np.linalg.norm(corners_px[number + 1] - corner))
        for number, corner in corners_px.items()
        if (number + 1) % columns and number + 1 in corners_px
    ]
    return float(np.median(sides)) if sides else 0.0


def _refined(
    picture: NDArray[np.float32], points: NDArray[np.float64], clear_px: float
) -> NDArray[np.float64]:
    """Corners to a fraction of a pixel; nothing else is printed within ``clear_px`` of them."""
    half = int(np.clip(round(_SUBPIXEL_SHARE * clear_px), *_SUBPIXEL_PX))
    corners = points.astype(np.float32).reshape(-1, 1, 2)
    cv2.cornerSubPix(picture, corners, (half, half), (-1, -1), _SUBPIXEL_END)
    return corners.reshape(-1, 2).astype(np.float64)
