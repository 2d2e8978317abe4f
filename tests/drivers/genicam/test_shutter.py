"""Global reset by every maker's dialect, on makers' descriptions and on small ones of our own."""

from collections.abc import Callable
from pathlib import Path

import pytest

from drivers.camera_settings import ShutterMode
from drivers.errors import SettingRefusedError, ShutterUnavailableError
from drivers.genicam import nodes, shutter
from drivers.genicam.makers.table import MAKERS
from drivers.genicam.trigger import TriggerRequest
from tests.drivers.genicam import real_cameras
from tests.drivers.genicam import register_memory as device
from tests.drivers.genicam.register_memory import DescribedDevice

Camera = Callable[[Path | None], DescribedDevice]

SHUTTER_REGISTER = 0x2000


def small_camera(*features: str) -> DescribedDevice:
    return DescribedDevice(
        device.description(device.frame_trigger("Line1", "Software", "Timer0End"), *features)
    )


def ids() -> DescribedDevice:
    """IDS peak: ExposureStart only, and the value exists only while that trigger is on."""
    return DescribedDevice(
        device.description(
            device.frame_trigger("Line1", "Software").replace("FrameStart", "ExposureStart"),
            device.enumeration(
                "SensorShutterMode",
                "Rolling",
                "GlobalReset",
                address=SHUTTER_REGISTER,
                GlobalReset="TriggerIsOn",
            ),
        )
    )


def balluff() -> DescribedDevice:
    """MATRIX VISION mvBlueFOX3, models with rolling-shutter sensors."""
    return small_camera(
        device.enumeration(
            "mvShutterMode",
            "mvRollingShutter",
            "mvGlobalReset",
            address=SHUTTER_REGISTER,
            mvGlobalReset="TriggerIsOn",
        )
    )


def imaging_source() -> DescribedDevice:
    return small_camera(
        device.enumeration(
            "TriggerOperation", "Normal", "GlobalResetRelease", address=SHUTTER_REGISTER
        )
    )


def imaging_source_switch() -> DescribedDevice:
    return small_camera(device.switch("TriggerGlobalResetRelease", SHUTTER_REGISTER))


def basler_switch() -> DescribedDevice:
    return small_camera(device.switch("GlobalResetReleaseModeEnable", SHUTTER_REGISTER))


def basler_mode_and_switch() -> DescribedDevice:
    return small_camera(
        device.enumeration(
            "ShutterMode", "Rolling", "GlobalResetRelease", address=SHUTTER_REGISTER
        ),
        device.switch("GlobalResetReleaseModeEnable", 0x2010),
    )


def hikrobot() -> DescribedDevice:
    return small_camera(
        device.enumeration("ShutterMode", "Rolling", "GlobalReset", address=SHUTTER_REGISTER)
    )


def text(described: DescribedDevice, node: str) -> str:
    return nodes.read_text(nodes.require(described.node_map, node))


@pytest.mark.parametrize(
    ("camera", "node", "value"),
    [
        (real_cameras.basler_ace, "ShutterMode", "GlobalResetRelease"),
        (real_cameras.flir_blackfly_s, "SensorShutterMode", "GlobalReset"),
        (real_cameras.alvium, "SensorShutterMode", "GlobalResetShutter"),
    ],
)
def test_makers_dialects_go_into_global_reset_and_back(
    shared_folder: Path | None, camera: Camera, node: str, value: str
) -> None:
    described = camera(shared_folder)
    check_global_reset_and_back(described, node, value)


@pytest.mark.parametrize(
    ("camera", "node", "value"),
    [
        (ids, "SensorShutterMode", "GlobalReset"),
        (balluff, "mvShutterMode", "mvGlobalReset"),
        (imaging_source_switch, "TriggerGlobalResetRelease", "true"),
        (basler_switch, "GlobalResetReleaseModeEnable", "true"),
        (basler_mode_and_switch, "ShutterMode", "GlobalResetRelease"),
        (hikrobot, "ShutterMode", "GlobalReset"),
    ],
)
def test_small_descriptions_go_into_global_reset_and_back(
    camera: Callable[[], DescribedDevice], node: str, value: str
) -> None:
    check_global_reset_and_back(camera(), node, value)


def check_global_reset_and_back(described: DescribedDevice, node: str, value: str) -> None:
    report = shutter.apply(described.node_map, ShutterMode.GLOBAL_RESET, TriggerRequest("software"))
    assert (report.mode, report.node, report.value) == (ShutterMode.GLOBAL_RESET, node, value)
    assert text(described, node) == value
    assert text(described, "TriggerMode") == "On"
    assert text(described, "TriggerSource") == "Software"
    assert report.trigger.source == "software"
    told = [step.node for step in report.steps]
    assert told.index("TriggerMode") < told.index("TriggerSource") < told.index(node)
    assert shutter.read_mode(described.node_map) is ShutterMode.GLOBAL_RESET

    back = shutter.apply(described.node_map, ShutterMode.ROLLING, TriggerRequest("off"))
    assert back.mode is shutter.read_mode(described.node_map) is ShutterMode.ROLLING
    assert text(described, "TriggerMode") == "Off"


def test_imaging_source_has_no_value_for_the_way_back() -> None:
    described = imaging_source()
    report = shutter.apply(described.node_map, ShutterMode.GLOBAL_RESET, TriggerRequest("software"))
    assert (report.node, report.value) == ("TriggerOperation", "GlobalResetRelease")
    with pytest.raises(ShutterUnavailableError, match="no rolling shutter"):
        shutter.apply(described.node_map, ShutterMode.ROLLING, TriggerRequest("off"))


def test_ids_wants_its_exposure_start_trigger_on_first() -> None:
    described = ids()
    offer = shutter.probe(described.node_map).offer(ShutterMode.GLOBAL_RESET)
    assert offer is not None
    assert not offer.available_now
    assert "trigger" in offer.condition
    shutter.apply(described.node_map, ShutterMode.GLOBAL_RESET, TriggerRequest("Line1"))
    assert text(described, "TriggerSelector") == "ExposureStart"
    offer = shutter.probe(described.node_map).offer(ShutterMode.GLOBAL_RESET)
    assert offer is not None
    assert offer.available_now


def test_without_a_trigger_the_text_says_what_is_missing() -> None:
    with pytest.raises(ShutterUnavailableError) as refusal:
        shutter.apply(ids().node_map, ShutterMode.GLOBAL_RESET, TriggerRequest("off"))
    told = str(refusal.value)
    assert "SensorShutterMode = GlobalReset cannot be set now" in told
    assert "offered only while the trigger is on; trigger source: off" in told
    assert "SensorShutterMode offers Rolling, GlobalReset" in told


def test_baslers_companion_switch_follows_the_mode() -> None:
    described = basler_mode_and_switch()
    shutter.apply(described.node_map, ShutterMode.GLOBAL_RESET, TriggerRequest("software"))
    assert text(described, "GlobalResetReleaseModeEnable") == "true"
    shutter.apply(described.node_map, ShutterMode.ROLLING, TriggerRequest("off"))
    assert text(described, "GlobalResetReleaseModeEnable") == "false"


def test_a_switch_that_is_on_beside_a_rolling_mode_is_global_reset() -> None:
    described = small_camera(
        device.enumeration("ShutterMode", "Rolling", "Global", address=SHUTTER_REGISTER),
        device.switch("GlobalResetReleaseModeEnable", 0x2010),
    )
    report = shutter.apply(described.node_map, ShutterMode.GLOBAL_RESET, TriggerRequest("software"))
    assert (report.mode, report.node) == (ShutterMode.GLOBAL_RESET, "GlobalResetReleaseModeEnable")
    assert text(described, "ShutterMode") == "Rolling"
    shutter.apply(described.node_map, ShutterMode.ROLLING, TriggerRequest("off"))
    assert shutter.read_mode(described.node_map) is ShutterMode.ROLLING


def test_a_sensor_that_resets_on_any_trigger_is_warned_of() -> None:
    described = balluff()
    rolling = shutter.apply(described.node_map, ShutterMode.ROLLING, TriggerRequest("software"))
    assert any("any trigger makes this sensor do global reset" in w for w in rolling.warnings)
    free = shutter.apply(described.node_map, ShutterMode.ROLLING, TriggerRequest("off"))
    assert free.warnings == ()


def test_a_camera_without_the_mode_is_told_what_was_looked_for(shared_folder: Path | None) -> None:
    described = real_cameras.manta(shared_folder)
    with pytest.raises(ShutterUnavailableError) as refusal:
        shutter.apply(described.node_map, ShutterMode.GLOBAL_RESET, TriggerRequest("software"))
    told = str(refusal.value)
    known = {name for maker in MAKERS for name in (*maker.shutter_nodes, *maker.shutter_switches)}
    assert all(name in told for name in known)
    assert "the camera has none" in told
    assert described.memory.writes == [], "nothing is changed for a mode that cannot be had"
    assert shutter.read_mode(described.node_map) is ShutterMode.UNKNOWN


def test_a_camera_without_the_mode_is_told_what_it_offers(shared_folder: Path | None) -> None:
    node_map = real_cameras.tucsen(shared_folder).node_map
    assert shutter.read_mode(node_map) is ShutterMode.ROLLING
    with pytest.raises(ShutterUnavailableError, match="SensorShutterType offers Rolling;"):
        shutter.apply(node_map, ShutterMode.GLOBAL_RESET, TriggerRequest("auto"))


def test_a_makers_own_node_is_shown_and_can_be_named() -> None:
    node_map = small_camera(
        device.category("Root", "ChipShutter"),
        device.enumeration("ChipShutter", "Rolling", address=SHUTTER_REGISTER),
    ).node_map
    with pytest.raises(ShutterUnavailableError, match=r"ChipShutter \(offers Rolling\)"):
        shutter.apply(node_map, ShutterMode.GLOBAL_RESET, TriggerRequest("software"))
    named = ("ChipShutter", "GlobalReset")
    assert shutter.read_mode(node_map, named) is ShutterMode.ROLLING
    with pytest.raises(ShutterUnavailableError, match="ChipShutter offers Rolling;"):
        shutter.apply(node_map, ShutterMode.GLOBAL_RESET, TriggerRequest("software"), named)
    with pytest.raises(SettingRefusedError, match="no node ChipShuter; did you mean ChipShutter"):
        shutter.probe(node_map, ("ChipShuter", "GlobalReset"))


ENUMERATIONS = ["SensorShutterMode", "ShutterMode", "SensorShutterType", "ShutterType"]
RESETS = ["GlobalReset", "GlobalResetRelease", "GlobalResetShutter", "mvGlobalReset", "GRR"]


@pytest.mark.parametrize("spelled", [str, str.lower, str.upper], ids=["as-is", "lower", "upper"])
@pytest.mark.parametrize("value", RESETS)
@pytest.mark.parametrize("node", [*ENUMERATIONS, "mvShutterMode"])
def test_every_node_with_every_value_goes_into_global_reset_and_back(
    node: str, value: str, spelled: Callable[[str], str]
) -> None:
    """Cameras combine makers' names freely; capitals do not count in values."""
    described = small_camera(
        device.enumeration(node, "Rolling", spelled(value), address=SHUTTER_REGISTER)
    )
    check_global_reset_and_back(described, node, spelled(value))


def test_a_named_node_and_value_set_global_reset() -> None:
    described = small_camera(
        device.enumeration("ReadMode", "rollingShutter", "GRR", address=SHUTTER_REGISTER)
    )
    named = ("ReadMode", "GRR")
    request = TriggerRequest("Line1")
    report = shutter.apply(described.node_map, ShutterMode.GLOBAL_RESET, request, named)
    assert (report.mode, report.value) == (ShutterMode.GLOBAL_RESET, "GRR")
    back = shutter.apply(described.node_map, ShutterMode.ROLLING, request, named)
    assert back.value == "rollingShutter"


def test_a_mode_that_does_not_stick_is_no_success() -> None:
    described = hikrobot()
    described.memory.stuck.add(SHUTTER_REGISTER)
    with pytest.raises(
        ShutterUnavailableError, match="was set to GlobalReset but reads back Rolling"
    ):
        shutter.apply(described.node_map, ShutterMode.GLOBAL_RESET, TriggerRequest("software"))


def test_a_node_locked_while_acquiring_is_refused_with_the_way_out() -> None:
    described = small_camera(
        device.enumeration(
            "ShutterMode",
            "Rolling",
            "GlobalResetRelease",
            address=SHUTTER_REGISTER,
            more="<pIsLocked>Acquiring</pIsLocked>",
        ),
        device.number("AcquisitionActive", 0, 1, 0x2010, step=1),
        device.when("Acquiring", "AcquisitionActive", "V"),
    )
    nodes.put(described.node_map, "AcquisitionActive", 1)
    with pytest.raises(ShutterUnavailableError, match="stop the acquisition"):
        shutter.apply(described.node_map, ShutterMode.GLOBAL_RESET, TriggerRequest("software"))


@pytest.mark.parametrize(
    ("camera", "modes"),
    [
        (real_cameras.basler_ace, {"global_reset", "rolling", "global"}),
        (real_cameras.flir_blackfly_s, {"global_reset", "rolling", "global"}),
        (real_cameras.alvium, {"global_reset", "rolling", "global"}),
        (real_cameras.manta, set()),
        (real_cameras.tucsen, {"rolling"}),
    ],
)
def test_probing_tells_the_modes_and_changes_nothing(
    shared_folder: Path | None, camera: Camera, modes: set[str]
) -> None:
    described = camera(shared_folder)
    assert {mode.value for mode in shutter.probe(described.node_map).modes} == modes
    assert described.memory.writes == []


def test_only_offered_values_count(shared_folder: Path | None) -> None:
    """A rolling-shutter model shares its description with models that have other shutters."""
    described = real_cameras.flir_blackfly_s(shared_folder, shutters=("Rolling", "GlobalReset"))
    capabilities = shutter.probe(described.node_map)
    assert set(capabilities.modes) == {ShutterMode.ROLLING, ShutterMode.GLOBAL_RESET}
    assert capabilities.found == {"SensorShutterMode": ("Rolling", "GlobalReset")}
