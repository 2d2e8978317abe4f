"""Ordinary features of a camera, on a description with registers: read back, limits, refusals."""

from pathlib import Path

import pytest

from drivers.camera_settings import ExposureSettings, Region, needs_stopped_camera
from drivers.errors import SettingRefusedError
from drivers.genicam import nodes
from drivers.genicam.standard_features import Features
from tests.drivers.genicam import real_cameras
from tests.drivers.genicam import register_memory as device
from tests.drivers.genicam.register_memory import DescribedDevice

LINK_LIMIT = "link_limit_bytes_per_s"
LOWEST, HIGHEST, STEP = 10_000_000, 400_000_000, 8_000


def camera(*more: str) -> DescribedDevice:
    """A small picture of 8 bit, and what is told in ``more``."""
    described = DescribedDevice(
        device.description(
            device.number("Width", 16, 1440, 0x100, step=16),
            device.number("Height", 16, 1080, 0x110, step=2),
            device.enumeration("PixelFormat", "Mono8", address=0x120),
            *more,
        )
    )
    described.node_map.get_node("Width").value = 640
    described.node_map.get_node("Height").value = 480
    return described


def limited(*modes: str, highest: int = HIGHEST) -> DescribedDevice:
    """A camera whose link can be limited; ``modes`` are of the switch, the first is in force."""
    mode = device.enumeration("DeviceLinkThroughputLimitMode", *modes, address=0x130)
    limit = device.number("DeviceLinkThroughputLimit", LOWEST, highest, 0x140, step=STEP)
    described = camera(limit, *([mode] if modes else []))
    if highest > LOWEST:
        described.node_map.get_node("DeviceLinkThroughputLimit").value = 200_000_000
    return described


@pytest.mark.parametrize("modes", [(), ("On", "Off")])
def test_a_link_limit_in_force_is_read_back_with_its_range(modes: tuple[str, ...]) -> None:
    features = Features(limited(*modes).node_map)
    assert features.settings().link_limit_bytes_per_s == 200_000_000
    control = features.controls().link_limit_bytes_per_s
    assert control is not None
    assert (control.minimum, control.maximum, control.increment) == (LOWEST, HIGHEST, STEP)
    features.set_setting(LINK_LIMIT, 100_000_000.0)
    assert features.settings().link_limit_bytes_per_s == 100_000_000


def test_a_link_limit_that_is_off_is_the_highest_until_one_is_set() -> None:
    described = limited("Off", "On")
    features = Features(described.node_map)
    assert features.settings().link_limit_bytes_per_s == HIGHEST
    features.set_setting(LINK_LIMIT, 50_000_000.0)
    assert features.settings().link_limit_bytes_per_s == 50_000_000
    mode = nodes.require(described.node_map, "DeviceLinkThroughputLimitMode")
    assert nodes.read_text(mode) == "On"


@pytest.mark.parametrize(
    ("asked", "text"),
    [
        (5e6, r"link limit 5000000 bytes/s is outside 10000000 to 400000000 bytes/s; nearest: 10"),
        (10_001_000.0, "no step of 8000 bytes/s from 10000000; nearest: 10000000, 10008000"),
    ],
)
def test_a_link_limit_the_camera_does_not_take_is_refused(asked: float, text: str) -> None:
    features = Features(limited().node_map)
    with pytest.raises(SettingRefusedError, match=text):
        features.set_setting(LINK_LIMIT, asked)
    assert features.settings().link_limit_bytes_per_s == 200_000_000


def test_a_link_limit_without_a_range_is_none_and_is_left_alone() -> None:
    """As seen of a camera: the minimum above the maximum."""
    described = limited("Off", "On", highest=LOWEST - STEP)
    features = Features(described.node_map)
    assert features.controls().link_limit_bytes_per_s is None
    with pytest.raises(SettingRefusedError, match="tells no range for DeviceLinkThroughputLimit"):
        features.set_setting(LINK_LIMIT, 1e8)
    mode = nodes.require(described.node_map, "DeviceLinkThroughputLimitMode")
    assert nodes.read_text(mode) == "Off"


def test_a_camera_without_a_link_limit_says_so() -> None:
    features = Features(camera().node_map)
    assert features.settings().link_limit_bytes_per_s is None
    assert features.controls().link_limit_bytes_per_s is None
    with pytest.raises(SettingRefusedError, match="has no node DeviceLinkThroughputLimit"):
        features.set_setting(LINK_LIMIT, 1e8)


def test_a_link_limit_needs_a_stopped_camera() -> None:
    assert needs_stopped_camera(ExposureSettings(link_limit_bytes_per_s=1e8))


def test_a_camera_with_raw_gain_only_is_controlled_in_its_own_steps() -> None:
    """Every classic Basler ace: GainRaw behind GainSelector, and no gain in dB."""
    described = camera(
        device.enumeration("GainSelector", "Tap1", "All", address=0x200),
        device.number("GainRaw", 0, 500, 0x210, step=1),
    )
    features = Features(described.node_map)
    features.select_whole_sensor()
    assert nodes.read_text(nodes.require(described.node_map, "GainSelector")) == "All"
    control = features.controls().gain_raw
    assert control is not None
    assert (control.minimum, control.maximum, control.unit) == (0, 500, "steps")
    features.set_setting("gain_raw", 120.0)
    assert features.settings().gain_raw == 120.0
    assert features.settings().gain_db is None
    with pytest.raises(SettingRefusedError, match="raw gain 900 steps is outside 0 to 500 steps"):
        features.set_setting("gain_raw", 900.0)


def test_a_gain_in_db_counts_where_there_is_one() -> None:
    described = camera(
        device.number("Gain", 0, 24, 0x200), device.number("GainRaw", 0, 500, 0x210, step=1)
    )
    features = Features(described.node_map)
    assert features.controls().gain_raw is None
    assert features.settings().gain_raw is None
    with pytest.raises(SettingRefusedError, match="the camera has Gain or GainAbs; set that"):
        features.set_setting("gain_raw", 10.0)


def test_a_heading_called_gain_is_no_gain() -> None:
    described = camera(device.category("Gain"), device.number("GainRaw", 0, 500, 0x210, step=1))
    features = Features(described.node_map)
    features.set_setting("gain_raw", 10.0)
    assert features.settings().gain_raw == 10.0


@pytest.mark.parametrize("base", [None, "ExposureTimeBaseAbs", "ExposureTimeBase"])
def test_exposure_in_steps_is_set_and_told_in_microseconds(base: str | None) -> None:
    raw = device.number("ExposureTimeRaw", 1, 4000, 0x200, step=1)
    described = camera(raw, *([device.number(base, 1, 100, 0x210)] if base else []))
    if base:
        described.node_map.get_node(base).value = 25.0
    step_us = 25.0 if base else 1.0
    features = Features(described.node_map)
    control = features.controls().exposure_us
    assert control is not None
    assert (control.minimum, control.maximum, control.increment) == (
        step_us, 4000 * step_us, step_us,
    )  # fmt: skip
    features.set_setting("exposure_us", 1000.0)
    assert features.settings().exposure_us == 1000.0
    assert described.node_map.get_node("ExposureTimeRaw").value == 1000 / step_us
    with pytest.raises(SettingRefusedError, match="exposure 1000000 us is outside"):
        features.set_setting("exposure_us", 1e6)


def test_tucsens_exposure_has_a_name_of_its_own(shared_folder: Path | None) -> None:
    described = real_cameras.tucsen(shared_folder)
    features = Features(described.node_map)
    features.set_setting("exposure_us", 2500.0)
    assert described.node_map.get_node("AcquisitionExpTime").value == 2500
    with pytest.raises(SettingRefusedError, match="to 3600000000 us"):
        features.set_setting("exposure_us", 4e9)


def test_a_region_without_offsets_is_set_and_moved_is_refused() -> None:
    described = camera()
    features = Features(described.node_map)
    features.set_region(Region(0, 0, 320, 240))
    assert features.settings().region == Region(0, 0, 320, 240)
    with pytest.raises(SettingRefusedError, match="no node OffsetX"):
        features.set_region(Region(16, 0, 320, 240))
    controls = features.controls()
    assert controls.centred_region(320, 240) == Region(0, 0, 320, 240)
    assert controls.reachable(Region(16, 8, 320, 240)) == Region(0, 0, 320, 240)


def test_fixed_offsets_do_not_stand_in_the_way_of_a_region() -> None:
    offset = device.number(
        "OffsetX", 0, 100, 0x200, step=1, more="<ImposedAccessMode>RO</ImposedAccessMode>"
    )
    features = Features(camera(offset).node_map)
    features.set_region(Region(0, 0, 320, 240))
    assert features.settings().region == Region(0, 0, 320, 240)
