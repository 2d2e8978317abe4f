"""``rig.json``: all calibration results of one or two cameras, and the conditions they hold for.

``ngs calibrate`` writes it; all commands that use the cameras or their recordings read it.
A step that was not done is missing; a step done again replaces the old result.
"""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from calibration.geometric.geometry_from_board import GeometryCalibration
from calibration.radiometric.colour import ColourCalibration
from calibration.radiometric.dark import DarkCalibration
from calibration.temporal.exposure_delay import ExposureDelayCalibration
from calibration.temporal.line_time import LineTimeCalibration
from calibration.verdict import Grade, Verdict
from drivers.atomic_file import whole_file
from drivers.camera import Camera
from drivers.camera_settings import Region
from drivers.errors import InstrumentError
from drivers.input_file import first_fault, read_input
from drivers.recording.description import RecordedCamera, RecordingInfo
from drivers.timing import SensorTiming

VERSION = 1


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class CameraConditions(_Part):
    """A camera and its state; a calibration holds for this state only.

    ``readout`` are the values of the nodes that the line time depends on beside the pixel
    format (binning, link throughput, ADC depth, sensor mode).
    """

    maker: str
    model: str
    serial: str
    firmware: str
    pixel_format: str
    gain_db: float | None
    gain_raw: float | None = None
    black_level_dn: float | None
    readout: dict[str, str]

    @classmethod
    def of(cls, camera: Camera) -> "CameraConditions":
        """Conditions of an open camera, as it is now."""
        identity, settings = camera.identity, camera.settings
        return cls(
            maker=identity.maker,
            model=identity.model,
            serial=identity.serial,
            firmware=identity.firmware,
            pixel_format=camera.frame_format.pixel_format.name,
            gain_db=settings.gain_db,
            gain_raw=settings.gain_raw,
            black_level_dn=settings.black_level_dn,
            readout=dict(camera.row_timing.depends_on),
        )

    @classmethod
    def recorded(cls, camera: RecordedCamera) -> "CameraConditions":
        """Conditions of a recorded camera, as it was."""
        return cls(
            maker=camera.maker,
            model=camera.model,
            serial=camera.serial,
            firmware=camera.firmware,
            pixel_format=camera.pixel_format,
            gain_db=camera.gain_db,
            gain_raw=camera.gain_raw,
            black_level_dn=camera.black_level_node_dn,
            readout=camera.readout,
        )

    def differences(self, other: "CameraConditions", *, of_light: bool = True) -> list[str]:
        """Reasons why a calibration of this camera does not hold for ``other``.

        Without ``of_light`` only what the row timing depends on is compared. Firmware may
        differ; maker and model follow from the serial number.
        """
        fields = [("serial number", "serial"), ("pixel format", "pixel_format")]
        if of_light:
            fields += [("gain in dB", "gain_db"), ("raw gain", "gain_raw")]
            fields += [("black level node", "black_level_dn")]
        found = [
            f"{name} is {getattr(other, field)!s}, calibrated at {getattr(self, field)!s}"
            for name, field in fields
            if getattr(self, field) != getattr(other, field)
        ]
        for node in sorted(self.readout.keys() | other.readout.keys()):
            mine, theirs = self.readout.get(node, "absent"), other.readout.get(node, "absent")
            if mine != theirs:
                found.append(f"{node} is {theirs}, calibrated at {mine}")
        return found


class CalibratedCamera(_Part):
    """One camera and the calibration results of this camera alone."""

    conditions: CameraConditions
    dark: DarkCalibration | None = None
    line_time: LineTimeCalibration | None = None


class RigCalibration(_Part):
    """All of ``rig.json``; ``created`` is when it was last written.

    ``geometry`` takes RSGR pixels to GS pixels, ``colour`` GS light to RSGR light.
    """

    version: int = Field(default=VERSION, ge=1, le=VERSION)
    created: datetime
    program: str
    rsgr: CalibratedCamera
    gs: CalibratedCamera | None = None
    geometry: GeometryCalibration | None = None
    colour: ColourCalibration | None = None
    exposure_delay: ExposureDelayCalibration | None = None

    def verdicts(self) -> Iterator[tuple[str, Verdict]]:
        """Name and verdict of every step that was done."""
        for prefix, camera in (("", self.rsgr), ("gs ", self.gs)):
            if camera is not None and camera.dark is not None:
                yield f"{prefix}dark", camera.dark.verdict
            if camera is not None and camera.line_time is not None:
                yield f"{prefix}line-time", camera.line_time.verdict
        for name, step in (
            ("geometry", self.geometry),
            ("colour", self.colour),
            ("exposure-delay", self.exposure_delay),
        ):
            if step is not None:
                yield name, step.verdict

    @property
    def grade(self) -> Grade:
        """The worst grade of the steps."""
        grades = {verdict.grade for _, verdict in self.verdicts()}
        return next((grade for grade in (Grade.REDO, Grade.USABLE) if grade in grades), Grade.GOOD)

    def check_fits(self, *cameras: CameraConditions) -> None:
        """Raise :class:`InstrumentError` unless it was made with these cameras (RSGR, GS)."""
        for name, calibrated, camera in zip(
            ("RSGR", "GS"), (self.rsgr, self.gs), cameras, strict=False
        ):
            if calibrated is None:
                raise InstrumentError(
                    f"the rig calibration knows no {name} camera; calibrate with --gs"
                )
            different = calibrated.conditions.differences(camera)
            if different:
                raise InstrumentError(
                    f"the rig calibration is not of this {name} camera: {'; '.join(different)}; "
                    "set the camera as it was, or calibrate again"
                )

    def holds_timing(self, camera: CameraConditions) -> bool:
        """Whether the measured line time holds for this RSGR camera in this state."""
        calibrated = self.rsgr.line_time is not None
        return calibrated and not self.rsgr.conditions.differences(camera, of_light=False)

    def holds_light(self, camera: CameraConditions, index: int = 0) -> bool:
        """Whether the measured levels hold for this RSGR (0) or GS (1) camera in this state."""
        calibrated = (self.rsgr, self.gs)[index]
        return (
            calibrated is not None
            and calibrated.dark is not None
            and not calibrated.conditions.differences(camera)
        )

    def timing(self, exposure_us: float, rows: int) -> SensorTiming | None:
        """Row timing of the RSGR camera for a value of its ExposureTime node, None if not known.

        ``exposure_us`` of the result is the effective exposure, the chip's offset added.
        """
        line_time = self.rsgr.line_time
        if line_time is None:
            return None
        return SensorTiming(
            exposure_us + line_time.exposure_offset_us,
            line_time.line_time_us,
            rows,
            line_time.direction,
        )

    @property
    def gs_offset_beyond_us(self) -> float:
        """How much more the GS chip adds to its exposure than the RSGR chip; 0 if not known."""
        line_time, delay = self.rsgr.line_time, self.exposure_delay
        if line_time is None or delay is None or delay.gs_exposure_offset_us is None:
            return 0.0
        return delay.gs_exposure_offset_us - line_time.exposure_offset_us

    def black_level_dn(self, camera: int = 0) -> float | None:
        """Measured black level of the RSGR (0) or GS (1) camera's codes."""
        calibrated = (self.rsgr, self.gs)[camera]
        if calibrated is None or calibrated.dark is None:
            return None
        return calibrated.dark.black_level_dn

    def saturation_dn(self, camera: int = 0) -> float | None:
        """Measured saturation of the RSGR (0) or GS (1) camera, a code."""
        calibrated = (self.rsgr, self.gs)[camera]
        if calibrated is None or calibrated.dark is None:
            return None
        transfer = calibrated.dark.photon_transfer
        return None if transfer is None else transfer.clip_dn


def read_rig(path: Path | str) -> RigCalibration:
    """Read a ``rig.json``; raises :class:`InstrumentError` with file and field."""
    try:
        rig = RigCalibration.model_validate_json(read_input(Path(path)))
        _check_geometry(rig)
    except (ValidationError, InstrumentError) as error:
        raise _no_rig(str(path), error, "calibrate again, or correct it") from None
    except OSError as error:
        raise InstrumentError(f"{path} cannot be read: {error.strerror}") from None
    return rig


def recorded_rig(info: RecordingInfo, name: str = "what was recorded") -> RigCalibration | None:
    """The calibration in a recording, None if it has none; ``name`` is for the error.

    Raises :class:`InstrumentError` if another version wrote it in another format.
    """
    if info.calibration is None:
        return None
    try:
        rig = RigCalibration.model_validate(info.calibration)
        _check_geometry(rig)
    except (ValidationError, InstrumentError) as error:
        raise _no_rig(name, error, "give another with --rig rig.json") from None
    return rig


def _check_geometry(rig: RigCalibration) -> None:
    """Raise :class:`InstrumentError` where the whole sensor shows nothing of the other."""
    if rig.geometry is not None:
        rig.geometry.map.gs_region(Region(0, 0, *rig.geometry.map.rsgr_sensor_px))


def _no_rig(name: str, error: ValidationError | InstrumentError, remedy: str) -> InstrumentError:
    fault = first_fault(error) if isinstance(error, ValidationError) else str(error)
    return InstrumentError(f"{name} is no rig calibration: {fault}; {remedy}")


def write_rig(path: Path, rig: RigCalibration) -> None:
    """Write a ``rig.json``, whole or not at all; raises :class:`InstrumentError`."""
    with whole_file(path, durable=True) as file:
        file.write(rig.model_dump_json(indent=2).encode() + b"\n")
