"""The cameras of a session, opened and configured: one, or the two of a rig."""

from collections.abc import Iterator
from dataclasses import replace

from app.session.config import DEFAULT_FPS, SessionConfig
from app.session.restoring_conditions import timing_in_use
from drivers.addresses import open_camera
from drivers.camera import Camera, ExposureSettings, ShutterMode, TriggerSource
from drivers.errors import InstrumentError
from drivers.rig.rig import GENERATOR_ENABLE, GENERATOR_RATE, Rig
from drivers.timing import check_frame_rate, highest_fps

_PACED_BY_US = (TriggerSource.INTERNAL, TriggerSource.SOFTWARE)


class CameraSet:
    """Opens all cameras of a configuration when made, or none.

    ``rig`` is None with one camera. Raises :class:`InstrumentError` when a camera cannot
    be opened or configured.
    """

    def __init__(self, config: SessionConfig) -> None:
        self._config = config
        self._cameras: list[Camera] = []
        self.rig: Rig | None = None
        try:
            self._cameras.append(open_camera(config.camera, config.options))
            if config.gs_camera is not None:
                self._cameras.append(open_camera(config.gs_camera, config.options))
                generator_set = any(
                    node in (GENERATOR_ENABLE, GENERATOR_RATE)
                    for node, _ in config.options.node_settings
                )
                geometry = None if config.rig is None else config.rig.geometry
                self.rig = Rig(
                    self.at(0),
                    self.at(1),
                    config.wiring,
                    drives_generator=not generator_set,
                    gs_region=None if geometry is None else geometry.map.gs_region,
                )
            self._configure_first(config.settings)
        except BaseException:
            self.close()
            raise

    def __len__(self) -> int:
        return len(self._cameras)

    def __iter__(self) -> Iterator[Camera]:
        return iter(tuple(self._cameras))

    def at(self, index: int) -> Camera:
        """The RSGR (0) or GS (1) camera; raises :class:`InstrumentError` where it is not open."""
        cameras = tuple(self._cameras)  # another thread may be closing them
        if index >= len(cameras):
            wanted = self._config.gs_camera if index else self._config.camera
            raise InstrumentError(f"{wanted} is not open; reconnect it")
        return cameras[index]

    @property
    def start_order(self) -> tuple[int, ...]:
        """Indices of the cameras in the order to start them; stop them in reverse."""
        return (0,) if self.rig is None else self.rig.start_order

    def close(self) -> None:
        """Close every camera; safe more than once."""
        while self._cameras:
            self._cameras.pop().close()

    def _configure_first(self, request: ExposureSettings) -> None:
        """Apply the first settings, with global reset where offered and nothing else is wanted."""
        camera, rig = self.at(0), self.rig
        if request.shutter is None and ShutterMode.GLOBAL_RESET in camera.controls.shutter_modes:
            request = replace(request, shutter=ShutterMode.GLOBAL_RESET)
        if rig is not None:
            request = replace(request, trigger_source=rig.source_of_rsgr(request.trigger_source))
        elif request.trigger_source is None:
            # Always set: a camera may come with a trigger left over from the last program.
            resets = request.shutter == ShutterMode.GLOBAL_RESET
            source = TriggerSource.AUTO if resets else TriggerSource.OFF
            request = replace(request, trigger_source=source)
        if request.region is None and self._config.size_px is not None:
            region = camera.controls.centred_region(*self._config.size_px)
            request = replace(request, region=region)
        # A requested rate is set together with the exposure, which may need it. The default rate
        # comes last, since its limit follows from everything else.
        camera.configure(request)
        if rig is not None:
            rig.wire()
            rig.follow(shape=True)
            rig.share_link(request.link_limit_bytes_per_s)
        fps = self._first_rate() if request.fps is None else request.fps
        if fps is not None:
            self.check(ExposureSettings(fps=fps))
            camera.configure(ExposureSettings(fps=fps))
            if rig is not None:
                rig.follow()

    def _first_rate(self) -> float | None:
        """The default rate or the sensors' limit; None if the trigger comes from outside."""
        paced = self.at(0).state.trigger_source in _PACED_BY_US
        if not (paced if self.rig is None else paced or self.rig.paces_itself):
            return None
        timing = timing_in_use(self.at(0), self._config).sensor
        if self.rig is not None:
            limit = self.rig.limit_fps(timing)
        else:
            sensor_fps = highest_fps(timing) if timing is not None else None
            limits = (sensor_fps, self.at(0).state.link.highest_fps)
            limit = min((each for each in limits if each is not None), default=None)
        return DEFAULT_FPS if limit is None else min(DEFAULT_FPS, 0.95 * limit)

    def check(self, request: ExposureSettings) -> None:
        """Refuse a rate above the sensor's limit if only an option gives the line time.

        A camera that knows its line time refuses by itself. In a rig, refuse what the GS camera
        cannot follow.
        """
        camera = self.at(0)
        if self.rig is not None:
            self.rig.check(request)
        timing = timing_in_use(camera, self._config).sensor
        fps = request.fps or camera.settings.fps
        triggered_reset = camera.state.shutter_mode == ShutterMode.GLOBAL_RESET
        if self._config.line_time_us is None or not triggered_reset or not timing or not fps:
            return
        exposure_us = request.exposure_us or timing.exposure_us
        rows = request.region.height_px if request.region else timing.rows
        check_frame_rate(fps, replace(timing, exposure_us=exposure_us, rows=rows))

    def configure(self, request: ExposureSettings) -> ExposureSettings:
        """Change settings of the RSGR and with it of the GS camera; return those achieved.

        See :meth:`Rig.configure` for what stands after a refusal.
        """
        return self.at(0).configure(request) if self.rig is None else self.rig.configure(request)
