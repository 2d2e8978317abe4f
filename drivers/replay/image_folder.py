"""A folder of images played back as a camera, in a loop, at a chosen rate."""

import time
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np

from drivers.camera import CameraIdentity, CaptureCounters, DeviceState, FrameFormat, RowTiming
from drivers.camera_settings import (
    CameraControls,
    ExposureSettings,
    NumericControl,
    Region,
    ShutterMode,
    TriggerSource,
)
from drivers.errors import InstrumentError, SettingRefusedError, UnknownCameraError
from drivers.frame import FrameMetadata
from drivers.picture_file import read_picture
from drivers.pixel_format import PIXEL_FORMATS, PixelFormat, Pixels
from drivers.replay.fixed_settings import EXPOSURE, RunState, black_level_control, refuse_changes
from drivers.timing import TimingSource

IMAGE_SUFFIXES = frozenset({".png", ".tif", ".tiff", ".jpg", ".jpeg", ".bmp", ".pgm"})
DEFAULT_FPS = 30.0

_FPS = NumericControl(minimum=0.1, maximum=1000.0, increment=0.0, unit="fps")


def image_files(folder: Path) -> list[Path]:
    """Image files of a folder in natural name order."""
    return sorted(
        (path for path in folder.iterdir() if path.suffix.lower() in IMAGE_SUFFIXES),
        key=lambda path: (len(path.name), path.name),
    )


def read_image(path: Path) -> Pixels:
    """Codes of an image file as stored: mono ``(rows, columns)`` or RGB, 8 or 16 bit.

    Raises :class:`InstrumentError` if it is no such image.
    """
    pixels = read_picture(path, cv2.IMREAD_UNCHANGED)
    if pixels is None:
        raise InstrumentError(f"{path} cannot be read as an image; replace or remove it")
    if pixels.dtype not in (np.uint8, np.uint16) or pixels.ndim not in (2, 3):
        raise InstrumentError(f"{path} holds {pixels.dtype} values; 8 or 16 bit codes are needed")
    if pixels.ndim == 3:
        alpha = pixels.shape[2] == 4
        pixels = cv2.cvtColor(pixels, cv2.COLOR_BGRA2RGB if alpha else cv2.COLOR_BGR2RGB)
    return pixels.astype(pixels.dtype.newbyteorder("="), copy=False)


def _format_of(pixels: Pixels) -> PixelFormat:
    bits = 8 if pixels.dtype == np.uint8 else 16
    return PIXEL_FORMATS[f"{'RGB' if pixels.ndim == 3 else 'Mono'}{bits}"]


class ImageReplay:
    """A folder of images; implements :class:`drivers.camera.Camera`.

    Raises :class:`UnknownCameraError` if the folder or its images do not
    exist. An image with another size or depth than the first ends the replay
    with an :class:`InstrumentError` naming the file.
    """

    def __init__(self, address: str, folder: Path) -> None:
        if not folder.is_dir():
            raise UnknownCameraError(
                f"{folder} is no folder; give replay:/path/to/recording or a folder of images"
            )
        self._files = image_files(folder)
        if not self._files:
            raise UnknownCameraError(
                f"{folder} holds no images ({', '.join(sorted(IMAGE_SUFFIXES))})"
            )
        first = read_image(self._files[0])
        self.address = address
        self.identity = CameraIdentity(maker="replay", model="image folder", serial=folder.name)
        self.frame_format = FrameFormat(first.shape[0], first.shape[1], _format_of(first))
        self.settings = ExposureSettings(
            fps=DEFAULT_FPS,
            pixel_format=self.frame_format.pixel_format.name,
            region=Region(0, 0, self.frame_format.columns, self.frame_format.rows),
            shutter=ShutterMode.UNKNOWN,
            trigger_source=TriggerSource.OFF,
        )
        self.row_timing = RowTiming(None, TimingSource.UNKNOWN)
        self.state = DeviceState(ShutterMode.UNKNOWN, trigger_source=TriggerSource.OFF)
        self._run = RunState()
        self._played = 0
        self._due_s = 0.0

    @property
    def controls(self) -> CameraControls:
        """Frame rate, and the recording settings that the operator can give."""
        return CameraControls(
            fps=_FPS,
            exposure_us=EXPOSURE,
            black_level_dn=black_level_control(self.frame_format.pixel_format.maximum_dn),
            pixel_formats=(self.frame_format.pixel_format.name,),
            trigger_sources=(TriggerSource.OFF,),
        )

    @property
    def counters(self) -> CaptureCounters:
        """Counts since the last ``start``; a replay loses nothing: a slow reader slows it down."""
        return CaptureCounters(captured=self._played)

    def configure(self, request: ExposureSettings) -> ExposureSettings:
        """Set the frame rate; exposure and black level state how the images were taken.

        Everything else is as recorded and refused if it differs.
        """
        refuse_changes(request, self.settings)
        black_level = black_level_control(self.frame_format.pixel_format.maximum_dn)
        exposure_us, black_level_dn, fps = (
            now if wanted is None else control.check(name, wanted)
            for name, control, wanted, now in (
                ("exposure", EXPOSURE, request.exposure_us, self.settings.exposure_us),
                (
                    "black level",
                    black_level,
                    request.black_level_dn,
                    self.settings.black_level_dn,
                ),
                ("frame rate", _FPS, request.fps, self.settings.fps),
            )
        )
        self.settings = replace(
            self.settings, exposure_us=exposure_us, black_level_dn=black_level_dn, fps=fps
        )
        return self.settings

    def frame_slots(self, slots: int) -> None:
        """See :class:`drivers.camera.Camera`: any memory is as good."""

    def start(self) -> None:
        """Start at the first image."""
        self._played = 0
        self._due_s = time.monotonic()
        self._run.start()

    def grab(self, into: Pixels, timeout_s: float) -> FrameMetadata | None:
        """Fill ``into`` with the next image when it is due; None on time-out."""
        if not self._run.reached(self._due_s, time.monotonic() + timeout_s):
            return None
        path = self._files[self._played % len(self._files)]
        pixels = read_image(path)
        if pixels.shape != into.shape or pixels.dtype != into.dtype:
            raise InstrumentError(
                f"{path} is {pixels.shape} {pixels.dtype}, the first image was "
                f"{into.shape} {into.dtype}; replay images of one size and depth"
            )
        np.copyto(into, pixels)
        now_s = time.monotonic()
        # A reader that is late by more than a frame does not have to catch up.
        self._due_s = max(self._due_s, now_s - 1.0 / self._fps) + 1.0 / self._fps
        metadata = FrameMetadata(sequence=self._played, host_time_ns=time.monotonic_ns())
        self._played += 1
        return metadata

    @property
    def _fps(self) -> float:
        fps = self.settings.fps
        assert fps is not None  # set in __init__, never unset
        return fps

    def send_software_trigger(self) -> None:
        """A replay cannot be triggered."""
        raise SettingRefusedError("a replay cannot be triggered; it runs at --fps by itself")

    def stop(self) -> None:
        """Wake a waiting grab."""
        self._run.stop()

    def close(self) -> None:
        """Stop; files are only open while they are read."""
        self.stop()
