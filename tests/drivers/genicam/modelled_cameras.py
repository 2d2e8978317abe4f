"""Five small descriptions of our own, in the dialects of the makers' cameras.

Only the names that the driver asks for are there: its nodes and their values, and the
selectors in front of them. :mod:`real_cameras` has the makers' own descriptions.
"""

from collections.abc import Iterable

from tests.drivers.genicam import register_memory as device
from tests.drivers.genicam.register_memory import DescribedDevice

SHUTTERS = ("Global", "Rolling", "GlobalReset")


def basler_ace() -> DescribedDevice:
    """Like Basler ace GigE: ShutterMode, legacy names with Abs, a timer that only follows."""
    return DescribedDevice(
        device.description(
            _trigger(
                selectors=("AcquisitionStart", "FrameStart"),
                sources=("Software", "Line1", "Line2", "Action1"),
                delay="TriggerDelayAbs",
            ),
            device.number("AcquisitionFrameRateAbs", 0.1, 100.0, 0x1800),
            device.switch("AcquisitionFrameRateEnable", 0x1900),
            device.enumeration("ShutterMode", "Global", "Rolling", "GlobalResetRelease",
                               address=0x2000),
            device.enumeration("TimerSelector", "Timer1", address=0x3000,
                               selects=("TimerDurationAbs", "TimerDelayAbs", "TimerTriggerSource")),
            device.number("TimerDurationAbs", 1.0, 1e6, 0x3100, behind="TimerSelector"),
            device.number("TimerDelayAbs", 0.0, 1e6, 0x3200, behind="TimerSelector"),
            device.enumeration("TimerTriggerSource", "ExposureStart", address=0x3300,
                               behind="TimerSelector"),
            _lines("Line1", "Line2", "Out1", "Out2",
                   signals=("UserOutput0", "FlashWindow", "ExposureActive")),
            _look_up_table("Luminance"),
            device.switch("GammaEnable", 0x6000),
            device.enumeration("GainAuto", "Off", "Once", "Continuous", address=0x6100),
            device.enumeration("ExposureAuto", "Off", "Once", "Continuous", address=0x6200),
            device.enumeration("TestImageSelector", "Off", "Testimage1", "Testimage2",
                               address=0x6300),
        )
    )  # fmt: skip


def flir_blackfly_s(shutters: Iterable[str] = SHUTTERS) -> DescribedDevice:
    """Like FLIR Blackfly S: counters of a 1 MHz clock; the model says which shutters it has."""
    restarts = ("Off", "Line0", "Counter0End", "Counter1End", "ExposureStart")
    camera = DescribedDevice(
        device.description(
            _trigger(
                selectors=("AcquisitionStart", "FrameStart"),
                sources=("Software", "Line0", "Line1", "Counter0End", "Counter1End"),
                delay="TriggerDelay",
                overlaps=("Off", "ReadOut", "PreviousFrame"),
            ),
            device.number("AcquisitionFrameRate", 1.0, 100.0, 0x1800),
            device.switch("AcquisitionFrameRateEnable", 0x1900),
            device.inquiry("Has", *SHUTTERS, address=0x2100),
            device.enumeration("SensorShutterMode", *SHUTTERS, address=0x2000,
                               models={name: f"Has{name}" for name in SHUTTERS}),
            device.enumeration("CounterSelector", "Counter0", "Counter1", address=0x3000,
                               selects=("CounterEventSource", "CounterDuration", "CounterDelay",
                                        "CounterTriggerSource", "CounterResetSource")),
            device.enumeration("CounterEventSource", "Off", "MHzTick", "Line0", "ExposureStart",
                               address=0x3100, behind="CounterSelector"),
            device.number("CounterDuration", 0, 100_000_000, 0x3200, step=1,
                          behind="CounterSelector"),
            device.number("CounterDelay", 0, 100_000_000, 0x3300, step=1,
                          behind="CounterSelector"),
            device.enumeration("CounterTriggerSource", *restarts, address=0x3400,
                               behind="CounterSelector"),
            device.enumeration("CounterResetSource", *restarts, address=0x3500,
                               behind="CounterSelector"),
            _lines("Line0", "Line1", "Line2", signals=("Off", "Line0", "ExposureActive")),
            device.number("Gamma", 0.25, 4.0, 0x6000),
            device.switch("GammaEnable", 0x6100),
            device.enumeration("ExposureMode", "Timed", "TriggerWidth", address=0x6200),
            device.enumeration("ExposureAuto", "Off", "Once", "Continuous", address=0x6300),
            device.enumeration("GainAuto", "Off", "Once", "Continuous", address=0x6400),
        )
    )  # fmt: skip
    camera.enable("SensorShutterMode", entries=shutters)
    return camera


def alvium() -> DescribedDevice:
    """Like Allied Vision Alvium: GlobalResetShutter, timers that restart themselves."""
    camera = DescribedDevice(
        device.description(
            _trigger(
                selectors=("AcquisitionStart", "FrameStart", "ExposureStart"),
                sources=("Software", "Line0", "Line1", "Timer0End", "Timer1End"),
                delay="TriggerDelay",
            ),
            device.number("AcquisitionFrameRate", 1.0, 100.0, 0x1800),
            device.switch("AcquisitionFrameRateEnable", 0x1900),
            device.enumeration("SensorShutterMode",
                               "GlobalShutter", "RollingShutter", "GlobalResetShutter",
                               address=0x2000, GlobalResetShutter="TriggerIsOn"),
            device.enumeration("TimerSelector", "Timer0", "Timer1", address=0x3000,
                               selects=("TimerDuration", "TimerDelay", "TimerReset",
                                        "TimerTriggerSource")),
            device.number("TimerDuration", 100.0, 10_000_000.0, 0x3100, behind="TimerSelector"),
            device.number_with_told_limits("TimerDelay", 0x3200, behind="TimerSelector"),
            device.command("TimerReset", 0x3500, behind="TimerSelector"),
            device.enumeration("TimerTriggerSource",
                               "Off", "ExposureActive", "Line0", "Timer0End", "Timer1End",
                               address=0x3600, behind="TimerSelector"),
            _lines("Line0", "Line1", "Line2", "Line3",
                   signals=("Off", "FrameTriggerWait", "ExposureActive")),
            _look_up_table("Luminance", "Red", "Green", "Blue"),
            device.number("Gamma", 0.0, 4.0, 0x6000),
            device.enumeration("ExposureAuto", "Off", "Once", "Continuous", address=0x6100),
        )
    )  # fmt: skip
    camera.hold("Gamma", 1.0)
    return camera


def manta() -> DescribedDevice:
    """Like Allied Vision Manta: a global shutter; fixed-rate trigger, legacy Abs names."""
    return DescribedDevice(
        device.description(
            _trigger(
                selectors=("FrameStart", "AcquisitionStart", "AcquisitionEnd"),
                sources=("Freerun", "Line1", "Line2", "FixedRate", "Software"),
                delay="TriggerDelayAbs",
                overlaps=("Off", "PreviousFrame"),
            ),
            device.rate_of_interval("AcquisitionFrameRateAbs", 2_000, 100_000_000, 0x1800),
            device.enumeration("SyncOutSelector", "SyncOut1", "SyncOut2", "SyncOut3",
                               address=0x4000, selects=("SyncOutSource",)),
            device.enumeration("SyncOutSource", "GPO", "FrameReadout", "Exposing", "Imaging",
                               address=0x4100, behind="SyncOutSelector"),
        )
    )  # fmt: skip


def tucsen() -> DescribedDevice:
    """Like Tucsen Dhyana: one node is mode and source of the trigger, its shutter is read-only."""
    mode = "AcquisitionTrigMode"
    unless_standard = "<pIsLocked>TrigSetLock</pIsLocked>"
    kinds = ("Low", "High", "ExposureStart", "GlobalExposure", "ReadoutEnd")
    return DescribedDevice(
        device.description(
            device.category("Root", "AcquisitionFrameRate", "SensorShutterType", "TestPattern",
                            "AcquisitionExpTime", mode, "TrigEdge", "TrigDelay"),
            device.number("AcquisitionFrameRate", 1.0, 100.0, 0x1800),
            device.number("AcquisitionExpTime", 1, 3_600_000_000, 0x1900, step=1),
            device.enumeration("SensorShutterType", "Rolling", address=0x2000,
                               more="<ImposedAccessMode>RO</ImposedAccessMode>"),
            device.enumeration(mode, "FreeRunning", "Standard", "Software", "Gps", address=0x3000),
            device.when("TrigSetLock", f"{mode}Reg", "(V = 0) || (V = 2) || (V = 3)"),
            device.when("SoftTrigLock", f"{mode}Reg", "(V = 0) || (V = 1) || (V = 3)"),
            device.enumeration("TrigEdge", "RisingEdge", "FallingEdge", address=0x3100,
                               more=unless_standard),
            device.enumeration("TrigExpType", "TrigTimed", "TrigWidth", address=0x3200,
                               more=unless_standard),
            device.number("TrigDelay", 0, 10_000_000, 0x3300, step=1, more=unless_standard),
            device.command("TrigSoftwareSignal", 0x3400,
                           more="<pIsLocked>SoftTrigLock</pIsLocked>"),
            device.enumeration("TrigOutputPort", "Port1", "Port2", "Port3", address=0x4000,
                               selects=("TrigOutputKind",)),
            device.enumeration("TrigOutputKind", *kinds, address=0x4100, behind="TrigOutputPort"),
            device.enumeration("HorizontalFlip", "OFF", "ON", address=0x5000),
            device.enumeration("TestPattern", "Normal", "GreyHorizontalRamp", "GreyVerticalRamp",
                               address=0x6000),
        )
    )  # fmt: skip


def _trigger(
    *,
    selectors: tuple[str, ...],
    sources: tuple[str, ...],
    delay: str,
    overlaps: tuple[str, ...] = (),
) -> str:
    """Triggers behind a selector; ``TriggerIsOn`` is a condition to refer to."""
    selected = ["TriggerMode", "TriggerSoftware", "TriggerSource", "TriggerActivation", delay]
    behind = "TriggerSelector"
    overlap = ""
    if overlaps:
        selected.append("TriggerOverlap")
        overlap = device.enumeration("TriggerOverlap", *overlaps, address=0x1600, behind=behind)
    return (
        device.enumeration("TriggerSelector", *selectors, address=0x1000, selects=selected)
        + device.enumeration("TriggerMode", "Off", "On", address=0x1100, behind=behind)
        + device.enumeration("TriggerSource", *sources, address=0x1200, behind=behind)
        + device.enumeration(
            "TriggerActivation", "RisingEdge", "FallingEdge", address=0x1300, behind=behind
        )
        + device.command("TriggerSoftware", 0x1400, behind=behind)
        + device.number(delay, 0.0, 60_000.0, 0x1500, behind=behind)
        + overlap
        + device.when("TriggerIsOn", "TriggerModeReg", "V")
    )


def _lines(*lines: str, signals: tuple[str, ...]) -> str:
    behind = "LineSelector"
    return (
        device.enumeration(behind, *lines, address=0x4000, selects=("LineMode", "LineSource"))
        + device.enumeration("LineMode", "Input", "Output", address=0x4100, behind=behind)
        + device.enumeration("LineSource", *signals, address=0x4200, behind=behind)
    )


def _look_up_table(*channels: str) -> str:
    return device.enumeration(
        "LUTSelector", *channels, address=0x5000, selects=("LUTEnable",)
    ) + device.switch("LUTEnable", 0x5100, behind="LUTSelector")
