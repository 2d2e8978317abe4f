"""Scores a restorer by fiducial markers: how many are found, and their corner errors.

Markers are ArUco (Garrido-Jurado et al., Pattern Recognition 47(6), 2014).
"""

import math
from dataclasses import dataclass
from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

MARKER_DICTIONARY = "DICT_4X4_100"
"""By its name in ``cv2.aruco``: the virtual rig's; holds the 50 of ``DICT_4X4_50`` too."""

Markers: TypeAlias = dict[int, NDArray[np.float32]]
"""Corners by marker number: ``(4, 2)``, x and y in pixels, clockwise from the marker's top left."""

_REACH_SIDES = 0.5
"""A marker found further off than this share of its side is another thing mistaken for it."""


def detect_markers(screen: NDArray[np.uint8]) -> Markers:
    """Markers in an 8 bit grey picture, with sub-pixel corners; numbers seen twice are left out."""
    parameters = cv2.aruco.DetectorParameters()
    parameters.cornerRefinementMethod = cv2.aruco.CORNER_REFINE_SUBPIX
    dictionary = cv2.aruco.getPredefinedDictionary(getattr(cv2.aruco, MARKER_DICTIONARY))
    corners, numbers, _ = cv2.aruco.ArucoDetector(dictionary, parameters).detectMarkers(screen)
    if numbers is None:
        return {}
    flat = [int(number) for number in np.ravel(numbers)]
    return {
        number: np.asarray(quad, np.float32).reshape(4, 2)
        for number, quad in zip(flat, corners, strict=True)
        if flat.count(number) == 1
    }


def corner_errors_px(found: Markers, truth: Markers) -> dict[int, float]:
    """Root mean square corner distance of every true marker that was found.

    A marker further off than half its side does not count as found.

    >>> square = np.array([[0, 0], [10, 0], [10, 10], [0, 10]], np.float32)
    >>> corner_errors_px({3: square + [3, 4], 5: square}, {3: square, 4: square})
    {3: 5.0}
    >>> corner_errors_px({3: square + [6, 8]}, {3: square})
    {}
    """
    errors = {}
    for number in found.keys() & truth.keys():
        distances = np.linalg.norm(found[number] - truth[number], axis=1)
        error = math.sqrt(float(np.mean(np.square(distances, dtype=np.float64))))
        side = float(np.linalg.norm(truth[number][1] - truth[number][0]))
        if error <= _REACH_SIDES * side:
            errors[number] = error
    return errors


@dataclass(frozen=True, slots=True)
class MarkerScore:
    """``found``: share of the markers detectable in GS; ``corner_error_px``: mean over those found.

    A restorer that also finds the hard markers is not favoured by the second
    figure: ``corner_error_change_px`` compares with row gain on the markers
    that both found, negative = nearer to GS.
    """

    found: float | None
    corner_error_px: float | None
    corner_error_change_px: float | None


def score_markers(
    errors: list[dict[int, float]], row_gain_errors: list[dict[int, float]], in_truth: int
) -> MarkerScore:
    """Score :func:`corner_errors_px` of all frames, given in the same order for both.

    >>> score_markers([{1: 0.25}, {1: 0.75}], [{1: 0.5}, {}], in_truth=4)
    MarkerScore(found=0.5, corner_error_px=0.5, corner_error_change_px=-0.25)
    """
    own = [error for frame in errors for error in frame.values()]
    changes = [
        frame[number] - reference[number]
        for frame, reference in zip(errors, row_gain_errors, strict=True)
        for number in frame.keys() & reference.keys()
    ]
    return MarkerScore(
        found=len(own) / in_truth if in_truth else None,
        corner_error_px=_mean(own),
        corner_error_change_px=_mean(changes),
    )


def _mean(values: list[float]) -> float | None:
    return sum(values) / len(values) if values else None
