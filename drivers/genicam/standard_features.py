"""The ordinary features of a camera by their standard and legacy names.

Every function reads or writes the node map: the caller holds the camera's lock.
Names: GenICam SFNC 2.7; the ``Abs`` and ``Raw`` forms are SFNC 1.x.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from drivers.camera import FrameFormat, RowTiming
from drivers.camera_settings import (
    NUMBER_SETTINGS,
    CameraControls,
    ExposureSettings,
    NumericControl,
    Region,
)
from drivers.errors import InstrumentError, SettingRefusedError
from drivers.genicam import line_output, link, nodes, shutter, trigger
from drivers.genicam.makers.line_times import printed_line_time
from drivers.genicam.makers.table import MAKERS
from drivers.pixel_format import PIXEL_FORMATS, pixel_format
from drivers.timing import FRAME_OVERHEAD_US, TimingSource


@dataclass(frozen=True, slots=True)
class NumberFeature:
    """Nodes of a setting that is one number: the first available of ``names`` counts.

    Where a camera has none of them, ``raw`` is one that counts in steps of ``step`` (a
    node's name), or of 1 unit where the camera has no such node. A feature that is only
    ``without`` others is not offered where the camera has one of those.
    """

    names: tuple[str, ...] = ()
    raw: str | None = None
    step: tuple[str, ...] = ()
    without: tuple[str, ...] = ()


_GAIN = ("Gain", "GainAbs")
LINK_LIMIT = "link_limit_bytes_per_s"
"""Set by :mod:`drivers.genicam.link`: it is a limit with a mode, or a delay."""

NUMBER_FEATURES: Mapping[str, NumberFeature] = {
    LINK_LIMIT: NumberFeature(),
    "gain_db": NumberFeature(_GAIN),
    "gain_raw": NumberFeature(("GainRaw",), without=_GAIN),
    "black_level_dn": NumberFeature(("BlackLevel", "BlackLevelAbs", "BlackLevelRaw")),
    "exposure_us": NumberFeature(
        ("ExposureTime", "ExposureTimeAbs", "AcquisitionExpTime"),
        raw="ExposureTimeRaw",
        step=("ExposureTimeBaseAbs", "ExposureTimeBase"),
    ),
}
"""By the field of :class:`drivers.camera_settings.ExposureSettings`, in the order to write them."""
BALANCE_RATIO = ("BalanceRatio", "BalanceRatioAbs")

WHOLE_SENSOR: Mapping[str, tuple[str, ...]] = {
    "GainSelector": ("All", "AnalogAll"),
    "BlackLevelSelector": ("All",),
    "ExposureTimeSelector": ("Common",),
}
"""Selectors behind which the settings lie, and the values that mean every pixel."""

_LINE_TIME = tuple(name for maker in MAKERS for name in maker.line_time_nodes)
_READOUT_TIME = tuple(name for maker in MAKERS for name in maker.readout_time_nodes)
_READOUT_MODE = tuple(name for maker in MAKERS for name in maker.readout_mode_nodes)

_PREFERRED_FORMATS = (
    *("Mono16", "Mono14", "Mono12", "Mono10", "Mono8"),
    *("BayerRG16", "BayerRG12", "BayerRG8", "RGB8", "BGR8"),
)
"""Unpacked before packed: packed codes cost CPU time on every frame."""


class Features:
    """Reads and writes one camera's ordinary features.

    ``shutter_node`` is (node, value) of global reset for an unknown maker.
    """

    def __init__(
        self, node_map: nodes.NodeMap, shutter_node: tuple[str, str] | None = None
    ) -> None:
        self._node_map = node_map
        self.shutter_node = shutter_node
        self._outputs = line_output.probe(node_map)
        self._output_line = line_output.read(node_map, self._outputs)

    def text(self, *names: str) -> str:
        """Text of the first available node, empty where the camera has none."""
        return nodes.text_of(self._node_map, *names)

    def _number(self, *names: str) -> float | None:
        return nodes.number_of(self._node_map, *names)

    def select_whole_sensor(self) -> None:
        """Select what acts on every pixel, where a former program left one channel selected."""
        for name, wanted in WHOLE_SENSOR.items():
            selector = nodes.find(self._node_map, name)
            if selector is None or self.text(name) in wanted:
                continue
            value = next((value for value in wanted if nodes.takes_now(selector, value)), None)
            if value is not None:
                nodes.write(selector, value)

    def warnings(self) -> tuple[str, ...]:
        """What an operator should know of how settings are told and set."""
        return tuple(
            f"{NUMBER_SETTINGS[setting].name} is set by {feature.raw}; the camera does not tell "
            f"how much a step is, 1 {NUMBER_SETTINGS[setting].unit} is assumed"
            for setting, feature in NUMBER_FEATURES.items()
            if feature.raw is not None
            and self._place(setting)[0] == (feature.raw,)
            and nodes.find(self._node_map, feature.raw) is not None
            and self._number(*feature.step) is None
        )

    def _place(self, setting: str) -> tuple[tuple[str, ...], float]:
        """Nodes of a setting and how much one step of them is; no nodes where not offered."""
        feature = NUMBER_FEATURES[setting]
        if any(nodes.is_implemented(nodes.lookup(self._node_map, it)) for it in feature.without):
            return (), 1.0
        if feature.raw is None or nodes.find(self._node_map, *feature.names) is not None:
            return feature.names, 1.0
        return (feature.raw,), self._number(*feature.step) or 1.0

    def number(self, setting: str) -> float | None:
        """One of :data:`NUMBER_FEATURES` as read back; None where the camera has none."""
        if setting == LINK_LIMIT:
            return link.limit_bytes_per_s(self._node_map)
        names, step = self._place(setting)
        value = self._number(*names)
        return None if value is None else value * step

    def number_control(self, setting: str) -> NumericControl | None:
        """Its range as the device states it now; None where the camera has none."""
        if setting == LINK_LIMIT:
            return link.limit_control(self._node_map)
        names, step = self._place(setting)
        control = self._control(*names, unit=NUMBER_SETTINGS[setting].unit)
        if control is None:
            return None
        return replace(
            control,
            minimum=control.minimum * step,
            maximum=control.maximum * step,
            increment=control.increment * step,
        )

    def _pixels(self, name: str) -> int:
        value = self._number(name)
        if value is None:
            raise InstrumentError(f"the camera does not tell its {name}; update its firmware")
        return int(value)

    def frame_format(self) -> FrameFormat:
        """Shape and coding of the frames the camera would send now."""
        return FrameFormat(
            self._pixels("Height"),
            self._pixels("Width"),
            pixel_format(self.text("PixelFormat")),
        )

    def choose_readable_pixel_format(self) -> None:
        """Leave the present format if it can be read, else set the best one that can."""
        if self.text("PixelFormat") in PIXEL_FORMATS:
            return
        offered = self._offered_formats()
        best = next((name for name in (*_PREFERRED_FORMATS, *offered) if name in offered), None)
        if best is None:
            raise InstrumentError(
                f"the camera offers pixel format {self.text('PixelFormat')} and none of "
                f"{', '.join(PIXEL_FORMATS)}"
            )
        self.set_pixel_format(best)

    def _offered_formats(self) -> tuple[str, ...]:
        node = nodes.find(self._node_map, "PixelFormat")
        offered = () if node is None else nodes.symbolics(node)
        return tuple(name for name in offered if name in PIXEL_FORMATS)

    def row_timing(self, model: str) -> RowTiming:
        """Line time by the maker's node, else his printed one, else estimated from the readout.

        ``model`` is the camera's name, as it tells it.
        """
        coding = self.frame_format()
        depends_on = tuple((name, text) for name in _READOUT_MODE if (text := self.text(name)))
        readout_us = self._number(*_READOUT_TIME) or 0.0
        printed = printed_line_time(model, coding.pixel_format.name, dict(depends_on))
        line_time_us, source = self._number(*_LINE_TIME), TimingSource.NODE
        overhead_us: float | None = None
        if line_time_us is None and printed is not None:
            (line_time_us, overhead_us), source = printed, TimingSource.MAKER
        elif line_time_us is None and readout_us:
            line_time_us, source = readout_us / coding.rows, TimingSource.ESTIMATED
        if line_time_us is None:
            return RowTiming(None, TimingSource.UNKNOWN, depends_on=depends_on)
        if overhead_us is None:
            # The whole readout may take longer than its rows.
            overhead_us = readout_us - coding.rows * line_time_us
        return RowTiming(
            line_time_us,
            source,
            depends_on=depends_on,
            overhead_us=max(overhead_us, FRAME_OVERHEAD_US),
        )

    def settings(self) -> ExposureSettings:
        """Plain numbers, white balance, region, format and output as read back.

        The output line is read when it is set: looking at all lines takes a GigE camera long.
        """
        numbers: dict[str, Any] = {setting: self.number(setting) for setting in NUMBER_FEATURES}
        return ExposureSettings(
            **numbers,
            white_balance_red=self._balance("Red"),
            white_balance_blue=self._balance("Blue"),
            region=Region(
                int(self._number("OffsetX") or 0),
                int(self._number("OffsetY") or 0),
                self._pixels("Width"),
                self._pixels("Height"),
            ),
            pixel_format=self.text("PixelFormat"),
            output_line=self._output_line if self._outputs.lines else None,
        )

    def set_output_line(self, line: str) -> None:
        """Let ``line`` signal the exposure, or no line for ``"off"``.

        Raises :class:`SettingRefusedError` listing what the lines offer.
        """
        try:
            line_output.configure(self._node_map, self._outputs, line)
        finally:
            self._output_line = line_output.read(self._node_map, self._outputs)

    def controls(self) -> CameraControls:
        """Ranges and choices as the device states them now."""
        capabilities = shutter.probe(self._node_map, self.shutter_node)
        triggers = trigger.probe(self._node_map)
        numbers: dict[str, Any] = {
            setting: self.number_control(setting) for setting in NUMBER_FEATURES
        }
        return CameraControls(
            **numbers,
            fps=trigger.rate_control(self._node_map),
            white_balance_red=self._balance_control("Red"),
            white_balance_blue=self._balance_control("Blue"),
            offset_x_px=self._control("OffsetX", unit="px"),
            offset_y_px=self._control("OffsetY", unit="px"),
            width_px=self._control("Width", unit="px"),
            height_px=self._control("Height", unit="px"),
            trigger_delay_us=triggers.delay_us,
            sensor_size_px=self._sensor_size(),
            pixel_formats=self._offered_formats(),
            shutter_modes=capabilities.modes,
            trigger_sources=triggers.sources,
            trigger_activations=triggers.activations,
            output_lines=self._outputs.lines,
        )

    def _control(self, *names: str, unit: str) -> NumericControl | None:
        return nodes.numeric_control(self._node_map, *names, unit=unit)

    @contextmanager
    def _balance_channel(self, channel: str) -> Iterator[bool]:
        """Select a white balance channel; False where the camera has none."""
        selector = nodes.find(self._node_map, "BalanceRatioSelector")
        if selector is None or channel not in nodes.symbolics(selector):
            yield False
            return
        nodes.write(selector, channel)
        yield True

    def _balance(self, channel: str) -> float | None:
        with self._balance_channel(channel) as offered:
            return self._number(*BALANCE_RATIO) if offered else None

    def _balance_control(self, channel: str) -> NumericControl | None:
        with self._balance_channel(channel) as offered:
            return self._control(*BALANCE_RATIO, unit="times green") if offered else None

    def set_white_balance(self, channel: str, ratio: float) -> None:
        """Set the gain of ``Red`` or ``Blue`` against green."""
        with self._balance_channel(channel) as offered:
            if not offered:
                raise SettingRefusedError(
                    f"white balance {channel.lower()} {ratio:g} cannot be set: the camera "
                    "offers none in this pixel format; choose a colour format"
                )
            nodes.set_number(
                self._node_map, BALANCE_RATIO, ratio, f"white balance {channel.lower()}", "times"
            )

    def set_setting(self, setting: str, value: float) -> None:
        """Set one of :data:`NUMBER_FEATURES`; raises :class:`SettingRefusedError`."""
        told = NUMBER_SETTINGS[setting]
        if setting == LINK_LIMIT:
            link.set_limit(self._node_map, value, told.name)
            return
        names, step = self._place(setting)
        if not names:
            raise SettingRefusedError(
                f"{told.name} {value:.10g} {told.unit} cannot be set: the camera has "
                f"{' or '.join(NUMBER_FEATURES[setting].without)}; set that instead"
            )
        if step == 1.0:
            nodes.set_number(self._node_map, names, value, told.name, told.unit)
            return
        control = self.number_control(setting)
        if control is not None:
            control.check(told.name, value)
        nodes.set_number(self._node_map, names, round(value / step), told.name, "steps")

    def set_pixel_format(self, name: str) -> None:
        """Set the pixel format by its PFNC name."""
        pixel_format(name)
        nodes.set_choice(self._node_map, ("PixelFormat",), name, "pixel format")

    def set_region(self, region: Region) -> None:
        """Set the region of interest.

        A region must fit the sensor at every step between two regions, so the
        offsets go to their minimum first and are set last. Raises
        :class:`SettingRefusedError` with the sensor's size.
        """
        limit_width, limit_height = self._sensor_size()
        if (
            region.offset_x_px < 0
            or region.offset_y_px < 0
            or region.offset_x_px + region.width_px > limit_width
            or region.offset_y_px + region.height_px > limit_height
        ):
            raise SettingRefusedError(
                f"region {region.width_px} x {region.height_px} px at ({region.offset_x_px}, "
                f"{region.offset_y_px}) exceeds the sensor's {limit_width} x {limit_height} px; "
                "make it smaller or move it"
            )
        for name in ("OffsetX", "OffsetY"):
            control = self._control(name, unit="px")
            if control is not None:
                self._set_pixels(name, control.minimum, "offset")
        self._set_pixels("Width", region.width_px, "width")
        self._set_pixels("Height", region.height_px, "height")
        self._set_pixels("OffsetX", region.offset_x_px, "OffsetX")
        self._set_pixels("OffsetY", region.offset_y_px, "OffsetY")

    def _set_pixels(self, name: str, value_px: float, what: str) -> None:
        """Set a side or an offset that is not so already; some cameras have fixed ones or none."""
        now_px = self._number(name)
        if value_px != (0 if now_px is None else now_px):
            nodes.set_number(self._node_map, (name,), value_px, what, "px")

    def _sensor_size(self) -> tuple[int, int]:
        width = self._number("WidthMax", "SensorWidth")
        height = self._number("HeightMax", "SensorHeight")
        if width is None or height is None:
            widest = self._control("Width", unit="px")
            highest = self._control("Height", unit="px")
            assert widest is not None  # a camera without Width is refused when it is opened
            assert highest is not None
            return int(widest.maximum), int(highest.maximum)
        return int(width), int(height)
