"""Turns codes into light, in the units in which pictures are compared.

See docs/physics.md, "Row gain".
"""

import numpy as np
from numpy.typing import NDArray

from drivers.pixel_format import Pixels
from drivers.radiometry import Radiometry
from drivers.timing import SensorTiming
from models.demosaic import Demosaic


class FrameLight:
    """Turns codes of one camera into light, 0 = black level, 1 = saturation.

    With ``timing`` every row of a global reset is brought to the exposure of the first
    (row gain). Mono gives ``(rows, columns)``, colour ``(rows, columns, 3)``, float32;
    a mosaic is interpolated after the row gain.
    """

    def __init__(
        self, radiometry: Radiometry, rows: int, columns: int, timing: SensorTiming | None = None
    ) -> None:
        self._black_level_dn = np.float32(radiometry.black_level_dn)
        per_dn = 1.0 / radiometry.span_dn
        gain = np.full(rows, per_dn)
        if timing is not None:
            gain *= timing.row_gain()
        self._gain = gain.astype(np.float32)
        pattern = radiometry.pixel_format.bayer
        scale = np.broadcast_to(self._gain[:, None], (rows, columns))
        self._demosaic = (
            None if pattern is None else Demosaic(pattern, radiometry.black_level_dn, scale)
        )

    def __call__(self, codes: Pixels) -> NDArray[np.float32]:
        """Light of one frame."""
        if self._demosaic is not None:
            return self._demosaic(codes)
        gain = self._gain.reshape(-1, *(1,) * (codes.ndim - 1))
        return np.asarray((codes - self._black_level_dn) * gain, np.float32)


def grey(light: NDArray[np.float32]) -> NDArray[np.float32]:
    """One value per pixel, contiguous; green for colour, which has the most light."""
    return np.ascontiguousarray(light[..., 1] if light.ndim == 3 else light)
