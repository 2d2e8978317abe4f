"""The default scene: a test bench of charts, belts at several speeds, and two wheels.

It is laid out around the middle of the sensor, so that the central 640 x 480
pixels, the region at power-up, show a complete picture.
"""

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from drivers.camera_settings import Region
from drivers.srgb import Image, luminance
from drivers.virtual.scene import charts
from drivers.virtual.scene.belt import Belt
from drivers.virtual.scene.drawing import GRAPHITE, INK, STEEL, Canvas
from drivers.virtual.scene.layers import Layer
from drivers.virtual.scene.wheel import Wheel

_MARGIN_PX = 96
_HOLE_PITCH_PX = 50


class ProceduralScene:
    """A static board with moving layers on it; every integral is in closed form.

    Belts run at 100 to 1500 px/s, along rows and columns; the wheels turn 1.5
    and 4 times per second. All motion repeats without a jump.
    """

    def __init__(self, sensor_columns: int, sensor_rows: int) -> None:
        self._extent = Region(
            -_MARGIN_PX, -_MARGIN_PX, sensor_columns + 2 * _MARGIN_PX, sensor_rows + 2 * _MARGIN_PX
        )
        middle = (sensor_columns // 2, sensor_rows // 2)
        board = _breadboard(self._extent)
        for x, y, panel in _panels():
            _paste(board, panel, x + middle[0] + _MARGIN_PX, y + middle[1] + _MARGIN_PX)
        self._layers = _layers(self._extent, middle, board)
        self._board_rgb = board
        self._board = luminance(board)

    def integrate(
        self,
        region: Region,
        start_us: NDArray[np.float64],
        end_us: NDArray[np.float64],
        *,
        colour: bool,
    ) -> Image:
        """See :meth:`drivers.virtual.scene.scene.Scene.integrate`."""
        top = region.offset_y_px - self._extent.offset_y_px
        left = region.offset_x_px - self._extent.offset_x_px
        bottom, right = top + region.height_px, left + region.width_px
        if min(top, left) < 0 or bottom > self._extent.height_px or right > self._extent.width_px:
            raise ValueError(f"{region} reaches beyond the scene {self._extent}")
        exposure = (end_us - start_us).astype(np.float32)
        if colour:
            light = self._board_rgb[top:bottom, left:right] * exposure[:, None, None]
        else:
            light = self._board[top:bottom, left:right] * exposure[:, None]
        for layer in self._layers:
            layer.paint(light, region, start_us, end_us, colour=colour)
        return light


def _paste(board: Image, picture: Image, x: int, y: int) -> None:
    """Paste a picture on the board; parts beyond the edge are cut off."""
    top, left = max(0, -y), max(0, -x)
    bottom, right = max(0, y + picture.shape[0]), max(0, x + picture.shape[1])
    seen = board[max(0, y) : bottom, max(0, x) : right]
    if seen.size:
        seen[...] = picture[top : top + seen.shape[0], left : left + seen.shape[1]]


def _breadboard(extent: Region) -> Image:
    """Picture of an optical table: black anodised, brushed, with a grid of threaded holes."""
    rows, columns = extent.height_px, extent.width_px
    rng = np.random.default_rng(1288)
    brushed = cv2.GaussianBlur(
        rng.standard_normal((rows, columns), np.float32), (0, 0), 7, None, 0.6
    )
    grain = rng.standard_normal((rows, columns), np.float32)
    shade = 1.0 + 0.55 * brushed + 0.05 * grain
    y, x = np.mgrid[0:rows, 0:columns].astype(np.float32)
    # Light of a lamp above the middle, a little to the left.
    distance = np.hypot((x - 0.45 * columns) / columns, (y - 0.4 * rows) / rows)
    shade *= 1.35 - 0.9 * np.clip(distance, 0, 1)
    board = np.clip(shade, 0.2, 3.0)[..., None] * np.array(GRAPHITE, np.float32)
    hole = Canvas(20, 20, GRAPHITE)
    hole.disc(10.4, 10.6, 7.2, STEEL)
    hole.disc(10, 10, 6.4, INK)
    hole.ring(10, 10, 4.2, 0.8, GRAPHITE)
    picture = hole.finish()
    for top in range(_MARGIN_PX % _HOLE_PITCH_PX, rows, _HOLE_PITCH_PX):
        for left in range(_MARGIN_PX % _HOLE_PITCH_PX, columns, _HOLE_PITCH_PX):
            _paste(board, picture, left - 10, top - 10)
    return board


def _panels() -> list[tuple[int, int, Image]]:
    return [
        (4, -140, charts.centre_chart()),
        (-700, -140, charts.star_chart()),
        (350, -140, charts.colour_panel()),
        (-700, -420, charts.title_panel()),
        (-60, -420, charts.zone_panel()),
        (300, -420, charts.marker_panel()),
        (-700, 330, charts.line_pair_panel()),
        (60, 330, charts.checker_panel()),
    ]


def _layers(extent: Region, middle: tuple[int, int], board: Image) -> tuple[Layer, ...]:
    """All belts and wheels; rails and the shadows of their frames are drawn on ``board``."""
    belts: list[tuple[int, int, float, Callable[[int, int], Image]]] = [
        (-500, 60, 900.0, charts.parcels),
        (-228, 72, 420.0, charts.printed_tape),
        (116, 44, -100.0, charts.fine_print),
        (172, 60, -1500.0, charts.chevrons),
        (256, 56, 250.0, charts.film),
        (480, 48, -700.0, charts.barcodes),
    ]
    carriages: list[tuple[int, int, int, int, float]] = [
        (-72, -140, 64, 240, 160.0),
        (612, -140, 80, 240, -600.0),
    ]
    wheels: list[tuple[int, int, int, float]] = [(-198, -20, 112, 1.5), (-357, -20, 37, -4.0)]
    layers: list[Layer] = []
    for y, height, speed, draw in belts:
        window = Region(extent.offset_x_px, middle[1] + y, extent.width_px, height)
        _rail(board, window)
        layers.append(Belt.build(window, _shaded(draw(2000, height), 0), speed))
    for x, y, width, height, speed in carriages:
        window = Region(middle[0] + x, middle[1] + y, width, height)
        _rail(board, window)
        texture = _shaded(charts.carriage(width, 800), 1)
        layers.append(Belt.build(window, texture, speed, vertical=True))
    picture = charts.wheel()
    for x, y, radius, turns_per_s in wheels:
        centre = (middle[0] + x, middle[1] + y)
        layers.append(Wheel.build(centre, radius, picture, turns_per_s))
    return tuple(layers)


def _rail(board: Image, window: Region) -> None:
    """Draw a steel frame around a belt's window, with a soft shadow on the board."""
    x, y = window.offset_x_px + _MARGIN_PX, window.offset_y_px + _MARGIN_PX
    for spread, factor in ((9, 0.85), (7, 0.85), (5, 0.8)):
        shadow = _part(board, x, y, window, spread, 3)
        shadow *= np.float32(factor)
    for spread, colour in ((4, STEEL), (2, INK)):
        _part(board, x, y, window, spread, 0)[...] = colour


def _part(board: Image, x: int, y: int, window: Region, spread: int, shift: int) -> Image:
    """View of the board under a window, grown by ``spread`` and shifted by ``shift``."""
    bottom, right = (
        first + size + spread + shift
        for first, size in ((y, window.height_px), (x, window.width_px))
    )
    return board[max(0, y - spread) : max(0, bottom), max(0, x - spread) : max(0, right)]


def _shaded(texture: Image, across: int) -> Image:
    """Darken a belt towards the rails; constant along the motion, so it can be in the texture."""
    size = texture.shape[across]
    edge = np.minimum(np.arange(size), np.arange(size)[::-1]) + 0.5
    profile = (1.0 - 0.45 * np.exp(-edge / 4.0)).astype(np.float32)
    return texture * (profile[:, None, None] if across == 0 else profile[None, :, None])
