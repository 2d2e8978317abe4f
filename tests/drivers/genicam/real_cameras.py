"""The makers' cameras as devices that have the features the driver asks for.

Each function takes the folder with the makers' descriptions; None gives our modelled one.
"""

from collections.abc import Iterable
from pathlib import Path

from tests.drivers.genicam import modelled_cameras
from tests.drivers.genicam.register_memory import DescribedDevice

TRIGGER = (
    "TriggerSelector",
    "TriggerMode",
    "TriggerSource",
    "TriggerActivation",
)


def basler_ace(shared_folder: Path | None) -> DescribedDevice:
    """Basler acA3088-16gm: ShutterMode, legacy names with Abs, a timer that only follows."""
    if shared_folder is None:
        return modelled_cameras.basler_ace()
    device = _load(shared_folder, "Basler-acA3088-16gm.xml")
    device.enable(*TRIGGER, "TriggerDelayAbs", "ShutterMode", "TimerSelector", "TimerTriggerSource")
    device.enable("GammaEnable", "GainAuto", "ExposureAuto", "LUTSelector", "LUTEnable")
    device.enable("TestImageSelector")
    return device


def flir_blackfly_s(
    shared_folder: Path | None, shutters: Iterable[str] = modelled_cameras.SHUTTERS
) -> DescribedDevice:
    """FLIR Blackfly S: SensorShutterMode at Guru level, counters of a 1 MHz clock."""
    if shared_folder is None:
        return modelled_cameras.flir_blackfly_s(shutters)
    device = _load(shared_folder, "PGR_BlackflyS_50S5C.xml")
    device.enable(*TRIGGER, "TriggerSoftware", "TriggerOverlap")
    device.enable("SensorShutterMode", entries=shutters)
    device.enable("CounterSelector", "CounterEventSource", "CounterDuration", "CounterDelay")
    device.enable("CounterTriggerSource", "CounterResetSource")
    device.enable("Gamma", "GammaEnable", "ExposureMode", "ExposureAuto", "GainAuto")
    for counter in ("Counter0", "Counter1"):
        device.node_map.get_node("CounterSelector").value = counter
        device.poke("CounterDuration_Max", 100_000_000)
    return _untouched(device)


def alvium(shared_folder: Path | None) -> DescribedDevice:
    """Allied Vision Alvium U-811m: GlobalResetShutter, timers that restart themselves."""
    if shared_folder is None:
        return modelled_cameras.alvium()
    device = _load(shared_folder, "Allied_Vision_1800_U-811m.xml")
    device.enable(*TRIGGER, "TriggerSoftware", "TriggerDelay", "SensorShutterMode")
    device.enable("TimerSelector", "TimerDuration", "TimerDelay", "TimerReset")
    device.enable("TimerTriggerSource", "Gamma", "LUTSelector", "LUTEnable", "ExposureAuto")
    for timer in ("Timer0", "Timer1"):
        device.node_map.get_node("TimerSelector").value = timer
        device.poke("RegTimerDurationMin", 100.0)
        device.poke("RegTimerDurationMax", 10_000_000.0)
    device.poke("RegGammaMax", 4.0)
    return _untouched(device)


def manta(shared_folder: Path | None) -> DescribedDevice:
    """Allied Vision Manta G-895: a global shutter; fixed-rate trigger, legacy Abs names."""
    if shared_folder is None:
        return modelled_cameras.manta()
    device = _load(shared_folder, "AVT_Manta_G895B.xml")
    device.enable(*TRIGGER, "TriggerSoftware", "TriggerOverlap", "TriggerDelayAbs")
    device.poke("RegTriggerDelayMax", 60_000)
    device.poke("RegFixedIntervalMin", 2_000)
    device.poke("RegFixedIntervalMax", 100_000_000)
    device.poke("RegFixedIntervalValue", 1_000_000)
    return _untouched(device)


def tucsen(shared_folder: Path | None) -> DescribedDevice:
    """Tucsen Dhyana 6060: names of its own throughout; its shutter node is read-only."""
    if shared_folder is None:
        return modelled_cameras.tucsen()
    return _load(shared_folder, "Tucsen_CXP_Dhyana6060BSI.xml")


def _load(shared_folder: Path, name: str) -> DescribedDevice:
    return DescribedDevice.from_file(shared_folder / "cameras" / name)


def _untouched(device: DescribedDevice) -> DescribedDevice:
    device.memory.writes.clear()
    return device
