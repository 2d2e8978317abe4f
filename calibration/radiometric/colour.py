"""Colour calibration: gain, offset and matrix from GS light to RSGR light, and flat fields.

Light is 1.0 at a camera's saturation. Aligned pairs need the GS camera's light as the RSGR
camera would have measured it in the exposure of its first row. So the matrix converts from
GS to RSGR.
"""

from dataclasses import dataclass
from typing import Annotated

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from calibration.robust_spread import robust_spread
from calibration.verdict import Findings, Verdict
from drivers.camera_settings import Region
from drivers.errors import InstrumentError

BLOCK_PX = 8
"""Side of the squares that are averaged, against noise and errors of a tenth of a pixel."""

SHADING_GRID = (8, 10)
"""Rows and columns of a flat field's coarse map."""

_LEAST_BLOCKS = 200
_EVEN = 1e-6
_LEAST_CORRELATION = 0.9
_GOOD_CORRELATION = 0.99
_ROUNDS = 5
_OUTLIER_DEVIATIONS = 4.0
_SMOOTHEST_SHARE = 0.5
"""Share of the squares used, those of least contrast: at edges misalignment disturbs."""
_RANGE_LIMITS = (0.25, 0.1)
"""Good and usable limit, as shares of full scale."""
_RESIDUAL_LIMITS_PERCENT = (1.0, 3.0)
_MOST_SPOILT = 0.05
"""Share of the panel's pixels that may be clipped: hot ones always are."""

_LEAST_OF_CELL = 0.5
_LEAST_PANEL = 0.02
_MOST_SHADING = 0.5


_MOST_CELLS = 1024
_MOST_PX = 1 << 16
_Px = Annotated[int, Field(ge=0, le=_MOST_PX)]
_Side = Annotated[int, Field(ge=1, le=_MOST_PX)]
_Share = Annotated[float, Field(gt=0, allow_inf_nan=False)]


def _check_rectangular(rows: tuple[tuple[float, ...], ...], most: int) -> None:
    widths = {len(row) for row in rows}
    if len(widths) != 1 or not 1 <= len(rows) <= most or not 1 <= widths.pop() <= most:
        raise ValueError(f"rows must be of one length, from 1 to {most} each way")


def _of_cells(map: tuple[tuple[float, ...], ...]) -> tuple[tuple[float, ...], ...]:
    _check_rectangular(map, _MOST_CELLS)
    return map


def _of_colours(matrix: tuple[tuple[float, ...], ...]) -> tuple[tuple[float, ...], ...]:
    _check_rectangular(matrix, 3)
    if (len(matrix), len(matrix[0])) not in ((1, 1), (3, 3)):
        raise ValueError(f"it is {len(matrix)} x {len(matrix[0])}; 1 x 1 or 3 x 3 can be")
    return matrix


class Shading(BaseModel):
    """Relative response of a camera over its field to an even panel; the mean is 1.

    ``map`` has :data:`SHADING_GRID` cells from the upper left of ``region_px``, the measured
    part of the sensor (left, top, width, height). It is interpolated between the cells'
    middles and constant beyond them. Pictures of any region of the same sensor can be
    flattened; a picture without a region is taken to be of ``region_px``.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    map: Annotated[tuple[tuple[_Share, ...], ...], AfterValidator(_of_cells)]
    region_px: tuple[_Px, _Px, _Side, _Side] | None = None

    def flatten(
        self, light: NDArray[np.float32], region: Region | None = None
    ) -> NDArray[np.float32]:
        """Light of ``region`` divided by the shading."""
        return np.asarray(light / self._field(light, region), np.float32)

    def shade(
        self, light: NDArray[np.float32], region: Region | None = None
    ) -> NDArray[np.float32]:
        """Light multiplied by the shading, the inverse of :meth:`flatten`."""
        return np.asarray(light * self._field(light, region), np.float32)

    def _field(self, light: NDArray[np.float32], region: Region | None) -> NDArray[np.float32]:
        rows, columns = light.shape[:2]
        left, top, width, height = self.region_px or (0, 0, columns, rows)
        if region is None or self.region_px is None:
            region = Region(left, top, columns, rows)
        coarse = np.array(self.map, np.float32)
        down = _weights(coarse.shape[0], height, region.offset_y_px - top, rows)
        along = _weights(coarse.shape[1], width, region.offset_x_px - left, columns)
        field = down @ coarse @ along.T
        return np.asarray(field[..., None] if light.ndim == 3 else field, np.float32)

    @property
    def range_percent(self) -> float:
        """Difference between the darkest and the brightest cell, in percent."""
        return 100.0 * float(np.ptp(np.array(self.map)))


class ColourCalibration(BaseModel):
    """Result of :func:`colour_calibration`.

    RSGR light = ``matrix`` @ GS light + ``offset``, both flattened if there are shadings.
    The matrix is one number for mono. ``gain`` is the factor for grey. The white balances are
    the factors for red, green and blue that make a grey panel grey, all 1 for mono.
    ``exposure_us`` and ``gs_exposure_us`` are the ExposureTime nodes of both cameras during the
    measurement; in files that do not tell the second it was equal. ``residual_percent`` is the
    root mean square misfit, relative to the brightest light. ``light_range`` is the (darkest,
    brightest) RSGR light in the fit.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    exposure_us: float
    gs_exposure_us: float | None = None
    matrix: Annotated[tuple[tuple[float, ...], ...], AfterValidator(_of_colours)]
    offset: tuple[float, ...]
    gain: float
    gain_error: float
    white_balance_rsgr: tuple[float, float, float]
    white_balance_gs: tuple[float, float, float]
    shading_rsgr: Shading | None
    shading_gs: Shading | None
    blocks: int
    light_range: tuple[float, float]
    correlation: float
    residual_percent: float
    verdict: Verdict

    @model_validator(mode="after")
    def _check_offset(self) -> "ColourCalibration":
        if len(self.offset) != len(self.matrix):
            raise ValueError(f"{len(self.offset)} offsets for {len(self.matrix)} colours")
        return self

    def match(self, gs_light: NDArray[np.float32]) -> NDArray[np.float32]:
        """GS light as the RSGR camera would have measured it; same shape, float32."""
        matrix, offset = np.array(self.matrix, np.float32), np.array(self.offset, np.float32)
        if gs_light.ndim == 2:
            return np.asarray(gs_light * matrix[0, 0] + offset[0], np.float32)
        return np.asarray(gs_light @ matrix.T + offset, np.float32)


@dataclass(frozen=True)
class PanelLight:
    """Mean light of an evenly lit grey panel in both cameras, row gain applied.

    Each in its own pixels, ``(rows, columns)`` or ``(rows, columns, 3)``. The regions are
    the parts of the sensors in the pictures, None where that does not matter. Pixels of the
    ``spoilt`` masks were clipped in a frame or changed, and are left out.
    """

    rsgr: NDArray[np.float32]
    gs: NDArray[np.float32]
    rsgr_region: Region | None = None
    gs_region: Region | None = None
    rsgr_spoilt: NDArray[np.bool_] | None = None
    gs_spoilt: NDArray[np.bool_] | None = None

    @property
    def shadings(self) -> tuple[Shading, Shading]:
        """Shadings of RSGR and GS.

        Raises :class:`InstrumentError` if the panel is clipped, dark or not even.
        """
        return (
            _named_shading("RSGR", self.rsgr, self.rsgr_region, self.rsgr_spoilt),
            _named_shading("GS", self.gs, self.gs_region, self.gs_spoilt),
        )


def _named_shading(
    name: str,
    panel: NDArray[np.float32],
    region: Region | None,
    spoilt: NDArray[np.bool_] | None,
) -> Shading:
    if spoilt is not None and spoilt.mean() > _MOST_SPOILT:
        raise InstrumentError(
            f"the panel is saturated or changes in {spoilt.mean():.0%} of the {name} picture, "
            f"limit {_MOST_SPOILT:.0%}; lower the exposure, dim the panel, use steady light, or "
            "leave the panel out (--no-panel)"
        )
    light = float(panel.mean())
    if light < _LEAST_PANEL:
        raise InstrumentError(
            f"the panel gives {light:.1%} of full scale in the {name} picture, {_LEAST_PANEL:.0%} "
            "are needed; take the lens cap off, light the panel, or leave it out (--no-panel)"
        )
    return shading_of(panel, region, None if spoilt is None else ~spoilt)


def _weights(cells: int, length_px: int, first_px: int, count: int) -> NDArray[np.float32]:
    """Linear interpolation weights ``(pixels, cells)``.

    ``cells`` lie along ``length_px``; there are ``count`` pixels from ``first_px``.
    """
    places = (np.arange(count) + first_px + 0.5) * cells / length_px - 0.5
    return np.column_stack(
        [np.interp(places, np.arange(cells), unit) for unit in np.eye(cells)]
    ).astype(np.float32)


def shading_of(
    panel: NDArray[np.float32],
    region: Region | None = None,
    usable: NDArray[np.bool_] | None = None,
) -> Shading:
    """The shading of a camera from an even panel's light in ``region`` of the sensor.

    Pixels where ``usable`` is False are left out. Raises :class:`InstrumentError` if the panel
    is not even, or a cell of the shading has no usable pixel.
    """
    grey = panel.mean(axis=2) if panel.ndim == 3 else panel
    weight = np.ones(grey.shape, np.float32) if usable is None else usable.astype(np.float32)
    rows, columns = SHADING_GRID
    lit, share = (
        cv2.resize(each, (columns, rows), interpolation=cv2.INTER_AREA).astype(np.float64)
        for each in (np.asarray(grey * weight, np.float32), weight)
    )
    if share.min() < _LEAST_OF_CELL:
        raise InstrumentError(
            "a part of the panel is saturated or changes wholly; lower the exposure, dim the "
            "panel, or leave it out (--no-panel)"
        )
    coarse = lit / share
    coarse /= coarse.mean()
    if np.ptp(coarse) > _MOST_SHADING:
        raise InstrumentError(
            f"the panel varies by {100 * np.ptp(coarse):.0f} % over the field, limit "
            f"{100 * _MOST_SHADING:.0f} %; light it evenly, or leave the panel out"
        )
    return Shading(
        map=tuple(tuple(float(value) for value in row) for row in coarse),
        region_px=None
        if region is None
        else (region.offset_x_px, region.offset_y_px, region.width_px, region.height_px),
    )


def white_balance_of(panel: NDArray[np.float32]) -> tuple[float, float, float]:
    """Factors that make a grey panel grey, green 1."""
    if panel.ndim == 2:
        return (1.0, 1.0, 1.0)
    means = panel.reshape(-1, 3).mean(axis=0, dtype=np.float64)
    red, green, blue = (float(value) for value in means)
    return (green / red, 1.0, green / blue)


def colour_calibration(
    rsgr: NDArray[np.float32],
    gs: NDArray[np.float32],
    usable: NDArray[np.bool_],
    exposure_us: float,
    panel: PanelLight | None = None,
    gs_exposure_us: float | None = None,
) -> ColourCalibration:
    """Fit GS light to RSGR light of one still scene; each is the mean of several frames.

    ``rsgr`` has row gain applied, ``gs`` is warped onto its pixels. Both are flattened by the
    shading of ``panel`` if there is one. ``usable``, ``(rows, columns)``, is True where both
    are valid and never clipped. Raises :class:`InstrumentError` if too little is usable or
    the two show different scenes.
    """
    shadings = (None, None) if panel is None else panel.shadings
    there, here = _blocks(gs, rsgr, usable)
    if min(float(there.std()), float(here.std())) < _EVEN:
        raise InstrumentError(
            "the scene is all of one brightness; light it, and show dark and bright things"
        )
    correlation = float(np.corrcoef(there.mean(axis=1), here.mean(axis=1))[0, 1])
    if not correlation >= _LEAST_CORRELATION:
        raise InstrumentError(
            f"the light of the two cameras is correlated by {correlation:.2f} only, limit "
            f"{_LEAST_CORRELATION}: they see different scenes, or the scene moves; hold it still "
            "and calibrate geometry first"
        )
    matrix, offset, kept = _fit(there, here)
    misfit = here[kept] - there[kept] @ matrix.T - offset
    bright = float(here.max())
    grey = there[kept].mean(axis=1)
    error = float(misfit.std() / np.sqrt(kept.sum()) / max(1e-9, grey.std()))
    residual_percent = 100.0 * float(np.sqrt(np.mean(misfit**2))) / bright
    light_range = (float(np.percentile(here, 1)), float(np.percentile(here, 99)))
    return ColourCalibration(
        exposure_us=exposure_us,
        gs_exposure_us=gs_exposure_us,
        matrix=tuple(tuple(float(value) for value in row) for row in matrix),
        offset=tuple(float(value) for value in offset),
        gain=float(matrix.sum(axis=1).mean()),
        gain_error=error,
        white_balance_rsgr=(1.0, 1.0, 1.0) if panel is None else white_balance_of(panel.rsgr),
        white_balance_gs=(1.0, 1.0, 1.0) if panel is None else white_balance_of(panel.gs),
        shading_rsgr=shadings[0],
        shading_gs=shadings[1],
        blocks=int(kept.sum()),
        light_range=light_range,
        correlation=correlation,
        residual_percent=residual_percent,
        verdict=_judge(light_range, correlation, residual_percent),
    )


def _blocks(
    gs: NDArray[np.float32], rsgr: NDArray[np.float32], usable: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean GS and RSGR light of wholly usable, smooth squares, ``(squares, channels)`` each."""
    rows, columns = (size // BLOCK_PX * BLOCK_PX for size in usable.shape)

    def squares(values: NDArray[np.float64]) -> NDArray[np.float64]:
        shape = (rows // BLOCK_PX, BLOCK_PX, columns // BLOCK_PX, BLOCK_PX, -1)
        return values[:rows, :columns].reshape(shape).swapaxes(1, 2)

    whole = squares(usable.astype(np.float64)).min(axis=(2, 3))[..., 0] > 0
    there, here = (squares(np.atleast_3d(light).astype(np.float64)) for light in (gs, rsgr))
    if int(whole.sum()) < _LEAST_BLOCKS:
        raise InstrumentError(
            f"{int(whole.sum())} squares of {BLOCK_PX} px are seen, still and unclipped in both "
            f"cameras, {_LEAST_BLOCKS} are needed; hold the scene still, lower the exposure, or "
            "show a larger region"
        )
    contrast = (there.std(axis=(2, 3)) / (there.mean(axis=(2, 3)) + 0.01)).mean(axis=-1)
    smooth = contrast <= np.quantile(contrast[whole], _SMOOTHEST_SHARE)
    chosen = whole & smooth
    return there.mean(axis=(2, 3))[chosen], here.mean(axis=(2, 3))[chosen]


def _fit(
    there: NDArray[np.float64], here: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_]]:
    """Matrix, offset and a mask of the squares that fit them; weighted for shot noise."""
    kept = np.ones(len(there), bool)
    # Shot noise: variance grows with light.
    weight = 1.0 / np.sqrt(np.maximum(here.mean(axis=1), 0.01))
    matrix, offset = np.eye(here.shape[1]), np.zeros(here.shape[1])
    for _ in range(_ROUNDS):
        terms = np.column_stack([there, np.ones(len(there))]) * weight[:, None]
        solution, *_ = np.linalg.lstsq(terms[kept], (here * weight[:, None])[kept], rcond=None)
        matrix, offset = solution[:-1].T, solution[-1]
        misfit = np.linalg.norm((here - there @ matrix.T - offset) * weight[:, None], axis=1)
        spread = robust_spread(misfit[kept])
        kept = misfit <= _OUTLIER_DEVIATIONS * max(spread, 1e-9)
    return matrix, offset, kept


def _judge(
    light_range: tuple[float, float], correlation: float, residual_percent: float
) -> Verdict:
    found = Findings()
    span = light_range[1] - light_range[0]
    found.limit(
        span,
        _RANGE_LIMITS,
        f"the scene spans {span:.0%} of full scale; show dark and bright things, or raise the "
        "exposure",
    )
    if correlation < _GOOD_CORRELATION:
        found.usable.append(
            f"the cameras' light is correlated by {correlation:.3f}: hold the scene still"
        )
    found.limit(
        residual_percent,
        _RESIDUAL_LIMITS_PERCENT,
        f"the light is matched within {residual_percent:.1f} %; calibrate dark and line-time "
        "again, and hold the scene still",
    )
    return found.verdict
