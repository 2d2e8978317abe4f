"""How a camera's codes become light; plain values, without torch."""

from dataclasses import dataclass

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
