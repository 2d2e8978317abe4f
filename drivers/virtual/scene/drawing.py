"""Drawing of test-chart elements in linear light, oversampled so that every edge is smooth."""

from dataclasses import dataclass, field
from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from drivers.srgb import Image

OVERSAMPLING = 4

Colour: TypeAlias = tuple[float, float, float]
"""Linear RGB radiance; 1.0 is a white diffuse surface."""

INK: Colour = (0.030, 0.031, 0.035)
GRAPHITE: Colour = (0.062, 0.066, 0.075)
STEEL: Colour = (0.22, 0.23, 0.25)
PAPER: Colour = (0.80, 0.775, 0.70)
WHITE: Colour = (0.93, 0.93, 0.91)
ORANGE: Colour = (0.78, 0.27, 0.045)
TEAL: Colour = (0.035, 0.235, 0.26)
SKY: Colour = (0.26, 0.47, 0.66)
SAND: Colour = (0.58, 0.43, 0.24)

CHART_PATCHES: tuple[Colour, ...] = (
    (0.17, 0.08, 0.06), (0.56, 0.31, 0.23), (0.11, 0.20, 0.34),
    (0.10, 0.15, 0.05), (0.24, 0.22, 0.44), (0.12, 0.51, 0.41),
    (0.70, 0.20, 0.02), (0.06, 0.10, 0.39), (0.55, 0.09, 0.12),
    (0.11, 0.04, 0.14), (0.34, 0.50, 0.04), (0.76, 0.36, 0.02),
    (0.03, 0.05, 0.28), (0.05, 0.29, 0.06), (0.44, 0.03, 0.04),
    (0.82, 0.57, 0.01), (0.51, 0.09, 0.30), (0.01, 0.24, 0.37),
    (0.90, 0.90, 0.88), (0.59, 0.59, 0.59), (0.36, 0.36, 0.36),
    (0.19, 0.19, 0.19), (0.085, 0.085, 0.09), (0.03, 0.03, 0.032),
)  # fmt: skip
"""The 24 patches of a colour rendition chart, rounded linear sRGB."""


@dataclass(frozen=True, slots=True)
class Canvas:
    """A canvas with coordinates in final pixels; :meth:`finish` returns the picture."""

    columns: int
    rows: int
    ground: Colour = PAPER
    fine: Image = field(init=False)

    def __post_init__(self) -> None:
        shape = (self.rows * OVERSAMPLING, self.columns * OVERSAMPLING, 3)
        object.__setattr__(self, "fine", np.full(shape, self.ground, np.float32))

    def finish(self) -> Image:
        """The picture, linear RGB, ``(rows, columns, 3)`` float32; each pixel an area mean."""
        return np.asarray(
            cv2.resize(self.fine, (self.columns, self.rows), interpolation=cv2.INTER_AREA)
        )

    def rectangle(self, x: float, y: float, width: float, height: float, colour: Colour) -> None:
        left, top, right, bottom = (
            round(value * OVERSAMPLING) for value in (x, y, x + width, y + height)
        )
        self.fine[max(0, top) : max(0, bottom), max(0, left) : max(0, right)] = colour

    def polygon(self, points: list[tuple[float, float]], colour: Colour) -> None:
        fine = np.rint(np.array(points) * OVERSAMPLING - 0.5).astype(np.int32)
        cv2.fillPoly(self.fine, [fine], colour)

    def disc(self, x: float, y: float, radius: float, colour: Colour) -> None:
        centre = (round(x * OVERSAMPLING), round(y * OVERSAMPLING))
        cv2.circle(self.fine, centre, round(radius * OVERSAMPLING), colour, cv2.FILLED)

    def ring(self, x: float, y: float, radius: float, width: float, colour: Colour) -> None:
        centre = (round(x * OVERSAMPLING), round(y * OVERSAMPLING))
        thickness = max(1, round(width * OVERSAMPLING))
        cv2.circle(self.fine, centre, round(radius * OVERSAMPLING), colour, thickness)

    def line(
        self, start: tuple[float, float], end: tuple[float, float], width: float, colour: Colour
    ) -> None:
        ends = [(round(x * OVERSAMPLING), round(y * OVERSAMPLING)) for x, y in (start, end)]
        cv2.line(self.fine, ends[0], ends[1], colour, max(1, round(width * OVERSAMPLING)))

    def text(
        self, words: str, x: float, y: float, height: float, colour: Colour, weight: float = 0.13
    ) -> float:
        """Write ``words`` with the base line at ``y``; returns the x where they end."""
        font = cv2.FONT_HERSHEY_SIMPLEX
        # Capitals of this font are 22 units high at scale 1.
        scale = height * OVERSAMPLING / 22.0
        thickness = max(1, round(height * weight * OVERSAMPLING))
        (width, above), below = cv2.getTextSize(words, font, scale, thickness)
        pad = 2 * thickness
        # putText draws into 8-bit pictures only (OpenCV 5), so text is drawn as a mask first.
        stencil = np.zeros((above + below + 2 * pad, width + 2 * pad), np.uint8)
        cv2.putText(stencil, words, (pad, above + pad), font, scale, 255, thickness, cv2.LINE_AA)
        left, foot = round(x * OVERSAMPLING), round(y * OVERSAMPLING)
        _blend(self.fine, stencil, left - pad, foot - above - pad, colour)
        return x + width / OVERSAMPLING

    def marker(self, number: int, x: float, y: float, module: float) -> None:
        """An ArUco marker of the 4 x 4 family with its white border, 8 modules wide in all."""
        dictionary = cv2.aruco.getPredefinedDictionary(cv2.aruco.DICT_4X4_100)
        side = round(6 * module * OVERSAMPLING)
        bits = cv2.aruco.generateImageMarker(dictionary, number, side)
        self.rectangle(x, y, 8 * module, 8 * module, WHITE)
        left, top = (round((value + module) * OVERSAMPLING) for value in (x, y))
        inside = self.fine[top : top + side, left : left + side]
        inside[...] = np.where(bits[..., None] > 0, WHITE, INK)

    def siemens_star(self, x: float, y: float, radius: float, cycles: int) -> None:
        """Siemens star centred at ``(x, y)``; dark and light spokes of equal width."""
        dx, dy, place = self._square(x, y, radius)
        distance = np.hypot(dx, dy)
        dark = np.sin(cycles * np.arctan2(dy, dx)) < 0
        patch = self.fine[place]
        patch[distance <= radius] = WHITE
        patch[dark & (distance <= radius) & (distance > 0.02 * radius)] = INK

    def zone_plate(self, x: float, y: float, radius: float) -> None:
        """Circular chirp that reaches half a cycle per pixel at its rim."""
        dx, dy, place = self._square(x, y, radius)
        distance = np.hypot(dx, dy)
        wave = 0.45 + 0.42 * np.cos(np.pi / 2 * distance**2 / radius)
        inside = distance <= radius
        self.fine[place][inside] = wave[inside][:, None]

    def wedge(
        self, x: float, y: float, width: float, height: float, lines: int, narrow: float
    ) -> None:
        """Upright resolution wedge: ``lines`` dark lines that narrow down to ``narrow``."""
        left, top = round(x * OVERSAMPLING), round(y * OVERSAMPLING)
        columns, rows = round(width * OVERSAMPLING), round(height * OVERSAMPLING)
        across = (np.arange(columns) + 0.5) / columns - 0.5
        spread = np.linspace(1.0, narrow / width, rows)[:, None]
        place = across[None, :] / spread + 0.5
        dark = (place > 0) & (place < 1) & (np.floor(place * (2 * lines - 1)) % 2 == 0)
        self.fine[top : top + rows, left : left + columns][dark] = INK

    def line_pairs(self, x: float, y: float, side: float, period: float, upright: bool) -> None:
        """A square of bars, ``period`` pixels from one dark bar to the next."""
        for offset in np.arange(0.0, side - period / 2 + 1e-6, period):
            if upright:
                self.rectangle(x + offset, y, period / 2, side, INK)
            else:
                self.rectangle(x, y + offset, side, period / 2, INK)

    def grey_steps(self, x: float, y: float, width: float, height: float, steps: int) -> None:
        """Patches of radiance 0.03 to 0.95 in equal ratios."""
        for step, radiance in enumerate(np.geomspace(0.03, 0.95, steps)):
            grey = float(radiance)
            self.rectangle(x + step * width / steps, y, width / steps, height, (grey, grey, grey))

    def colour_chart(self, x: float, y: float, patch: float, gap: float) -> None:
        """24 patches in four rows of six."""
        pitch = patch + gap
        self.rectangle(x - gap, y - gap, 6 * pitch + gap, 4 * pitch + gap, INK)
        for number, colour in enumerate(CHART_PATCHES):
            row, column = divmod(number, 6)
            self.rectangle(x + column * pitch, y + row * pitch, patch, patch, colour)

    def checkerboard(self, x: float, y: float, square: float, columns: int, rows: int) -> None:
        self.rectangle(x - square / 2, y - square / 2, (columns + 1) * square,
                       (rows + 1) * square, WHITE)  # fmt: skip
        for row in range(rows):
            for column in range(row % 2, columns, 2):
                self.rectangle(x + column * square, y + row * square, square, square, INK)

    def _square(
        self, x: float, y: float, radius: float
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], tuple[slice, slice]]:
        first_x, first_y = (round((value - radius) * OVERSAMPLING) for value in (x, y))
        size = round(2 * radius * OVERSAMPLING)
        offset = (np.arange(size) + 0.5) / OVERSAMPLING - radius
        place = (slice(first_y, first_y + size), slice(first_x, first_x + size))
        return offset[None, :], offset[:, None], place


def _blend(picture: Image, stencil: NDArray[np.uint8], x: int, y: int, colour: Colour) -> None:
    """Paint ``colour`` through a mask at ``(x, y)``; parts beyond the edge are cut off."""
    top, left = max(0, -y), max(0, -x)
    seen = picture[max(0, y) : y + stencil.shape[0], max(0, x) : x + stencil.shape[1]]
    cut = stencil[top : top + seen.shape[0], left : left + seen.shape[1]]
    opacity = cut[..., None].astype(np.float32) / 255
    seen += opacity * (np.array(colour, np.float32) - seen)
