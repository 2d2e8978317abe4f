"""The map from RSGR pixels to GS pixels, and the warp of GS pictures along it.

Coordinates are those of whole sensors, with pixel centres at whole numbers. So one map
serves every region of interest of the two cameras.

See docs/physics.md, "Two cameras".
"""

from functools import lru_cache
from typing import Annotated

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, PositiveInt

from drivers.camera_settings import Region
from drivers.errors import InstrumentError

Points = NDArray[np.float64]
"""Shape ``(..., 2)``, order (x, y), in pixels."""

POLYNOMIAL_DEGREE = 4
_TERMS = (POLYNOMIAL_DEGREE + 1) * (POLYNOMIAL_DEGREE + 2) // 2
_Coefficients = Annotated[tuple[float, ...], Field(min_length=_TERMS, max_length=_TERMS)]
_TAPS_BEFORE, _TAPS_AFTER = 3, 4
"""Samples that the Lanczos-4 kernel uses before and after a position."""

_FARTHEST_PX = 1e6
_TOUCHED = 1e-3
"""Least share of a marked pixel in a resampled one that counts."""


class PixelMap(BaseModel):
    """The GS position of the scene point that an RSGR pixel shows.

    Coordinates are relative to each sensor's middle, in half diagonals. Steps, in order: undo
    the RSGR lens, ``p (1 + a1 r^2 + a2 r^4)`` with ``rsgr_radial``; ``homography``, row by
    row; the mirror of the splitter (left and right exchanged); the GS lens, the same form with
    ``gs_radial`` (Brown's radial terms). ``residual_px``, if not None, are the coefficients of
    a polynomial in the RSGR coordinates (x then y, see :func:`monomials`) added to the result:
    a smooth warp for what the lenses do not explain.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    rsgr_sensor_px: tuple[PositiveInt, PositiveInt]
    gs_sensor_px: tuple[PositiveInt, PositiveInt]
    mirrored: bool
    homography: Annotated[tuple[float, ...], Field(min_length=9, max_length=9)]
    rsgr_radial: tuple[float, float] = (0.0, 0.0)
    gs_radial: tuple[float, float] = (0.0, 0.0)
    residual_px: tuple[_Coefficients, _Coefficients] | None = None

    def to_gs(self, points_px: Points) -> Points:
        """GS pixels of RSGR pixels."""
        here = normalised(points_px, self.rsgr_sensor_px)
        straight = radially(here, self.rsgr_radial)
        matrix = np.reshape(self.homography, (3, 3))
        projected = straight @ matrix[:, :2].T + matrix[:, 2]
        there = radially(projected[..., :2] / projected[..., 2:], self.gs_radial)
        if self.mirrored:
            there = there * [-1.0, 1.0]
        seen = from_normalised(there, self.gs_sensor_px)
        if self.residual_px is not None:
            seen = seen + monomials(here) @ np.array(self.residual_px).T
        return np.asarray(seen)

    def gs_region(self, rsgr: Region) -> Region:
        """The GS region of the same size that shows most of the scene in ``rsgr``.

        It may reach beyond the sensor.
        """
        right, lower = rsgr.offset_x_px + rsgr.width_px - 1, rsgr.offset_y_px + rsgr.height_px - 1
        corners = [[x, y] for x in (rsgr.offset_x_px, right) for y in (rsgr.offset_y_px, lower)]
        seen = self.to_gs(np.array(corners, np.float64))
        if not np.all(np.abs(seen) < _FARTHEST_PX):
            raise InstrumentError(
                "its geometry takes the RSGR picture nowhere near the GS sensor; run ngs "
                "calibrate geometry again"
            )
        middle = (seen.min(axis=0) + seen.max(axis=0)) / 2
        left = round(float(middle[0]) - (rsgr.width_px - 1) / 2)
        top = round(float(middle[1]) - (rsgr.height_px - 1) / 2)
        return Region(left, top, rsgr.width_px, rsgr.height_px)

    def tables(self, rsgr: Region, gs: Region) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """x and y in the GS picture for each RSGR pixel, for ``cv2.remap``.

        ``rsgr`` and ``gs`` are the regions of the two pictures. The last results are cached.
        """
        return _tables(self, rsgr, gs)

    def warp_to_rsgr(
        self, picture: NDArray[np.float32], rsgr: Region, gs: Region
    ) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """The GS picture resampled on the RSGR picture's pixels, and where it is valid.

        Resampled once, by Lanczos-4. ``picture`` is linear light of the region ``gs``,
        float32, ``(rows, columns)`` or ``(rows, columns, 3)``. The result is 0 where it is
        not valid.
        """
        x, y = self.tables(rsgr, gs)
        warped = cv2.remap(picture, x, y, cv2.INTER_LANCZOS4, borderMode=cv2.BORDER_REPLICATE)
        valid = (
            (x >= _TAPS_BEFORE)
            & (x <= gs.width_px - 1 - _TAPS_AFTER)
            & (y >= _TAPS_BEFORE)
            & (y <= gs.height_px - 1 - _TAPS_AFTER)
        )
        warped[~valid] = 0.0
        return np.asarray(warped, np.float32), valid

    def touched(self, marked: NDArray[np.bool_], rsgr: Region, gs: Region) -> NDArray[np.bool_]:
        """Which pixels of :meth:`warp_to_rsgr` contain light of ``marked`` GS pixels."""
        share, _ = self.warp_to_rsgr(marked.astype(np.float32), rsgr, gs)
        return np.asarray(np.abs(share) > _TOUCHED)


@lru_cache(maxsize=4)
def _tables(
    pixel_map: PixelMap, rsgr: Region, gs: Region
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    x, y = np.meshgrid(
        np.arange(rsgr.width_px) + float(rsgr.offset_x_px),
        np.arange(rsgr.height_px) + float(rsgr.offset_y_px),
    )
    seen = pixel_map.to_gs(np.stack([x, y], axis=-1)) - [gs.offset_x_px, gs.offset_y_px]
    return (
        np.ascontiguousarray(seen[..., 0], np.float32),
        np.ascontiguousarray(seen[..., 1], np.float32),
    )


def normalised(points_px: Points, sensor_px: tuple[int, int]) -> Points:
    """Coordinates relative to the sensor's middle, in half diagonals."""
    middle, half_diagonal_px = _frame(sensor_px)
    return np.asarray((np.asarray(points_px, np.float64) - middle) / half_diagonal_px)


def from_normalised(points: Points, sensor_px: tuple[int, int]) -> Points:
    """Pixels of coordinates made by :func:`normalised`."""
    middle, half_diagonal_px = _frame(sensor_px)
    return np.asarray(middle + points * half_diagonal_px)


def _frame(sensor_px: tuple[int, int]) -> tuple[NDArray[np.float64], float]:
    columns, rows = sensor_px
    return np.array([(columns - 1) / 2, (rows - 1) / 2]), float(np.hypot(columns, rows) / 2)


def radially(points: Points, terms: tuple[float, float]) -> Points:
    """``p (1 + a1 r^2 + a2 r^4)``."""
    squared = np.sum(points**2, axis=-1, keepdims=True)
    return np.asarray(points * (1.0 + terms[0] * squared + terms[1] * squared**2))


def monomials(points: Points) -> NDArray[np.float64]:
    """1, x, y, x^2, xy, y^2 ... up to :data:`POLYNOMIAL_DEGREE`, shape ``(..., terms)``."""
    x, y = points[..., 0], points[..., 1]
    return np.stack(
        [
            x ** (degree - power) * y**power
            for degree in range(POLYNOMIAL_DEGREE + 1)
            for power in range(degree + 1)
        ],
        axis=-1,
    )
