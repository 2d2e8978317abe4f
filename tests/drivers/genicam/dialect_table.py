"""What the driver makes of makers' descriptions and names: ``python -m`` this module [FOLDER].

Recognised, set and read back mean: on a description that offers this name and no other. FOLDER
has the makers' own descriptions in ``cameras``; without them only the made ones are told. The
tables stand in docs/makers/README.md.
"""

import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from drivers.camera_settings import NUMBER_SETTINGS, ShutterMode, TriggerSource
from drivers.errors import SettingRefusedError
from drivers.genicam import nodes, shutter, trigger
from drivers.genicam.makers.table import MAKERS
from drivers.genicam.standard_features import NUMBER_FEATURES, Features
from drivers.genicam.trigger import TriggerRequest
from tests.drivers.genicam import modelled_cameras, real_cameras
from tests.drivers.genicam import register_memory as device
from tests.drivers.genicam.hostile.hostile_description import RESET_VALUES, SHUTTER_NODES
from tests.drivers.genicam.register_memory import DescribedDevice

SHARED_FOLDER = Path(__file__).resolve().parents[4] / "shared"
NO = "no"
SHUTTER = 0x2000

Row = tuple[str, ...]
REAL_HEADINGS = (
    *("description", "shutter modes", "global reset: set, read back", "trigger by itself"),
    *("exposure", "gain", "line time"),
)
SHUTTER_HEADINGS = ("node", "values, in any capitals", "recognised", "set", "read back")
SETTING_HEADINGS = ("setting", "node", "recognised", "set", "read back")
LINE_TIME_HEADINGS = ("nodes", "source of the line time")
TRIGGER_HEADINGS = ("node", "value", "recognised as", "set", "read back")


@dataclass(frozen=True, slots=True)
class RealCamera:
    """A maker's description, and what its firmware would fill in: features and registers."""

    name: str
    load: Callable[[Path | None], DescribedDevice]
    model: str
    features: tuple[str, ...]
    registers: Mapping[str, float]
    pixel_format: str | None = "Mono8"


REAL_CAMERAS = (
    RealCamera(
        "Basler acA3088-16gm",
        real_cameras.basler_ace,
        "acA3088-16gm",
        ("GainSelector", "GainRaw", "ExposureTimeAbs", "ExposureTimeRaw", "Width", "Height",
         "PixelFormat", "ReadoutTimeAbs"),
        {"N110": 0, "N111": 360, "N575": 10, "N576": 1_000_000, "N577": 1, "N415": 3088,
         "N422": 2064, "N1460": 60_000},
    ),
    RealCamera(
        "FLIR Blackfly S 50S5C",
        real_cameras.flir_blackfly_s,
        "BFS-U3-50S5C",
        ("GainSelector", "Gain", "ExposureTime", "Width", "Height", "PixelFormat"),
        {"Gain_Max": 100_000, "ExposureTime_Min": 20, "ExposureTime_Max": 1_000_000,
         "Width_Val": 2448, "Height_Val": 2048},
    ),
    RealCamera(
        "Allied Vision Alvium 1800 U-811m",
        real_cameras.alvium,
        "1800 U-811m",
        ("OffsetX", "OffsetY", "WidthMax", "HeightMax", "Width", "Height", "PixelFormat", "Gain",
         "ExposureTime"),
        {"RegGainMax": 24.0, "RegExposureTimeMin": 20.0, "RegExposureTimeMax": 1e6,
         "RegWidth": 2848, "RegHeight": 2848},
    ),
    RealCamera(
        "Allied Vision Manta G-895B",
        real_cameras.manta,
        "Manta G-895B",
        ("Gain", "ExposureTimeAbs", "Width", "Height", "PixelFormat"),
        {"RegGainValueMax": 240, "RegExposureValueMin": 20, "RegExposureValueMax": 1_000_000,
         "RegWidth": 4096, "RegHeight": 2160},
    ),
    RealCamera(
        "Tucsen Dhyana 6060 BSI",
        real_cameras.tucsen,
        "Dhyana6060BSI",
        (),
        {"WidthReg": 6144, "HeightReg": 6144, "PixelFormatReg": 0x0105},
        pixel_format=None,
    ),
)  # fmt: skip


def real_rows(folder: Path) -> Iterator[Row]:
    """A row of :data:`REAL_HEADINGS` for each description; ``folder`` is that above cameras."""
    for camera in REAL_CAMERAS:
        described = camera.load(folder)
        described.enable(*camera.features)
        for register, value in camera.registers.items():
            described.poke(register, value)
        if camera.pixel_format is not None:
            described.node_map.get_node("PixelFormat").value = camera.pixel_format
        features = Features(described.node_map)
        modes = shutter.probe(described.node_map).modes
        yield (
            camera.name,
            ", ".join(mode.value.replace("_", " ") for mode in modes) or "told nowhere",
            _global_reset(described),
            _trigger_by_itself(described),
            _control(described, "exposure_us"),
            next((it for it in (_control(described, "gain_db"), _control(described, "gain_raw"))
                  if it != NO), NO),
            features.row_timing(camera.model).source.value,
        )  # fmt: skip


def shutter_rows() -> Iterator[Row]:
    """A row of :data:`SHUTTER_HEADINGS` for each node; values with other answers one of theirs."""
    spellings = [(node, RESET_VALUES) for node in SHUTTER_NODES]
    spellings += [
        ("TriggerOperation", ("GlobalResetRelease",)),
        ("GlobalResetReleaseModeEnable", ("true",)),
        ("TriggerGlobalResetRelease", ("true",)),
    ]
    for node, values in spellings:
        answers: dict[tuple[str, str, str], list[str]] = {}
        for value in values:
            written = {value} if value == "true" else {value, value.lower(), value.upper()}
            told = {_spelled(node, each) for each in written}
            answers.setdefault(told.pop() if len(told) == 1 else (NO, NO, NO), []).append(value)
        for answer, alike in answers.items():
            yield (node, ", ".join(alike), *answer)


def setting_rows() -> Iterator[Row]:
    """A row of :data:`SETTING_HEADINGS` for each name of a number."""
    floats = ("ExposureTime", "ExposureTimeAbs", "Gain", "GainAbs", "BlackLevel", "BlackLevelAbs")
    named = [(name, name, device.number(name, 0, 1000, SHUTTER)) for name in floats]
    whole = ("AcquisitionExpTime", "ExposureTimeRaw", "GainRaw", "BlackLevelRaw")
    named += [(name, name, device.number(name, 0, 1000, SHUTTER, step=1)) for name in whole]
    base = device.number("ExposureTimeBaseAbs", 0, 100, SHUTTER + 0x10)
    raw = device.number("ExposureTimeRaw", 0, 1000, SHUTTER, step=1)
    named.append(("ExposureTimeRaw", "ExposureTimeRaw, ExposureTimeBaseAbs", raw + base))
    selected = device.enumeration(
        "GainSelector", "Tap1", "All", address=0x3000, selects=("GainRaw",)
    ) + device.number("GainRaw", 0, 1000, SHUTTER, step=1, behind="GainSelector")
    named.append(("GainRaw", "GainRaw behind GainSelector", selected))
    heading = device.category("Gain", "GainRaw") + device.number(
        "GainRaw", 0, 1000, SHUTTER, step=1
    )
    named.append(("GainRaw", "GainRaw under a heading Gain", heading))
    for name, shown, features in sorted(named, key=lambda each: _setting_of(each[0])):
        described = DescribedDevice(device.description(features))
        if "ExposureTimeBaseAbs" in shown:
            described.node_map.get_node("ExposureTimeBaseAbs").value = 0.5
        setting = _setting_of(name)
        yield (NUMBER_SETTINGS[setting].name, shown, *_number(described, setting))


def _setting_of(name: str) -> str:
    """The setting that a node of this name is for."""
    return next(
        setting
        for setting, feature in NUMBER_FEATURES.items()
        if name in (*feature.names, feature.raw)
    )


def line_time_rows() -> Iterator[Row]:
    """A row of :data:`LINE_TIME_HEADINGS` for each way to know the line time."""
    told = tuple(name for maker in MAKERS for name in maker.line_time_nodes)
    read = tuple(name for maker in MAKERS for name in maker.readout_time_nodes)
    for names, model, shown in (
        *(((name,), "", name) for name in (*told, *read)),
        ((), "acA2500-14gm", "none, but a model in the makers' printed tables"),
        ((), "", "none"),
    ):
        size = device.number("Width", 16, 64, SHUTTER) + device.number("Height", 16, 48, 0x2010)
        described = DescribedDevice(
            device.description(
                size,
                device.enumeration("PixelFormat", "Mono8", address=0x2020),
                *(device.number(name, 0, 1e6, 0x3000) for name in names),
            )
        )
        described.node_map.get_node("Height").value = 48
        for name in names:
            described.node_map.get_node(name).value = 480.0
        yield shown, Features(described.node_map).row_timing(model).source.value


def trigger_rows() -> Iterator[Row]:
    """A row of :data:`TRIGGER_HEADINGS` for each kind of trigger."""
    restart = "TimerTriggerSource"
    timer = device.enumeration("TimerSelector", "Timer0", address=0x3000) + device.number(
        "TimerDuration", 100, 1e7, 0x3100
    ) + device.enumeration(restart, "Off", "Timer0End", address=0x3200)  # fmt: skip
    periodic = device.number("BslPeriodicSignalPeriod", 100, 1e7, 0x3100)
    for selector in ("FrameStart", "ExposureStart"):
        for value, more in (("Software", ""), ("Line1", ""), ("Timer0End", timer),
                            ("PeriodicSignal1", periodic)):  # fmt: skip
            described = DescribedDevice(
                device.description(
                    device.frame_trigger("Action0", value).replace("FrameStart", selector), more
                )
            )
            yield (f"TriggerSource of {selector}", value, *_triggered(described, value))
    for load, node, values in (
        (modelled_cameras.flir_blackfly_s, "TriggerSource", ("Counter0End",)),
        (modelled_cameras.manta, "TriggerSource", ("FixedRate",)),
        (modelled_cameras.tucsen, "AcquisitionTrigMode", ("Software", "Standard", "Gps")),
    ):
        for value in values:
            yield (node, value, *_triggered(load(), value))


def _spelled(node: str, value: str) -> tuple[str, str, str]:
    """Recognised, set, read back: of a camera that offers the value only while triggered."""
    if value == "true":
        offered = device.switch(node, SHUTTER, more="<pIsAvailable>TriggerIsOn</pIsAvailable>")
    else:
        offered = device.enumeration(
            node, "Rolling", value, address=SHUTTER, **{value: "TriggerIsOn"}
        )
    described = DescribedDevice(
        device.description(device.frame_trigger("Line1", "Software"), offered)
    )
    if ShutterMode.GLOBAL_RESET not in shutter.probe(described.node_map).modes:
        return NO, NO, NO
    set_to, read = _global_reset_parts(described)
    return "yes", set_to, read


def _global_reset(described: DescribedDevice) -> str:
    if ShutterMode.GLOBAL_RESET not in shutter.probe(described.node_map).modes:
        return "not offered"
    return ", ".join(_global_reset_parts(described))


def _global_reset_parts(described: DescribedDevice) -> tuple[str, str]:
    """Whether the device's own register holds global reset, and whether the driver reads it."""
    try:
        report = shutter.apply(
            described.node_map, ShutterMode.GLOBAL_RESET, TriggerRequest(TriggerSource.AUTO)
        )
    except SettingRefusedError as refusal:
        return str(refusal), NO
    held = described.node_map.get_node(report.node).to_string(False, True)
    is_set = held.lower() in (report.value.lower(), "1" if report.value == "true" else "")
    read = shutter.read_mode(described.node_map) is ShutterMode.GLOBAL_RESET
    return ("yes" if is_set else NO), ("yes" if read else NO)


def _trigger_by_itself(described: DescribedDevice) -> str:
    state = trigger.configure(described.node_map, TriggerRequest(TriggerSource.AUTO)).state
    return f"{state.source} ({state.signal})" if state.signal else str(state.source)


def _triggered(described: DescribedDevice, value: str) -> tuple[str, str, str]:
    """What a value of the trigger's source is taken for; set, and read back."""
    capabilities = trigger.probe(described.node_map)
    kinds = [each for each in capabilities.sources if each != TriggerSource.OFF]
    kind = next((each for each in kinds if capabilities.signal_of(each) == value), None)
    if kind is None:
        return NO, NO, NO
    state = trigger.configure(described.node_map, TriggerRequest(kind, rate_hz=50.0)).state
    told = "its own name" if kind == value else str(kind)
    held = nodes.read_text(nodes.require(described.node_map, capabilities.dialect.source))
    return told, ("yes" if held == value else NO), ("yes" if state.source == kind else NO)


def _control(described: DescribedDevice, setting: str) -> str:
    """The node of a setting that can be set and reads back, else no."""
    answers = _number(described, setting)
    if NO in answers:
        return NO
    feature = NUMBER_FEATURES[setting]
    node = nodes.find(described.node_map, *feature.names, *([feature.raw] if feature.raw else []))
    return "yes" if node is None else nodes.name_of(node)


def _number(described: DescribedDevice, setting: str) -> tuple[str, str, str]:
    """Recognised, set, read back."""
    features = Features(described.node_map)
    features.select_whole_sensor()
    control = features.number_control(setting)
    if control is None:
        return NO, NO, NO
    value = control.nearest((control.minimum + control.maximum) / 3)
    described.memory.writes.clear()
    features.set_setting(setting, value)
    read = features.number(setting)
    is_read = read is not None and abs(read - value) <= 1e-3 * value
    return "yes", ("yes" if described.memory.writes else NO), ("yes" if is_read else NO)


def markdown(headings: Row, rows: Iterator[Row]) -> str:
    """A table for README.md."""
    lines = [headings, ("---",) * len(headings), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def made_tables() -> str:
    """The tables that anybody can make."""
    return "\n\n".join(
        (
            markdown(SHUTTER_HEADINGS, shutter_rows()),
            markdown(SETTING_HEADINGS, setting_rows()),
            markdown(TRIGGER_HEADINGS, trigger_rows()),
            markdown(LINE_TIME_HEADINGS, line_time_rows()),
        )
    )


def real_table(folder: Path) -> str:
    """The table of the makers' own descriptions."""
    return markdown(REAL_HEADINGS, real_rows(folder))


if __name__ == "__main__":
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else SHARED_FOLDER
    if (folder / "cameras").is_dir():
        print(real_table(folder), end="\n\n")
    else:
        print(f"no makers' descriptions in {folder / 'cameras'}", file=sys.stderr)
    print(made_tables())
