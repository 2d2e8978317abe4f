"""What frames were taken under: all that is needed beside the codes to make light of them."""

from dataclasses import dataclass

from drivers.radiometry import Radiometry
from drivers.timing import SensorTiming


@dataclass(frozen=True, slots=True)
class FrameConditions:
    """When each row was exposed and how its codes become light; the same for many frames."""

    timing: SensorTiming
    radiometry: Radiometry
