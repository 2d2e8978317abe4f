"""The cameras of a session, opened and configured: one, or the two of a rig."""

import math
from collections.abc import Iterator
from dataclasses import fields, replace

from app.session.config import DEFAULT_FPS, SessionConfig
from app.session.restoring_conditions import timing_in_use
from drivers.addresses import open_camera
from drivers.camera import Camera
from drivers.camera_settings import (
    NUMBER_SETTINGS,
    ExposureSettings,
    ShutterMode,
    Trigger,
    TriggerSource,
)
from drivers.errors import InstrumentError, SettingRefusedError
from drivers.rig.rig import GENERATOR_ENABLE, GENERATOR_RATE, Rig
from drivers.timing import check_frame_rate, highest_fps

_AS_BEFORE = 1e-3
"""Restored values differ by less than this share, if a camera rounds them otherwise."""
_FIRST = (("pixel_format",), ("region",), ("trigger_source", "shutter"))
"""Settings that others depend on, in the order to restore them; those of a group together."""
_PACED_BY_US = (TriggerSource.INTERNAL, TriggerSource.SOFTWARE)


class CameraSet:
    """Opens all cameras of a configuration when made, or none.

    ``rig`` is None with one camera. Raises :class:`InstrumentError` when a camera cannot
    be opened or configured. Where the configuration ``restores`` the settings of a camera that
    was lost, those that it refuses are left as they are, and ``not_restored`` tells them.
    """

    def __init__(self, config: SessionConfig, *, restores: bool = False) -> None:
        self._config = config
        self._restores = restores
        self.not_restored: tuple[str, ...] = ()
        self._cameras: list[Camera] = []
        self.rig: Rig | None = None
        try:
            self._cameras.append(open_camera(config.camera, config.options))
            if config.gs_camera is not None:
                self._cameras.append(open_camera(config.gs_camera, config.options_of_gs))
                generator_set = any(
                    node in (GENERATOR_ENABLE, GENERATOR_RATE)
                    for node, _ in config.options.node_settings
                )
                geometry = None if config.rig is None else config.rig.geometry
                shorter_us = 0.0 if config.rig is None else config.rig.gs_offset_beyond_us
                self.rig = Rig(
                    self.at(0),
                    self.at(1),
                    config.wiring,
                    drives_generator=not generator_set,
                    gs_region=None if geometry is None else geometry.map.gs_region,
                    gs_settings=config.gs_settings,
                    gs_shorter_us=shorter_us,
                )
            self._configure_first(self._compensated(config.settings))
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

    def _compensated(self, request: ExposureSettings) -> ExposureSettings:
        """With the trigger delays that a calibration found, where nothing else is asked for."""
        calibration, rig = self._config.rig, self.rig
        if rig is None or calibration is None or calibration.exposure_delay is None:
            return request
        triggers = calibration.exposure_delay.triggers
        if triggers is None or triggers.wiring is not rig.wiring:
            return request
        if triggers.gs_us:
            rig.delay_gs(triggers.gs_us)
        if triggers.rsgr_us and request.trigger_delay_us is None:
            return replace(request, trigger_delay_us=triggers.rsgr_us)
        return request

    def _configure_first(self, request: ExposureSettings) -> None:
        """Apply the first settings, with global reset where offered and nothing else is wanted."""
        camera, rig, former = self.at(0), self.rig, request
        if request.shutter == ShutterMode.UNKNOWN:
            # None could be read of a camera that was lost: it has the one of its power-up again.
            request = replace(request, shutter=None)
        elif request.shutter is None and ShutterMode.GLOBAL_RESET in camera.controls.shutter_modes:
            request = replace(request, shutter=ShutterMode.GLOBAL_RESET)
        if rig is not None:
            request = replace(request, trigger_source=self._wired_source(rig, request))
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
        self._set(request)
        if rig is not None:
            rig.wire()
            rig.follow(shape=True)
            rig.share_link(request.link_limit_bytes_per_s)
        fps = self._first_rate() if request.fps is None else request.fps
        if fps is not None:
            if not self._restores:  # it was checked when it was set
                self.check(ExposureSettings(fps=fps))
            self._set(ExposureSettings(fps=fps))
            if rig is not None:
                rig.follow()
        if self._restores:
            self.not_restored += tuple(_differences(former, camera.settings))

    def _wired_source(self, rig: Rig, request: ExposureSettings) -> Trigger | None:
        """What triggers the RSGR camera in ``rig``, as before if that can be."""
        try:
            return rig.source_of_rsgr(request.trigger_source)
        except SettingRefusedError:
            if not self._restores:
                raise
            return rig.source_of_rsgr(None)

    def _set(self, request: ExposureSettings) -> None:
        """Configure the RSGR camera; in parts where former settings are restored and it refuses."""
        try:
            self.at(0).configure(request)
        except SettingRefusedError:
            if not self._restores:
                raise
            parts = _parts(request)
            for part in parts if len(parts) > 1 else ():
                self._set(part)

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


def _parts(request: ExposureSettings) -> list[ExposureSettings]:
    """A request in parts that can be refused alone, those that others depend on first."""
    asked = {
        field.name: value
        for field in fields(request)
        if (value := getattr(request, field.name)) is not None
    }
    single = [(name,) for name in asked if not any(name in group for group in _FIRST)]
    parts = [{name: asked[name] for name in group if name in asked} for group in (*_FIRST, *single)]
    return [ExposureSettings(**part) for part in parts if part]


def _differences(wanted: ExposureSettings, now: ExposureSettings) -> Iterator[str]:
    """What is not as it was before the camera was lost."""
    for field in fields(wanted):
        before, after = getattr(wanted, field.name), getattr(now, field.name)
        if before in (None, TriggerSource.AUTO, ShutterMode.UNKNOWN):
            continue
        number = NUMBER_SETTINGS.get(field.name)
        if number is not None:
            if after is not None and math.isclose(before, after, rel_tol=_AS_BEFORE):
                continue
            was = f"{before:.10g} {number.unit}".rstrip()
            has = "unknown" if after is None else f"{after:.10g} {number.unit}".rstrip()
            yield f"{number.name} was {was} before the camera was lost, it is {has}"
        elif before != after:
            name = field.name.replace("_", " ")
            yield f"{name} was {before} before the camera was lost, it is {after}"
