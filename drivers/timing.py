"""Row timing of a sensor: the only definition of the RSGR exposure ramp.

See docs/physics.md, "Timing".
"""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from drivers.errors import InstrumentError, SettingRefusedError


class ReadoutDirection(StrEnum):
    """Order in which image rows are read; maps readout index to image row."""

    TOP_DOWN = "top-down"
    BOTTOM_UP = "bottom-up"
    CENTRE_OUT = "centre-out"
    OUTSIDE_IN = "outside-in"

    def readout_index(self, rows: int) -> NDArray[np.intp]:
        """Readout index of every image row, shape ``(rows,)``; 0 is read first.

        Centre-out reads two rows at a time, one upwards and one downwards from
        the middle, so neighbours of the middle share an index. Outside-in reads two
        at a time too, from both edges to the middle.

        >>> ReadoutDirection.CENTRE_OUT.readout_index(4)
        array([1, 0, 0, 1])
        >>> ReadoutDirection.OUTSIDE_IN.readout_index(4)
        array([0, 1, 1, 0])
        """
        image_row = np.arange(rows)
        match self:
            case ReadoutDirection.TOP_DOWN:
                return image_row
            case ReadoutDirection.BOTTOM_UP:
                return image_row[::-1]
            case ReadoutDirection.CENTRE_OUT:
                lower_half_start = (rows + 1) // 2
                return np.where(
                    image_row < lower_half_start,
                    lower_half_start - 1 - image_row,
                    image_row - lower_half_start,
                )
            case ReadoutDirection.OUTSIDE_IN:
                return np.minimum(image_row, image_row[::-1])


class TimingSource(StrEnum):
    """Where the line time came from, best first.

    ``NODE`` is the camera's own word, ``MAKER`` the maker's printed figure for the model.
    """

    CALIBRATED = "calibrated"
    GIVEN = "given"
    NODE = "node"
    MAKER = "maker"
    ESTIMATED = "estimated"
    UNKNOWN = "unknown"


FRAME_OVERHEAD_US = 50.0
"""Allowance for reset and readout of a sensor that states no overhead: a few line times."""


@dataclass(frozen=True, slots=True)
class SensorTiming:
    """Row timing of a sensor that starts all rows at once and reads them in turn.

    ``exposure_us`` is T0, the effective exposure of the row read first: the
    ExposureTime node plus the chip's exposure offset. ``line_time_us`` is the
    time between the readout of two neighbouring rows; 0 makes a global shutter.
    ``overhead_us`` is what a frame takes beside its exposure and its rows.
    """

    exposure_us: float
    line_time_us: float
    rows: int
    direction: ReadoutDirection = ReadoutDirection.TOP_DOWN
    overhead_us: float = FRAME_OVERHEAD_US

    def __post_init__(self) -> None:
        if not self.exposure_us > 0:
            raise InstrumentError(
                f"exposure {self.exposure_us} us must be above 0 us; set a longer exposure"
            )
        if not self.line_time_us >= 0:
            raise InstrumentError(
                f"line time {self.line_time_us} us must not be negative; "
                "calibrate it or give --line-time-us"
            )
        if self.rows < 1:
            raise InstrumentError(f"{self.rows} rows: a sensor reads out at least 1 row")

    def readout_index(self) -> NDArray[np.intp]:
        """Readout index of every image row; see :meth:`ReadoutDirection.readout_index`."""
        return self.direction.readout_index(self.rows)

    def row_exposure_us(self) -> NDArray[np.float64]:
        """Exposure of every image row in global reset, T_r = T0 + r * t_line.

        Shape ``(rows,)``, in image-row order. This is the only definition of
        the ramp: sensor simulation, calibration and restorers all call it.

        >>> SensorTiming(exposure_us=1000.0, line_time_us=10.0, rows=3).row_exposure_us()
        array([1000., 1010., 1020.])
        """
        return self.exposure_us + self.readout_index().astype(np.float64) * self.line_time_us

    def exposure_ratio(self) -> NDArray[np.float64]:
        """How many times longer than the first row every row is exposed, T_r / T0.

        Shape ``(rows,)``, in image-row order.

        >>> SensorTiming(exposure_us=1000.0, line_time_us=500.0, rows=3).exposure_ratio()
        array([1. , 1.5, 2. ])
        """
        return self.row_exposure_us() / self.exposure_us

    def row_gain(self) -> NDArray[np.float64]:
        """What brings the light of every row to the exposure of the first, T0 / T_r.

        Shape ``(rows,)``, in image-row order.

        >>> SensorTiming(exposure_us=1000.0, line_time_us=500.0, rows=3).row_gain().round(3)
        array([1.   , 0.667, 0.5  ])
        """
        return self.exposure_us / self.row_exposure_us()

    def last_row_exposure_us(self) -> float:
        """Exposure of the row read last, the longest.

        >>> SensorTiming(exposure_us=1000.0, line_time_us=500.0, rows=3).last_row_exposure_us()
        2000.0
        """
        return float(self.row_exposure_us().max())

    def last_exposure_ratio(self) -> float:
        """How many times longer than the first row the row read last is exposed.

        >>> SensorTiming(exposure_us=1000.0, line_time_us=500.0, rows=3).last_exposure_ratio()
        2.0
        """
        return self.last_row_exposure_us() / self.exposure_us

    def shortest_period_us(self) -> float:
        """Shortest frame period in global reset: exposure and readout cannot overlap."""
        return self.last_row_exposure_us() + self.line_time_us


def highest_fps(timing: SensorTiming) -> float:
    """Highest rate at which a sensor in global reset ignores no trigger."""
    return 1e6 / (timing.shortest_period_us() + timing.overhead_us)


def check_frame_rate(fps: float, timing: SensorTiming) -> float:
    """Return ``fps``; raise :class:`SettingRefusedError` with the limit if it is too high."""
    limit = highest_fps(timing)
    if fps > limit:
        raise SettingRefusedError(
            f"frame rate {fps:g} fps exceeds {limit:.1f} fps, the limit in global reset with "
            f"exposure {timing.exposure_us:.10g} us and {timing.rows} rows of "
            f"{timing.line_time_us:g} us; lower the rate, the exposure or the height"
        )
    return fps
