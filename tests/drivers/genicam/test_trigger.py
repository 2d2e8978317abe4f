"""Triggering by every dialect: camera-internal generators, software, lines, free-running."""

from collections.abc import Callable
from pathlib import Path

import pytest

from drivers.errors import SettingRefusedError
from drivers.genicam import nodes, trigger
from drivers.genicam.trigger import TriggerRequest
from tests.drivers.genicam import real_cameras
from tests.drivers.genicam import register_memory as device
from tests.drivers.genicam.register_memory import DescribedDevice

Camera = Callable[[Path | None], DescribedDevice]


def periodic_signal_camera() -> DescribedDevice:
    return DescribedDevice(
        device.description(
            device.frame_trigger("Line1", "PeriodicSignal1", "Software"),
            device.enumeration("BslPeriodicSignalSelector", "PeriodicSignal1", address=0x2000),
            device.number("BslPeriodicSignalPeriod", 100, 10_000_000, 0x2008),
        )
    )


def software_camera(more_on_source: str = "") -> DescribedDevice:
    return DescribedDevice(
        device.description(
            device.frame_trigger("Line1", "Line2", "Software", more=more_on_source),
            device.enumeration("TriggerActivation", "RisingEdge", "FallingEdge", address=0x2000),
            device.number("TriggerDelay", 0, 1000, 0x2008),
            device.switch("AcquisitionFrameRateEnable", 0x2010),
            device.number("AcquisitionFrameRate", 1, 100, 0x2018),
        )
    )


def untriggered_camera() -> DescribedDevice:
    return DescribedDevice(device.description(device.number("AcquisitionFrameRate", 1, 100, 0x20)))


def text(described: DescribedDevice, node: str) -> str:
    return nodes.read_text(nodes.require(described.node_map, node))


@pytest.mark.parametrize(
    ("camera", "signal", "rate_hz"),
    [
        (real_cameras.alvium, "Timer0End", 60.0),
        (real_cameras.flir_blackfly_s, "Counter0End", 1e6 / 16_667),
        (real_cameras.manta, "FixedRate", 1e6 / 16_667),
    ],
)
def test_a_generator_inside_the_camera_makes_the_rhythm(
    shared_folder: Path | None, camera: Camera, signal: str, rate_hz: float
) -> None:
    described = camera(shared_folder)
    report = trigger.configure(described.node_map, TriggerRequest("internal", rate_hz=60.0))
    assert report.state.source == "internal"
    assert report.state.signal == signal
    assert report.state.rate_hz == pytest.approx(rate_hz)
    assert text(described, "TriggerMode") == "On"
    assert text(described, "TriggerSource") == signal
    assert all(step.read_back for step in report.steps if step.asked != "execute")
    assert trigger.set_rate(described.node_map, 25.0) == pytest.approx(25.0, rel=1e-4)


def test_basler_periodic_signal() -> None:
    described = periodic_signal_camera()
    report = trigger.configure(described.node_map, TriggerRequest("auto", rate_hz=100.0))
    assert report.state.signal == "PeriodicSignal1"
    assert text(described, "BslPeriodicSignalPeriod") == "10000"


def test_a_timer_starts_untriggered_and_then_restarts_itself(shared_folder: Path | None) -> None:
    described = real_cameras.alvium(shared_folder)
    report = trigger.configure(described.node_map, TriggerRequest("internal", rate_hz=60.0))
    told = [(step.node, step.asked) for step in report.steps]
    stopped = told.index(("TimerTriggerSource", "Off"))
    started = told.index(("TimerReset", "execute"))
    assert stopped < started < told.index(("TimerTriggerSource", "Timer0End"))


def test_a_counter_counts_microseconds(shared_folder: Path | None) -> None:
    described = real_cameras.flir_blackfly_s(shared_folder)
    trigger.configure(described.node_map, TriggerRequest("internal", rate_hz=100.0))
    assert text(described, "CounterEventSource") == "MHzTick"
    assert text(described, "CounterDuration") == "10000"
    assert text(described, "CounterTriggerSource") == "Counter0End"


def test_a_timer_that_cannot_restart_itself_is_no_generator(shared_folder: Path | None) -> None:
    described = real_cameras.basler_ace(shared_folder)
    assert trigger.probe(described.node_map).internal == ()
    report = trigger.configure(described.node_map, TriggerRequest("auto"))
    assert report.state.source == "software"


def test_a_rate_beyond_the_generator_is_refused_in_hertz() -> None:
    described = periodic_signal_camera()
    trigger.configure(described.node_map, TriggerRequest("internal", rate_hz=10.0))
    with pytest.raises(SettingRefusedError, match=r"20000 Hz is outside 0.1 to 10000 Hz"):
        trigger.set_rate(described.node_map, 20_000.0)
    assert trigger.read(described.node_map).rate_hz == pytest.approx(10.0)
    control = trigger.rate_control(described.node_map)
    assert control is not None
    assert (control.minimum, control.maximum, control.unit) == pytest.approx((0.1, 1e4, "Hz"))


def test_a_request_that_cannot_be_met_leaves_the_trigger_as_it_was() -> None:
    described = periodic_signal_camera()
    trigger.configure(described.node_map, TriggerRequest("Line1"))
    with pytest.raises(SettingRefusedError, match=r"trigger rate 0.01 Hz is outside"):
        trigger.configure(described.node_map, TriggerRequest("internal", rate_hz=0.01))
    assert trigger.read(described.node_map).source == "Line1"


def test_a_line_is_asked_for_by_the_devices_own_name() -> None:
    described = software_camera()
    request = TriggerRequest("Line2", activation="FallingEdge", delay_us=250.0)
    state = trigger.configure(described.node_map, request).state
    assert state == trigger.TriggerState(
        "Line2", "Line2", "FrameStart", rate_hz=None, activation="FallingEdge", delay_us=250.0
    )


def test_legacy_names_with_abs(shared_folder: Path | None) -> None:
    described = real_cameras.manta(shared_folder)
    state = trigger.configure(described.node_map, TriggerRequest("Line1", delay_us=40.0)).state
    assert state.delay_us == 40.0
    assert text(described, "TriggerDelayAbs") == "40"


def test_an_unknown_source_is_told_what_is_offered() -> None:
    described = software_camera()
    with pytest.raises(
        SettingRefusedError, match=r"Line7 is not offered .*: software, off, Line1, Line2$"
    ):
        trigger.configure(described.node_map, TriggerRequest("Line7"))
    with pytest.raises(SettingRefusedError, match="internal is not offered"):
        trigger.configure(described.node_map, TriggerRequest("internal"))
    assert described.memory.writes == []


def test_a_delay_is_kept_for_the_trigger_to_come() -> None:
    node_map = software_camera().node_map
    state = trigger.configure(node_map, TriggerRequest("off", delay_us=40.0)).state
    assert (state.source, state.delay_us) == ("off", 40.0)


def test_a_delay_beyond_the_device_is_refused_with_the_limits() -> None:
    with pytest.raises(SettingRefusedError, match="trigger delay 2000 us is outside 0 to 1000 us"):
        trigger.configure(software_camera().node_map, TriggerRequest("Line1", delay_us=2000.0))


def test_an_activation_without_a_line_is_left_aside_and_said() -> None:
    request = TriggerRequest("software", activation="FallingEdge")
    report = trigger.configure(software_camera().node_map, request)
    assert report.state.activation == "RisingEdge"
    assert "acts on lines" in report.warnings[0]


def test_free_running_at_a_frame_rate_and_back() -> None:
    described = software_camera()
    trigger.configure(described.node_map, TriggerRequest("software"))
    state = trigger.configure(described.node_map, TriggerRequest("off", rate_hz=30.0)).state
    assert (state.source, state.signal, state.rate_hz) == ("off", "", 30.0)
    assert text(described, "TriggerMode") == "Off"
    assert text(described, "AcquisitionFrameRateEnable") == "true"
    assert trigger.set_rate(described.node_map, 50.0) == 50.0
    trigger.configure(described.node_map, TriggerRequest("software"))
    assert text(described, "AcquisitionFrameRateEnable") == "false", "would cap the trigger rate"


def test_the_rate_of_an_outer_trigger_cannot_be_set_in_the_camera() -> None:
    described = software_camera()
    trigger.configure(described.node_map, TriggerRequest("Line1"))
    with pytest.raises(SettingRefusedError, match=r"30 Hz cannot be set .* come from Line1"):
        trigger.set_rate(described.node_map, 30.0)
    assert trigger.rate_control(described.node_map) is None


def test_other_triggers_that_would_hold_frames_back_are_switched_off(
    shared_folder: Path | None,
) -> None:
    described = real_cameras.basler_ace(shared_folder)
    selector = nodes.require(described.node_map, "TriggerSelector")
    for gate in ("AcquisitionStart", "FrameStart"):
        nodes.write(selector, gate)
        nodes.put(described.node_map, "TriggerMode", "On")
    report = trigger.configure(described.node_map, TriggerRequest("software"))
    assert report.state.selector == "FrameStart"
    assert text(described, "TriggerMode") == "On"
    nodes.write(selector, "AcquisitionStart")
    assert text(described, "TriggerMode") == "Off"


def test_a_source_that_is_locked_while_the_trigger_is_on() -> None:
    described = software_camera("<pIsLocked>TriggerIsOn</pIsLocked>")
    trigger.configure(described.node_map, TriggerRequest("Line1"))
    state = trigger.configure(described.node_map, TriggerRequest("software")).state
    assert (state.source, text(described, "TriggerMode")) == ("software", "On")


def test_one_node_may_be_mode_and_source(shared_folder: Path | None) -> None:
    """Tucsen: AcquisitionTrigMode is FreeRunning, Standard, Software or Gps."""
    described = real_cameras.tucsen(shared_folder)
    node_map = described.node_map
    report = trigger.configure(node_map, TriggerRequest("auto"))
    assert (report.state.source, report.state.signal) == ("software", "Software")
    assert report.warnings == ()
    assert text(described, "AcquisitionTrigMode") == "Software"
    described.memory.writes.clear()
    trigger.send_software_trigger(node_map)
    assert [int.from_bytes(data, "little") % 255 for _, data in described.memory.writes] == [1]
    request = TriggerRequest("Standard", activation="FallingEdge", delay_us=250.0)
    state = trigger.configure(node_map, request).state
    assert (state.source, state.activation, state.delay_us) == ("Standard", "FallingEdge", 250.0)
    assert text(described, "TrigEdge") == "FallingEdge"
    state = trigger.configure(node_map, TriggerRequest("off", rate_hz=20.0)).state
    assert (state.source, state.signal, state.rate_hz) == ("off", "", 20.0)
    assert text(described, "AcquisitionTrigMode") == "FreeRunning"
    with pytest.raises(SettingRefusedError):
        trigger.send_software_trigger(node_map)


def test_a_software_trigger_reaches_the_device() -> None:
    described = software_camera()
    trigger.configure(described.node_map, TriggerRequest("software"))
    trigger.send_software_trigger(described.node_map)
    assert described.memory.writes[-1] == (0x100C, b"\x01\0\0\0")


def test_a_camera_without_standard_triggers_runs_free_and_says_so() -> None:
    described = untriggered_camera()
    report = trigger.configure(described.node_map, TriggerRequest("auto", rate_hz=20.0))
    assert (report.state.source, report.state.rate_hz) == ("off", 20.0)
    assert "runs free" in report.warnings[0]
    with pytest.raises(SettingRefusedError, match=r"software is not offered .*: off$"):
        trigger.configure(described.node_map, TriggerRequest("software"))


@pytest.mark.parametrize(
    ("camera", "sources"),
    [
        (real_cameras.basler_ace, ("software", "off", "Line1")),
        (real_cameras.flir_blackfly_s, ("internal", "software", "off", "Line0")),
        (real_cameras.alvium, ("internal", "software", "off", "Line0")),
        (real_cameras.manta, ("internal", "software", "off", "Line1")),
        (real_cameras.tucsen, ("software", "off", "Standard", "Gps")),
    ],
)
def test_probing_tells_the_sources_and_changes_nothing(
    shared_folder: Path | None, camera: Camera, sources: tuple[str, ...]
) -> None:
    described = camera(shared_folder)
    assert trigger.probe(described.node_map).sources[: len(sources)] == sources
    assert described.memory.writes == []


def test_a_delay_left_in_the_timer_is_removed_and_the_rest_counts(
    shared_folder: Path | None,
) -> None:
    described = real_cameras.alvium(shared_folder)
    nodes.put(described.node_map, "TimerSelector", "Timer0")
    described.hold("TimerDelay", 5_000.0, minimum=200.0, maximum=10_000.0)
    state = trigger.configure(described.node_map, TriggerRequest("internal", rate_hz=50.0)).state
    assert text(described, "TimerDelay") == "200"
    assert text(described, "TimerDuration") == "19800"
    assert state.rate_hz == pytest.approx(50.0)
