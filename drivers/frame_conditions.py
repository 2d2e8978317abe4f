"""What frames were taken under: all that is needed beside the codes to make light of them."""

from dataclasses import dataclass, fields, replace
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from drivers.errors import InstrumentError
from drivers.pixel_format import pixel_format
from drivers.radiometry import Radiometry
from drivers.timing import ReadoutDirection, SensorTiming


@dataclass(frozen=True, slots=True)
class FrameConditions:
    """When each row was exposed and how its codes become light; the same for many frames."""

    timing: SensorTiming
    radiometry: Radiometry


@dataclass(frozen=True, slots=True)
class KnownConditions:
    """What somebody tells of how frames were taken; None where nothing is told.

    ``exposure_us`` is that of the row read first, ``interval_us`` the time from the start
    of one frame to the next. ``pixel_format`` is a name of PFNC.
    """

    exposure_us: float | None = None
    line_time_us: float | None = None
    interval_us: float | None = None
    direction: ReadoutDirection | None = None
    pixel_format: str | None = None
    black_level_dn: float | None = None
    saturation_dn: float | None = None
    white_balance: tuple[float, float, float] | None = None

    def completed_by(self, told: "KnownConditions") -> Self:
        """The same, with what is not known here taken from ``told``.

        >>> given = KnownConditions(exposure_us=1000.0)
        >>> told = KnownConditions(exposure_us=2000.0, line_time_us=10.0)
        >>> known = given.completed_by(told)
        >>> known.exposure_us, known.line_time_us
        (1000.0, 10.0)
        """
        names = [field.name for field in fields(KnownConditions)]
        missing = [name for name in names if getattr(self, name) is None]
        return replace(self, **{name: getattr(told, name) for name in missing})


def _known_format(name: str) -> str:
    try:
        return pixel_format(name).name
    except InstrumentError as error:
        raise ValueError(str(error)) from None


_PixelFormatName = Annotated[str, AfterValidator(_known_format)]

MOST_ROWS = 1 << 16
"""Beyond the largest sensors."""


class ConditionsRecord(BaseModel):
    """Conditions as files keep them, complete; what else a file tells is added by inheriting.

    The names of the fields are those in the files.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    exposure_us: float = Field(gt=0)
    line_time_us: float = Field(ge=0)
    rows: int = Field(ge=1, le=MOST_ROWS)
    direction: ReadoutDirection = ReadoutDirection.TOP_DOWN
    frame_interval_us: float = Field(gt=0)
    pixel_format: _PixelFormatName
    black_level_dn: float
    saturation_dn: float
    white_balance: tuple[float, float, float] = (1.0, 1.0, 1.0)

    @model_validator(mode="after")
    def _check_conditions(self) -> Self:
        try:
            _ = self.conditions
        except InstrumentError as error:
            raise ValueError(str(error)) from None
        return self

    @property
    def timing(self) -> SensorTiming:
        """When each row is exposed."""
        return SensorTiming(self.exposure_us, self.line_time_us, self.rows, self.direction)

    @property
    def radiometry(self) -> Radiometry:
        """How codes become light."""
        return Radiometry(
            pixel_format(self.pixel_format),
            self.black_level_dn,
            self.saturation_dn,
            self.white_balance,
        )

    @property
    def conditions(self) -> FrameConditions:
        """What the frames were taken under."""
        return FrameConditions(self.timing, self.radiometry)

    @property
    def known(self) -> KnownConditions:
        """The same as something told, which an operator's word can outweigh."""
        return KnownConditions(
            exposure_us=self.exposure_us,
            line_time_us=self.line_time_us,
            interval_us=self.frame_interval_us,
            direction=self.direction,
            pixel_format=self.pixel_format,
            black_level_dn=self.black_level_dn,
            saturation_dn=self.saturation_dn,
            white_balance=self.white_balance,
        )


def record_fields(conditions: FrameConditions, interval_us: float) -> dict[str, Any]:
    """The fields of :class:`ConditionsRecord`, by name."""
    timing, radiometry = conditions.timing, conditions.radiometry
    return {
        "exposure_us": timing.exposure_us,
        "line_time_us": timing.line_time_us,
        "rows": timing.rows,
        "direction": timing.direction,
        "frame_interval_us": interval_us,
        "pixel_format": radiometry.pixel_format.name,
        "black_level_dn": radiometry.black_level_dn,
        "saturation_dn": radiometry.saturation_dn,
        "white_balance": radiometry.white_balance,
    }
