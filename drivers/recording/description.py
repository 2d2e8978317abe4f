"""``recording.json``: the description of a recording, its cameras and its end."""

import math
import os
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from drivers.atomic_file import whole_file
from drivers.camera import Camera, FrameFormat
from drivers.camera_settings import NUMBER_SETTINGS, ShutterMode
from drivers.errors import InstrumentError
from drivers.frame_conditions import KnownConditions
from drivers.input_file import first_fault, read_input
from drivers.pixel_format import pixel_format
from drivers.recording.compression import Compression
from drivers.ring import bytes_per_frame
from drivers.timing import ReadoutDirection, SensorTiming, TimingSource

FILE_NAME = "recording.json"
VERSION = 1

_SHARD_BYTES = 256 << 20
"""Raw size of a full shard file: large enough that an hour is a thousand files, not a million."""
_SHARD_FRAMES = (16, 1024)

_MOST_PX = 1 << 16
_MOST_FRAME_BYTES = 1 << 30
"""Beyond the largest sensors; a damaged size is refused before memory is asked for."""
_YEARS = (1970, 9000)


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


def _file_name(name: str) -> str:
    if not re.fullmatch(r"[\w-]{1,64}", name):
        raise ValueError(f"camera name {name!r} is no plain name of letters, digits, _ and -")
    return name


def _of_our_time(moment: datetime) -> datetime:
    if not _YEARS[0] <= moment.year < _YEARS[1]:
        raise ValueError(f"the year {moment.year} is not from {_YEARS[0]} to {_YEARS[1]}")
    return moment


CameraName = Annotated[str, AfterValidator(_file_name)]
"""Names files in the recording's folder, so it cannot lead out of it."""
_Moment = Annotated[datetime, AfterValidator(_of_our_time)]


class RecordedCamera(_Part):
    """One camera as it was when the recording began; None where the camera does not say.

    ``black_level_dn`` is the one in use, from any source; ``black_level_node_dn`` is the
    camera's own setting. ``readout`` are the nodes on which the line time depends.
    ``shutter_mode`` is the mode node's claim, ``shutter_proven`` what images proved of it.
    """

    address: str
    maker: str
    model: str
    serial: str
    firmware: str
    rows: int = Field(ge=1, le=_MOST_PX)
    columns: int = Field(ge=1, le=_MOST_PX)
    offset_x_px: int = 0
    offset_y_px: int = 0
    pixel_format: str
    exposure_us: float | None = None
    gain_db: float | None = None
    gain_raw: float | None = None
    black_level_dn: float | None = None
    fps: float | None = None
    white_balance_red: float | None = None
    white_balance_blue: float | None = None
    trigger_source: str = ""
    trigger_activation: str | None = None
    trigger_delay_us: float | None = None
    link_limit_bytes_per_s: float | None = None
    shutter_mode: ShutterMode = ShutterMode.UNKNOWN
    shutter_proven: bool | None = None
    line_time_us: float | None = None
    timing_source: TimingSource = TimingSource.UNKNOWN
    direction: ReadoutDirection = ReadoutDirection.TOP_DOWN
    black_level_node_dn: float | None = None
    readout: dict[str, str] = Field(default_factory=dict)
    warnings: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _check_size(self) -> "RecordedCamera":
        try:
            size = bytes_per_frame(self.frame_format)
        except InstrumentError as error:
            raise ValueError(str(error)) from None
        if size > _MOST_FRAME_BYTES:
            raise ValueError(
                f"a frame has {size / 1e6:.0f} MB, at most {_MOST_FRAME_BYTES / 1e6:.0f}"
            )
        return self

    @property
    def frame_format(self) -> FrameFormat:
        """Shape and coding of its frames."""
        return FrameFormat(self.rows, self.columns, pixel_format(self.pixel_format))

    @property
    def known(self) -> KnownConditions:
        """What it tells of how its frames were taken, as far as that is known."""
        return KnownConditions(
            exposure_us=self.exposure_us,
            line_time_us=self.line_time_us,
            interval_us=1e6 / self.fps if self.fps else None,
            direction=self.direction,
            pixel_format=self.pixel_format,
            black_level_dn=self.black_level_dn,
        )

    @property
    def timing(self) -> SensorTiming | None:
        """When each row is exposed; None where exposure or line time is not known."""
        if self.exposure_us is None or self.line_time_us is None:
            return None
        return SensorTiming(self.exposure_us, self.line_time_us, self.rows, self.direction)

    @property
    def shard_frames(self) -> int:
        """Frames in a full shard file."""
        least, most = _SHARD_FRAMES
        return max(least, min(most, _SHARD_BYTES // bytes_per_frame(self.frame_format)))


class Ending(_Part):
    """How a recording ended. ``lost`` counts frames that are missing between the first and last."""

    finished: _Moment
    reason: str
    frames: dict[str, Annotated[int, Field(ge=0)]]
    lost: dict[str, Annotated[int, Field(ge=0)]]


class RecordingInfo(_Part):
    """All of ``recording.json``; ``cameras`` and their arrays are named ``rsgr`` and ``gs``.

    ``started_host_time_ns`` is the index's clock at ``started``. ``calibration`` is the
    ``rig.json`` in force, ``processing`` how the pixels were made where they are not raw.
    ``pretrigger_s`` is how much from before the start there was. ``end`` is None on the disk
    while recording, and after the death of the process until ``ngs repair``.
    """

    version: int = Field(default=VERSION, ge=1, le=VERSION)
    started: _Moment
    started_host_time_ns: int
    cameras: dict[CameraName, RecordedCamera] = Field(min_length=1)
    compression: Compression = Compression.NONE
    note: str = ""
    wiring: str | None = None
    pretrigger_s: float = 0.0
    calibration: dict[str, Any] | None = None
    processing: dict[str, Any] | None = None
    versions: dict[str, str] = Field(default_factory=dict)
    end: Ending | None = None

    @model_validator(mode="after")
    def _check_end(self) -> "RecordingInfo":
        if self.end is not None and not self.cameras.keys() == self.end.frames.keys():
            raise ValueError("end.frames does not have the cameras' names")
        return self


def describe_camera(
    camera: Camera,
    *,
    timing: SensorTiming | None,
    timing_source: TimingSource,
    black_level_dn: float | None,
    shutter_proven: bool | None = None,
) -> RecordedCamera:
    """The camera as it is now, with the timing and black level in use, whoever told them."""
    identity, settings, form = camera.identity, camera.settings, camera.frame_format
    region = settings.region
    numbers = {name: getattr(settings, name) for name in NUMBER_SETTINGS}
    numbers["black_level_dn"] = black_level_dn
    numbers["line_time_us"] = None if timing is None else timing.line_time_us
    numbers["black_level_node_dn"] = settings.black_level_dn
    numbers = {name: _finite(value) for name, value in numbers.items()}
    return RecordedCamera(
        address=camera.address,
        maker=identity.maker,
        model=identity.model,
        serial=identity.serial,
        firmware=identity.firmware,
        rows=form.rows,
        columns=form.columns,
        offset_x_px=region.offset_x_px if region else 0,
        offset_y_px=region.offset_y_px if region else 0,
        pixel_format=form.pixel_format.name,
        **numbers,
        trigger_source=camera.state.trigger_source,
        trigger_activation=settings.trigger_activation,
        shutter_mode=camera.state.shutter_mode,
        shutter_proven=shutter_proven,
        timing_source=timing_source,
        direction=camera.row_timing.direction if timing is None else timing.direction,
        readout=dict(camera.row_timing.depends_on),
        warnings=camera.state.warnings,
    )


def with_warnings(info: RecordingInfo, warnings: Mapping[str, Sequence[str]]) -> RecordingInfo:
    """The description with more warnings, by camera; none stands there twice."""
    cameras = {
        name: camera.model_copy(
            update={"warnings": tuple(dict.fromkeys((*camera.warnings, *warnings.get(name, ()))))}
        )
        for name, camera in info.cameras.items()
    }
    return info.model_copy(update={"cameras": cameras})


def _finite(value: float | None) -> float | None:
    """JSON has no other numbers."""
    return value if value is not None and math.isfinite(value) else None


def check_inside(folder: Path, path: Path) -> None:
    """Refuse a link that leads out of a recording's folder, and what is no file, as a pipe.

    Raises :class:`InstrumentError`.
    """
    root, real = (Path(os.path.realpath(each)) for each in (folder, path))
    if not real.is_relative_to(root):
        raise InstrumentError(
            f"{path} is a link that leads out of the recording, to {real}; put a copy in its place"
        )
    if real.exists() and not (real.is_file() or real.is_dir()):
        raise InstrumentError(f"{path} is no file; a recording has files and folders alone")


def read_description(folder: Path) -> RecordingInfo:
    """Read ``recording.json``; raises :class:`InstrumentError` if it is no recording."""
    path = folder / FILE_NAME
    try:
        check_inside(folder, path)
        return RecordingInfo.model_validate_json(read_input(path))
    except (FileNotFoundError, NotADirectoryError):
        raise InstrumentError(
            f"{folder} is no recording: it has no {FILE_NAME}; give the folder ngs record made"
        ) from None
    except OSError as error:
        raise InstrumentError(f"{path} cannot be read: {error.strerror}") from None
    except ValidationError as error:
        raise InstrumentError(
            f"{path} is damaged: {first_fault(error)}; correct it by hand, the pixels are not "
            "touched by that"
        ) from None


def write_description(folder: Path, info: RecordingInfo) -> None:
    """Replace ``recording.json`` durably, whole or not at all."""
    with whole_file(folder / FILE_NAME, durable=True) as file:
        file.write(info.model_dump_json(indent=2).encode() + b"\n")
