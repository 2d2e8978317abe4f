"""A still chart of colour and grey patches, for colour calibration between two cameras."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from drivers.camera_settings import Region
from drivers.srgb import Image, luminance
from drivers.virtual.scene.drawing import CHART_PATCHES, INK, Canvas, Colour

_MARGIN_PX = 96
_PITCH_PX = 72
_GAP_PX = 6
_GREYS = 12


@dataclass(frozen=True, slots=True)
class PrintedScene:
    """A still picture that fills ``extent``; linear RGB."""

    extent: Region
    rgb: Image
    grey: Image

    @classmethod
    def chart(cls, sensor_columns: int, sensor_rows: int) -> "PrintedScene":
        """The patches of a colour chart and grey steps, repeated in mixed order.

        Every region of 450 x 450 px shows all of them.
        """
        extent = Region(
            -_MARGIN_PX, -_MARGIN_PX, sensor_columns + 2 * _MARGIN_PX, sensor_rows + 2 * _MARGIN_PX
        )
        greys = [float(step) for step in np.geomspace(0.03, 0.95, _GREYS)]
        patches: list[Colour] = [*CHART_PATCHES, *((grey, grey, grey) for grey in greys)]
        order = np.random.default_rng(24).permutation(len(patches))
        side = round(len(patches) ** 0.5)
        chart = Canvas(extent.width_px, extent.height_px, INK)
        for row in range(-(-extent.height_px // _PITCH_PX)):
            for column in range(-(-extent.width_px // _PITCH_PX)):
                patch = patches[order[row % side * side + column % side]]
                size = _PITCH_PX - _GAP_PX
                chart.rectangle(column * _PITCH_PX, row * _PITCH_PX, size, size, patch)
        rgb = chart.finish()
        return cls(extent, rgb, luminance(rgb))

    def integrate(
        self,
        region: Region,
        start_us: NDArray[np.float64],
        end_us: NDArray[np.float64],
        *,
        colour: bool,
    ) -> NDArray[np.float32]:
        """See :meth:`drivers.virtual.scene.scene.Scene.integrate`."""
        top = region.offset_y_px - self.extent.offset_y_px
        left = region.offset_x_px - self.extent.offset_x_px
        seen = (self.rgb if colour else self.grey)[
            top : top + region.height_px, left : left + region.width_px
        ]
        exposure = (end_us - start_us).astype(np.float32)
        return seen * exposure.reshape(-1, *(1,) * (seen.ndim - 1))
