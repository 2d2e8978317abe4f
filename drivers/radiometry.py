"""How a camera's codes become light; plain values.

See docs/physics.md, "Row gain".
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from drivers.errors import InstrumentError
from drivers.pixel_format import PixelFormat


@dataclass(frozen=True, slots=True)
class Radiometry:
    """How codes become light: 0.0 at the black level, 1.0 at full scale.

    ``white_balance`` multiplies red, green and blue; a camera that balances in
    hardware needs none.
    """

    pixel_format: PixelFormat
    black_level_dn: float
    saturation_dn: float
    white_balance: tuple[float, float, float] = (1.0, 1.0, 1.0)

    def __post_init__(self) -> None:
        if not 0 <= self.black_level_dn < self.saturation_dn:
            raise InstrumentError(
                f"black level {self.black_level_dn:g} DN must lie between 0 and the saturation "
                f"{self.saturation_dn:g} DN of {self.pixel_format.name}; measure with dark frames"
            )

    @property
    def span_dn(self) -> float:
        """Full scale: how far the saturation lies above the black level, in DN.

        >>> from drivers.pixel_format import PIXEL_FORMATS
        >>> Radiometry(PIXEL_FORMATS["Mono8"], 5.0, 255.0).span_dn
        250.0
        """
        return self.saturation_dn - self.black_level_dn

    def light_of(self, codes_dn: ArrayLike) -> NDArray[np.float64]:
        """Light of codes or of means of them, (code - black) / (saturation - black).

        Neither row gain nor white balance is in it.

        >>> from drivers.pixel_format import PIXEL_FORMATS
        >>> Radiometry(PIXEL_FORMATS["Mono8"], 5.0, 255.0).light_of([5, 130, 255])
        array([0. , 0.5, 1. ])
        """
        above_black_dn = np.asarray(codes_dn, np.float64) - self.black_level_dn
        return np.asarray(above_black_dn / self.span_dn)
