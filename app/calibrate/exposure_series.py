"""Frames that certainly have the requested exposure, at a frame rate that allows it."""

import time

from app.calibrate.frame_acquisition import FRAMES_TO_SETTLE, FrameAcquisition
from app.session.config import DEFAULT_FPS
from calibration.temporal.mains_flicker import averaging_fps
from drivers.camera_settings import ExposureSettings
from drivers.errors import InstrumentError
from drivers.frame import Frame
from drivers.timing import SensorTiming, highest_fps

_UNKNOWN_LINE_TIME_US = 30.0
"""Assumed where the camera does not tell its line time: sensors of machine vision are faster."""

_ROOM = 0.95
_MOST_TRIES = 20

_FRAMES_IN_FLIGHT = 16
"""Frames that may have been exposed and not yet fetched: the producer's buffers, twice."""


class ExposureSeries:
    """Changes exposures while streaming; gives no frame from before the change.

    A few frames are always let go. On a busy host more of them wait on their way. The
    camera's clock tells which; without a clock as many are let go as can be waiting.
    """

    def __init__(self, acquisition: FrameAcquisition) -> None:
        self.acquisition = acquisition
        self._changed_ns = 0
        self._settled: set[int] = set()
        self._host_minus_device_ns: dict[int, int] = {}
        self._clock_steps: dict[int, int] = {}

    def range_us(self) -> tuple[float, float]:
        """Shortest and longest exposure of the RSGR camera.

        Raises :class:`InstrumentError` where it has no exposure to change.
        """
        camera = self.acquisition.session.camera
        control = camera.controls.exposure_us
        if control is None or camera.settings.exposure_us is None:
            raise InstrumentError(
                f"{camera.address} has no exposure to change; it cannot be calibrated from images"
            )
        return control.minimum, control.maximum

    def make_room(self, longest_us: float, block_frames: int) -> None:
        """Set a frame rate that allows ``longest_us`` and the present exposure.

        Where possible it is one at which ``block_frames`` frames average mains flicker.
        A camera triggered from outside keeps its rate.
        """
        session = self.acquisition.session
        settings = session.camera.settings
        if settings.fps is None:
            return
        longest_us = max(longest_us, settings.exposure_us or 0.0)
        timing = session.timing().sensor
        line_time_us = _UNKNOWN_LINE_TIME_US if timing is None else timing.line_time_us
        rows = session.camera.frame_format.rows
        limit = min(DEFAULT_FPS, _ROOM * highest_fps(SensorTiming(longest_us, line_time_us, rows)))
        fps = averaging_fps(limit, block_frames)
        session.configure(ExposureSettings(fps=limit if fps is None else fps))

    def expose(self, exposure_us: float) -> float:
        """Set the exposure of all cameras; returns what the RSGR camera achieved in us."""
        achieved_us = self.acquisition.expose(exposure_us)
        self._changed_ns = time.monotonic_ns()
        self._settled.clear()
        return achieved_us

    def frames(self, count: int, camera: int = 0) -> list[Frame]:
        """The next ``count`` frames of the exposure set last.

        Raises :class:`InstrumentError` when none come.
        """
        frames: list[Frame] = []
        for _ in range(_MOST_TRIES):
            if self._clock_stepped(camera):
                # What it told before means nothing now: frames are let go as without a clock.
                self._host_minus_device_ns.pop(camera, None)
                self._settled.discard(camera)
                frames.clear()
            settle = 0 if camera in self._settled else self._frames_to_settle(camera)
            frames += self.acquisition.frames(count - len(frames), camera, settle=settle)
            self._settled.add(camera)
            self._compare_clocks(frames, camera)
            frames = [frame for frame in frames if self._is_after_change(frame, camera)]
            if len(frames) == count:
                return frames
        raise InstrumentError(
            "frames still come from before the exposure was changed; "
            "close what else keeps the computer busy, or lower the frame rate"
        )

    def _clock_stepped(self, camera: int) -> bool:
        """Whether the camera's clock stepped since the last look."""
        steps = self.acquisition.clock_steps(camera)
        before, self._clock_steps[camera] = self._clock_steps.get(camera, steps), steps
        return steps != before

    def _frames_to_settle(self, camera: int) -> int:
        """Frames to let go after a change: all that can be on their way where no clock helps."""
        known = camera in self._host_minus_device_ns
        return FRAMES_TO_SETTLE if known else _FRAMES_IN_FLIGHT

    def _compare_clocks(self, frames: list[Frame], camera: int) -> None:
        """Note by how much the host's clock is ahead of the camera's, as far as frames tell.

        The frame delivered soonest after its start tells it, except for its exposure and
        readout; those count as part of settling.
        """
        for frame in frames:
            metadata = frame.metadata
            if metadata.device_time_ns is not None:
                difference_ns = metadata.host_time_ns - metadata.device_time_ns
                least_ns = self._host_minus_device_ns.get(camera, difference_ns)
                self._host_minus_device_ns[camera] = min(least_ns, difference_ns)

    def _is_after_change(self, frame: Frame, camera: int) -> bool:
        """Whether the frame began after the last change, by the camera's clock if it has one."""
        device_time_ns = frame.metadata.device_time_ns
        if device_time_ns is None:
            return True
        return device_time_ns + self._host_minus_device_ns[camera] >= self._changed_ns
