"""Two cameras on one trigger: how they are wired, configured and started."""

from collections.abc import Callable
from dataclasses import replace
from typing import Protocol, runtime_checkable

from drivers.camera import Camera
from drivers.camera_settings import (
    NUMBER_SETTINGS,
    ExposureSettings,
    Region,
    Trigger,
    TriggerSource,
    is_signal,
    leading_back,
)
from drivers.errors import InstrumentError, SettingRefusedError
from drivers.rig.shared_link import common_link, share_link
from drivers.rig.wiring import Wiring, WiringRequest
from drivers.timing import SensorTiming, highest_fps

RISING_EDGE = "RisingEdge"

GENERATOR_RATE = "RigGeneratorRate"
GENERATOR_ENABLE = "RigGeneratorEnable"
"""Nodes of a pulse generator on the common wire that a camera can drive; SFNC has none."""


@runtime_checkable
class _HasNodes(Protocol):
    def has_node(self, node: str) -> bool:
        """Whether the device has the node."""

    def write_node(self, node: str, text: str) -> str:
        """Write any node from text and return it read back."""


class Rig:
    """An RSGR and a GS camera that expose together.

    ``wiring`` is decided when the rig is made, from the request and what the cameras
    offer; None means that nothing here triggers them, as in a replay. A wiring that was
    asked for and cannot be had is refused by :meth:`source_of_rsgr` and :meth:`wire`,
    naming what is offered. A pulse generator that the RSGR camera offers is set to the
    frame rate, unless ``drives_generator`` is False. ``gs_region`` tells where the GS camera
    sees a region of the RSGR camera; without it both look at the same place of their sensors.
    The GS camera follows the RSGR camera but for what ``gs_settings`` asks for (exposure, gain,
    pixel format). ``gs_shorter_us`` is how much more its chip adds to an exposure than that of
    the RSGR camera does: it is asked for so much less.
    """

    def __init__(
        self,
        rsgr: Camera,
        gs: Camera,
        request: WiringRequest,
        *,
        drives_generator: bool = True,
        gs_region: Callable[[Region], Region] | None = None,
        gs_settings: ExposureSettings | None = None,
        gs_shorter_us: float = 0.0,
    ) -> None:
        self.rsgr = rsgr
        self.gs = gs
        self._request = request
        self._gs_region = gs_region
        self._gs_settings = gs_settings or ExposureSettings()
        self._gs_shorter_us = gs_shorter_us
        self._generator: _HasNodes | None = None
        if drives_generator and isinstance(rsgr, _HasNodes) and rsgr.has_node(GENERATOR_RATE):
            self._generator = rsgr
        self.wiring: Wiring | None = request.wiring or _best_wiring(rsgr, gs)
        self._rsgr_share_bytes_per_s: float | None = None
        self._warnings: tuple[str, ...] = ()

    @property
    def cameras(self) -> tuple[Camera, Camera]:
        """The RSGR and the GS camera."""
        return self.rsgr, self.gs

    def source_of_rsgr(self, asked: Trigger | None) -> Trigger | None:
        """What shall trigger the RSGR camera under this wiring, given what was asked for.

        Raises :class:`SettingRefusedError` where the two do not go together.
        """
        match self.wiring:
            case Wiring.EXTERNAL:
                return _line_of(self.rsgr, None if asked == TriggerSource.AUTO else asked, "RSGR")
            case Wiring.MASTER:
                return asked or TriggerSource.AUTO
            case Wiring.SOFTWARE:
                if asked not in (None, TriggerSource.AUTO, TriggerSource.SOFTWARE):
                    raise SettingRefusedError(
                        f"software wiring and trigger {asked} exclude each other; "
                        "choose --wiring external or master, or leave --trigger out"
                    )
                return _software_source(self.rsgr)
        return asked

    def wire(self) -> None:
        """Wire both stopped cameras: first the output of the RSGR camera, then the GS camera.

        The RSGR camera's own trigger is set before, from :meth:`source_of_rsgr`. Raises
        :class:`SettingRefusedError` with what the cameras offer.
        """
        request = self._request
        if self.wiring is None:
            return
        if self.wiring is Wiring.MASTER:
            self.rsgr.configure(ExposureSettings(output_line=self._output_line()))
        if self.wiring is Wiring.SOFTWARE:
            self.gs.configure(ExposureSettings(trigger_source=_software_source(self.gs)))
        else:
            self.gs.configure(
                ExposureSettings(
                    trigger_source=_line_of(self.gs, request.gs_line, "GS"),
                    trigger_activation=self._gs_activation(),
                    trigger_delay_us=request.gs_delay_us,
                )
            )
        self._warnings = self._unlike()

    def delay_gs(self, delay_us: float) -> None:
        """Let the GS camera wait after its trigger, unless another delay was asked for."""
        if self._request.gs_delay_us is None:
            self._request = replace(self._request, gs_delay_us=delay_us)

    def _output_line(self) -> str:
        offered = self.rsgr.controls.output_lines
        line = self._request.output_line or next(iter(offered), None)
        if line not in offered:
            raise SettingRefusedError(
                f"the RSGR camera cannot tell its exposure on {line or 'any line'}; lines that "
                f"can: {_listed(offered)}; choose --wiring external or software"
            )
        return str(line)

    def _gs_activation(self) -> str | None:
        """The edge asked for, else the RSGR camera's on a common wire, else the rising one."""
        if self._request.gs_activation is not None:
            return self._request.gs_activation
        if not self.gs.controls.trigger_activations:
            return None
        common = self.wiring is Wiring.EXTERNAL
        return (self.rsgr.settings.trigger_activation if common else None) or RISING_EDGE

    def _unlike(self) -> tuple[str, ...]:
        """The warning of a camera that did not take the edge asked for."""
        wanted, now = self._gs_activation(), self.gs.settings.trigger_activation
        if self.wiring is Wiring.SOFTWARE or wanted is None or now in (None, wanted):
            return ()
        return (
            f"the GS camera's trigger reads {now}, not {wanted}: its exposures start with the "
            "wrong edge",
        )

    def check(self, request: ExposureSettings) -> None:
        """Refuse what the RSGR camera might take and the GS camera cannot follow.

        Raises :class:`SettingRefusedError` with the GS camera's limit.
        """
        if request.trigger_source is not None:
            self.source_of_rsgr(request.trigger_source)
        exposure_us = self._gs_exposure_us(request.exposure_us)
        if exposure_us is not None and self.gs.controls.exposure_us is not None:
            self.gs.controls.exposure_us.check("exposure of the GS camera", exposure_us)
        fps = request.fps or self.rsgr.settings.fps
        common = common_link(self.rsgr, self.gs)
        if fps is not None and common is not None:
            common.check_rate(fps)
        timing = self.gs_timing(request)
        if fps is not None and timing is not None and fps > highest_fps(timing):
            raise SettingRefusedError(
                f"frame rate {fps:g} fps exceeds {highest_fps(timing):.1f} fps, the limit of the "
                f"GS camera with exposure {timing.exposure_us:.10g} us and {timing.rows} rows of "
                f"{timing.line_time_us:g} us; lower the rate, the exposure or the height"
            )

    def share_link(self, asked_bytes_per_s: float | None = None) -> None:
        """Divide a common link, once the shape of both cameras' frames is set.

        ``asked_bytes_per_s`` is what an operator lets the RSGR camera send, from now on.
        """
        self._rsgr_share_bytes_per_s = asked_bytes_per_s or self._rsgr_share_bytes_per_s
        share_link(self.rsgr, self.gs, self._rsgr_share_bytes_per_s)

    def follow(self, *, shape: bool = False) -> None:
        """Let the GS camera expose as long and as often as the RSGR camera does.

        With ``shape`` it also takes its region and pixel format, as far as it offers
        them; that needs stopped cameras.
        """
        leader = self.rsgr.settings
        if shape:
            self.gs.configure(self._shape())
        exposure_us = self._gs_exposure_us(leader.exposure_us)
        if exposure_us is not None and self.gs.controls.exposure_us is not None:
            self.gs.configure(ExposureSettings(exposure_us=exposure_us))
        if leader.fps is not None:
            self.gs.configure(ExposureSettings(fps=leader.fps))
            self._set_generator(leader.fps)

    def _gs_exposure_us(self, exposure_us: float | None) -> float | None:
        """What the GS camera is asked for where the RSGR camera exposes ``exposure_us``."""
        if self._gs_settings.exposure_us is not None or exposure_us is None:
            return self._gs_settings.exposure_us
        return max(1.0, exposure_us - self._gs_shorter_us)

    def configure(self, request: ExposureSettings) -> ExposureSettings:
        """Change settings of the RSGR camera and with it of the GS camera; return its own.

        Where one of the two refuses, both go back to what they had, and the refusal is raised;
        it tells what did not go back.
        """
        former = [camera.settings for camera in self.cameras]
        former_share = self._rsgr_share_bytes_per_s
        shape = request.region is not None or request.pixel_format is not None
        try:
            if request.trigger_source is not None:
                source = self.source_of_rsgr(request.trigger_source)
                request = replace(request, trigger_source=source)
            achieved = self.rsgr.configure(request)
            self.follow(shape=shape)
            if shape or request.link_limit_bytes_per_s is not None:
                self.share_link(request.link_limit_bytes_per_s)
        except InstrumentError as refusal:
            self._rsgr_share_bytes_per_s = former_share
            left = self._put_back(former)
            if left:
                raise type(refusal)("; ".join((str(refusal), *left))) from refusal
            raise
        return achieved

    def _put_back(self, former: list[ExposureSettings]) -> list[str]:
        """Give both cameras their former settings again; what did not go back, for people."""
        left = []
        for name, camera, settings in zip(("RSGR", "GS"), self.cameras, former, strict=True):
            try:
                back = leading_back(settings, camera.settings)
                if back != ExposureSettings():
                    camera.configure(back)
                if camera is self.rsgr and back.fps is not None:
                    self._set_generator(back.fps)
            except InstrumentError as error:
                now = _changed(settings, camera.settings) or "other settings than before"
                left.append(f"the {name} camera now has {now}: {error}")
        return left

    def _shape(self) -> ExposureSettings:
        """Region and pixel format of the RSGR camera, as far as the GS camera has them."""
        leader, controls = self.rsgr.settings, self.gs.controls
        region = leader.region
        if region is not None and (
            controls.width_px is None
            or controls.sensor_size_px is None
            or region.offset_x_px + region.width_px > controls.sensor_size_px[0]
            or region.offset_y_px + region.height_px > controls.sensor_size_px[1]
        ):
            region = None
        if region is not None and self._gs_region is not None:
            region = controls.reachable(self._gs_region(region))
        own = self._gs_settings.pixel_format
        offered = leader.pixel_format in controls.pixel_formats
        return ExposureSettings(
            region=region,
            pixel_format=own or (leader.pixel_format if offered else None),
            gain_db=self._gs_settings.gain_db,
        )

    @property
    def paces_itself(self) -> bool:
        """Whether the rate is set here rather than at a generator of the operator's."""
        external = self.wiring in (Wiring.EXTERNAL, None)
        return not external or self._generator is not None

    def _set_generator(self, fps: float) -> None:
        if self.wiring is Wiring.EXTERNAL and self._generator is not None:
            self._generator.write_node(GENERATOR_RATE, f"{fps:.7g}")
            self._generator.write_node(GENERATOR_ENABLE, "true")

    @property
    def start_order(self) -> tuple[int, int]:
        """Indices of the cameras in start order: GS first, since RSGR may trigger it.

        Stop them in reverse.
        """
        return 1, 0

    def gs_timing(self, request: ExposureSettings | None = None) -> SensorTiming | None:
        """Exposure and readout of the GS camera, which do not overlap; None where unknown.

        With ``request`` as they would be.
        """
        request = request or ExposureSettings()
        exposure_us = self._gs_exposure_us(request.exposure_us or self.rsgr.settings.exposure_us)
        region = request.region
        rows = region.height_px if region is not None else self.gs.frame_format.rows
        return self.gs.row_timing.of(exposure_us, rows)

    def limit_fps(self, rsgr_timing: SensorTiming | None) -> float | None:
        """The highest rate that both and their links follow; None where nothing is known."""
        timings = [timing for timing in (rsgr_timing, self.gs_timing()) if timing is not None]
        common = common_link(self.rsgr, self.gs)
        links = [self.rsgr.state.link, self.gs.state.link, *([common] if common else [])]
        limits = [highest_fps(timing) for timing in timings]
        limits += [link.highest_fps for link in links if link.highest_fps is not None]
        return min(limits, default=None)

    @property
    def overruns(self) -> tuple[int | None, int | None]:
        """Triggers each camera ignored; None where it cannot tell."""
        return self.rsgr.counters.overruns, self.gs.counters.overruns

    @property
    def text(self) -> str:
        """How the cameras are wired, for people."""
        match self.wiring:
            case Wiring.EXTERNAL:
                return (
                    f"external generator on {self.rsgr.settings.trigger_source} of the RSGR and "
                    f"{self.gs.settings.trigger_source} of the GS camera"
                )
            case Wiring.MASTER:
                return (
                    f"{self.rsgr.settings.output_line} of the RSGR camera triggers "
                    f"{self.gs.settings.trigger_source} of the GS camera"
                )
            case Wiring.SOFTWARE:
                return "software triggers, one camera after the other: not synchronous"
        return "nothing here triggers the cameras: they run by themselves"

    @property
    def warnings(self) -> tuple[str, ...]:
        """What an operator must know of the pair."""
        lines = [*self._warnings]
        if self.wiring is Wiring.SOFTWARE:
            lines.append(
                "the two cameras are not synchronous: each gets its own software trigger, for "
                "trying only; wire a line and choose --wiring master or external"
            )
        leader_us, taken_us = self.rsgr.settings.exposure_us, self.gs.settings.exposure_us
        wanted_us = None if leader_us is None else leader_us - self._gs_shorter_us
        if wanted_us is not None and taken_us is not None and abs(wanted_us - taken_us) > 1.0:
            lines.append(
                f"the GS camera exposes {taken_us:g} us, the RSGR camera {leader_us:g} us; "
                "choose an exposure both offer"
            )
        return tuple(lines)


def trigger_signals(camera: Camera) -> tuple[str, ...]:
    """Signals from outside that the camera can be triggered by, lines first."""
    named = [source for source in camera.controls.trigger_sources if is_signal(source)]
    return tuple(sorted(named, key=lambda source: not source.startswith("Line")))


def _best_wiring(rsgr: Camera, gs: Camera) -> Wiring | None:
    if rsgr.controls.output_lines and trigger_signals(gs):
        return Wiring.MASTER
    untriggered = all(
        set(camera.controls.trigger_sources) <= {TriggerSource.OFF} for camera in (rsgr, gs)
    )
    return None if untriggered else Wiring.SOFTWARE


def _line_of(camera: Camera, asked: str | None, name: str) -> str:
    """The line a camera is triggered by: the one asked for, else its first."""
    offered = trigger_signals(camera)
    line = asked or next(iter(offered), None)
    if line not in offered:
        raise SettingRefusedError(
            f"the {name} camera cannot be triggered by {line or 'any line'}; lines it offers: "
            f"{_listed(offered)}; choose one of them, or --wiring software"
        )
    return line


def _software_source(camera: Camera) -> TriggerSource:
    """A replay has no trigger at all: it runs free."""
    offered = TriggerSource.SOFTWARE in camera.controls.trigger_sources
    return TriggerSource.SOFTWARE if offered else TriggerSource.OFF


def _listed(names: tuple[str, ...]) -> str:
    return ", ".join(names) or "none"


def _changed(former: ExposureSettings, now: ExposureSettings) -> str:
    """The numbers that are others than before, for people."""
    return ", ".join(
        f"{setting.name} {value:.7g} {setting.unit}".strip()
        for field, setting in NUMBER_SETTINGS.items()
        if (value := getattr(now, field)) != getattr(former, field) and value is not None
    )
