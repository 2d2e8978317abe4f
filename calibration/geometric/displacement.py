"""Displacements between two pictures, cell by cell, to hundredths of a pixel.

First estimates come from reduced pictures: phase correlation of the whole picture, and
dense inverse search (Kroeger et al., ECCV 2016). Gauss-Newton steps on the light (Lucas and
Kanade, 1981) refine them; gain and offset of the light are fitted too.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.float32]
Numbers = NDArray[np.float64]

_CELL_PX = 48
_MOST_CELLS = (10, 8)
"""Rows and columns of cells on a large picture: more cost time and add no accuracy."""

_SEARCH_COLUMNS = 360
_SMOOTHING_PX = 1.0
"""Below it interpolation between pixels is biased towards whole ones."""

_STEPS = 6
_LARGEST_STEP_PX = 2.0
_PLACES_PER_PX = 32
_LEAST_LIKENESS = 0.8
"""Share of a cell's contrast that its match has to explain."""


@dataclass(frozen=True, slots=True)
class Displacement:
    """Displacement of ``other`` against ``reference``, per cell.

    ``shift_px`` is ``(cells, 2)``, order (x, y): other(p + shift) = reference(p).
    ``information`` is its inverse covariance, ``(cells, 2, 2)``, in 1 / px^2, zero where a
    cell was not found again. ``texture`` is the weight of each row of a cell in the fit of x
    and y, ``(cells, side, 2)``.
    """

    shift_px: Numbers
    information: Numbers
    texture: Numbers


@dataclass(frozen=True, slots=True)
class Cells:
    """Square patches spread over a picture; ``x`` and ``y`` are ``(cells, side, side)``."""

    x: Picture
    y: Picture

    @classmethod
    def over(cls, rows: int, columns: int) -> "Cells":
        """As many cells as fit, at most :data:`_MOST_CELLS`, spread evenly."""
        side = min(_CELL_PX, rows // 2, columns // 2)
        starts = [
            np.linspace(0, size - side, max(1, min(most, size // side))).round()
            for size, most in zip((rows, columns), _MOST_CELLS, strict=True)
        ]
        top, left = (grid.reshape(-1, 1, 1) for grid in np.meshgrid(*starts, indexing="ij"))
        offset = np.arange(side, dtype=np.float32)
        shape = (top.size, side, side)
        return cls(
            np.broadcast_to(left + offset, shape).astype(np.float32),
            np.broadcast_to(top + offset[:, None], shape).astype(np.float32),
        )

    def sample(self, picture: Picture, shift_px: Numbers | None = None) -> Numbers:
        """Values of the picture in the displaced cells, ``(cells, side * side)``."""
        count, side, _ = self.x.shape
        x, y = self.x, self.y
        if shift_px is not None:
            x, y = (
                (places + shift_px[:, axis, None, None]).astype(np.float32)
                for axis, places in enumerate((self.x, self.y))
            )
        # Linear: OpenCV's cubic and Lanczos kernels shift the picture by up to 0.04 px.
        seen = cv2.remap(
            picture,
            x.reshape(-1, side),
            y.reshape(-1, side),
            cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_REPLICATE,
        )
        return np.asarray(seen, np.float64).reshape(count, -1)

    def inside(self, shift_px: Numbers, rows: int, columns: int) -> NDArray[np.bool_]:
        """Which pixels of the cells stay in the picture when displaced."""
        x = self.x + shift_px[:, 0, None, None]
        y = self.y + shift_px[:, 1, None, None]
        inside = (x >= 2) & (x <= columns - 3) & (y >= 2) & (y <= rows - 3)
        return np.asarray(inside.reshape(len(x), -1))


def displacement(
    reference: Picture, other: Picture, cells: Cells, usable: NDArray[np.bool_] | None = None
) -> Displacement:
    """Displacement of the cells of ``reference`` in ``other``; both light, ``(rows, columns)``.

    Pixels of either picture where ``usable`` is False are left out.
    """
    pictures = _Pictures.of(reference, other, usable)
    everywhere, each = _searches(reference, other, cells)
    found, unlike = _refine(pictures, cells, each)
    # Poor matches are tried again from the displacement of the whole picture.
    doubtful = unlike > 0.5 * (1 - _LEAST_LIKENESS)
    if doubtful.any():
        part = Cells(cells.x[doubtful], cells.y[doubtful])
        again, unlike_again = _refine(pictures, part, everywhere[doubtful])
        better = np.flatnonzero(doubtful)[unlike_again < unlike[doubtful]]
        chosen = unlike_again < unlike[doubtful]
        found.shift_px[better] = again.shift_px[chosen]
        found.information[better] = again.information[chosen]
        found.texture[better] = again.texture[chosen]
    return found


@dataclass(frozen=True, slots=True)
class _Pictures:
    """Smoothed pictures, the reference's slopes, and the usable pixels as 0 and 1."""

    reference: Picture
    slopes: tuple[Picture, Picture]
    other: Picture
    usable: Picture

    @classmethod
    def of(
        cls, reference: Picture, other: Picture, usable: NDArray[np.bool_] | None
    ) -> "_Pictures":
        here, there = (
            np.asarray(cv2.GaussianBlur(each, (0, 0), _SMOOTHING_PX), np.float32)
            for each in (reference, other)
        )
        along_x, along_y = (
            np.asarray(cv2.Sobel(here, cv2.CV_32F, dx, dy, None, 3, 1 / 8), np.float32)
            for dx, dy in ((1, 0), (0, 1))
        )
        mask = np.ones(here.shape, np.float32) if usable is None else usable.astype(np.float32)
        return cls(here, (along_x, along_y), there, mask)


def _refine(pictures: _Pictures, cells: Cells, shift: Numbers) -> tuple[Displacement, Numbers]:
    """Displacement refined by Gauss-Newton steps, and the share of contrast left unexplained."""
    rows, columns = pictures.reference.shape
    template = cells.sample(pictures.reference)
    slopes = [cells.sample(slope) for slope in pictures.slopes]
    # Displacement, gain and offset of the light together.
    basis = np.stack([*slopes, template, np.ones_like(template)], axis=1)
    known = cells.sample(pictures.usable) > 0.99
    for _ in range(_STEPS):
        # cv2.remap rounds to 1/32 px: sample at such positions, one small step adds the rest.
        shift = np.rint(shift * _PLACES_PER_PX) / _PLACES_PER_PX
        weight = known & cells.inside(shift, rows, columns)
        weight &= cells.sample(pictures.usable, shift) > 0.99
        misfit = cells.sample(pictures.other, shift) - template
        weighted = basis * weight[:, None, :]
        normal = weighted @ basis.swapaxes(1, 2)
        size = np.trace(normal, axis1=1, axis2=2)[:, None, None]
        normal += (1e-9 * size + 1e-12) * np.eye(4)
        step = np.linalg.solve(normal, weighted @ misfit[..., None])[..., 0]
        shift = shift - np.clip(step[:, :2], -_LARGEST_STEP_PX, _LARGEST_STEP_PX)
    left = misfit - (step[:, None, :] @ basis)[:, 0]
    information, unlike = _judge(template, left, normal, weight)
    information[np.abs(step[:, :2]).max(axis=1) > 0.1] = 0.0
    side = cells.x.shape[1]
    texture = (weighted[:, :2] * basis[:, :2]).reshape(-1, 2, side, side).sum(axis=3)
    return Displacement(shift, information, np.ascontiguousarray(texture.swapaxes(1, 2))), unlike


def _judge(
    template: Numbers, left: Numbers, normal: Numbers, weight: NDArray[np.bool_]
) -> tuple[Numbers, Numbers]:
    """Inverse covariance of the displacement, and the share of contrast left unexplained.

    Gain and offset of the light are eliminated from it.
    """
    count = weight.sum(axis=1)
    share = weight / np.maximum(count, 1)[:, None]
    variance = np.sum(share * left**2, axis=1) + 1e-12
    contrast = np.sum(share * template**2, axis=1) - np.sum(share * template, axis=1) ** 2
    enough = count > 0.5 * weight.shape[1]
    unlike = np.where(enough, variance / np.maximum(contrast, 1e-12), np.inf)
    others = np.linalg.inv(normal[:, 2:, 2:])
    reduced = normal[:, :2, :2] - normal[:, :2, 2:] @ others @ normal[:, 2:, :2]
    found = unlike < 1 - _LEAST_LIKENESS
    return np.where(found, 1 / variance, 0.0)[:, None, None] * reduced, unlike


def _searches(reference: Picture, other: Picture, cells: Cells) -> tuple[Numbers, Numbers]:
    """Two first estimates of the displacement, to some pixels, ``(cells, 2)`` each.

    The first is of the whole picture and tolerates large displacements. The second is of
    each cell and tolerates surroundings that do not move.
    """
    rows, columns = reference.shape
    scale = min(1.0, _SEARCH_COLUMNS / columns)
    size = (max(32, round(columns * scale)), max(32, round(rows * scale)))
    top = max(float(np.percentile(reference, 99.5)), 1e-6)
    small = [
        np.clip(cv2.resize(each, size, interpolation=cv2.INTER_AREA) * (255 / top), 0, 255)
        for each in (reference, other)
    ]
    factor = np.array([columns / size[0], rows / size[1]])
    window = cv2.createHanningWindow(size, cv2.CV_32F)
    whole, _ = cv2.phaseCorrelate(small[0], small[1], window)
    everywhere = np.broadcast_to(np.array(whole) * factor, (len(cells.x), 2))
    dense = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    flow = dense.calc(
        small[0].astype(np.uint8),
        small[1].astype(np.uint8),
        np.zeros((size[1], size[0], 2), np.float32),
    )
    middle = np.stack([cells.x.mean(axis=(1, 2)), cells.y.mean(axis=(1, 2))], axis=-1) / factor
    reach = np.maximum(1, cells.x.shape[1] / factor / 2)
    found = []
    for x, y in middle:
        place = flow[
            max(0, int(y - reach[1])) : int(y + reach[1]) + 1,
            max(0, int(x - reach[0])) : int(x + reach[0]) + 1,
        ]
        found.append(np.median(place.reshape(-1, 2), axis=0) * factor)
    return everywhere, np.array(found, np.float64)


def motion_blurred(picture: Picture, blur_px: NDArray[np.float64]) -> Picture:
    """``picture`` blurred by an even motion of ``blur_px``, (x, y), centred on its place."""
    reach = int(np.ceil(np.abs(blur_px).max() / 2)) + 1
    samples = 8 * reach
    places = np.linspace(-0.5, 0.5, 2 * samples + 1)[1::2, None] * blur_px + reach
    kernel = np.zeros((2 * reach + 1, 2 * reach + 1), np.float32)
    # The light of each instant is shared by the four nearest pixels of the kernel.
    whole = np.floor(places).astype(int)
    rest = places - whole
    for dx in (0, 1):
        for dy in (0, 1):
            share = np.abs(1 - dx - rest[:, 0]) * np.abs(1 - dy - rest[:, 1])
            np.add.at(kernel, (whole[:, 1] + dy, whole[:, 0] + dx), share / samples)
    blurred = cv2.filter2D(picture, cv2.CV_32F, kernel, borderType=cv2.BORDER_REPLICATE)
    return np.asarray(blurred, np.float32)
