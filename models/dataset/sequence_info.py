"""What ``sequence.json`` says of one sequence of a dataset, ``<split>/<sequence>/``.

Beside it lie ``RSGR/PNG/%08d.png``, codes as the camera delivered them, in the
low bits, and ``GS/PNG/%08d.png``, linear light without noise in 16 bit, 65535 =
light 1.0 = the saturated global-shutter signal. Equal names are one frame pair.
"""

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from drivers.errors import InstrumentError
from drivers.frame_conditions import ConditionsRecord
from drivers.input_file import first_fault, read_input

VERSION = 1

FILE_NAME = "sequence.json"

GS_FULL_SCALE = 65535
"""Code of light 1.0 in a 16 bit GS picture."""


class RecordedPairs(BaseModel):
    """How recorded pairs were judged when they were exported, ``ngs verify`` tells the same.

    ``grade`` is good, usable or redo; pairs that should be recorded again are in a dataset only
    where somebody ``accepted`` that. The GS exposure begins ``exposure_delay_us`` after the RSGR
    exposure, as calibrated; None if it was not.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    grade: str
    reasons: tuple[str, ...] = ()
    accepted: bool = False
    synchronous: bool | None = None
    exposure_delay_us: float | None = None
    exposure_delay_error_us: float | None = Field(default=None, ge=0)


class SequenceInfo(ConditionsRecord):
    """Timing, radiometry and provenance of a sequence.

    Gain and noise are those of its codes, None where they were not measured.
    """

    version: int = Field(default=VERSION, ge=1, le=VERSION)
    columns: int = Field(ge=1)
    system_gain_dn_per_e: float | None = Field(default=None, gt=0)
    temporal_dark_noise_e: float | None = Field(default=None, ge=0)
    synthetic: bool
    sources: tuple[str, ...] = ()
    seed: int | None = None
    generator: str
    pairs: RecordedPairs | None = None
    """Of two cameras; None for a synthetic sequence."""

    has_markers: bool = False
    mean_blur_px: float | None = Field(default=None, ge=0)
    """Mean length of the blur vectors in the exposure of the row read last, moving pixels only.

    None where nothing moves or the motion is not known.
    """

    overlap_px: tuple[int, int, int, int] | None = None
    """Left, top, columns and rows of where RSGR and GS show the same; None: everywhere.

    Pictures of two cameras do not overlap at their borders; there GS is 0 and means nothing.
    """

    @property
    def inside(self) -> tuple[slice, slice]:
        """Rows and columns of the overlap."""
        if self.overlap_px is None:
            return slice(0, self.rows), slice(0, self.columns)
        left, top, columns, rows = self.overlap_px
        return slice(top, top + rows), slice(left, left + columns)


def read_info(path: Path) -> SequenceInfo:
    """Read a ``sequence.json``; raises :class:`InstrumentError` with file and field."""
    try:
        return SequenceInfo.model_validate_json(read_input(path))
    except ValidationError as error:
        raise InstrumentError(
            f"{path}: {first_fault(error)}; correct it or synthesise the sequence again"
        ) from None
    except OSError as error:
        raise InstrumentError(f"{path} cannot be read ({error.strerror})") from error
