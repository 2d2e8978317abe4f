"""Ordinary features of a camera, on a description with registers: read back, limits, refusals."""

import pytest

from drivers.camera import ExposureSettings, needs_stopped_camera
from drivers.errors import SettingRefusedError
from drivers.genicam import nodes
from drivers.genicam.standard_features import Features
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


def limited(*modes: str) -> DescribedDevice:
    """A camera whose link can be limited; ``modes`` are of the switch, the first is in force."""
    mode = device.enumeration("DeviceLinkThroughputLimitMode", *modes, address=0x130)
    limit = device.number("DeviceLinkThroughputLimit", LOWEST, HIGHEST, 0x140, step=STEP)
    described = camera(limit, *([mode] if modes else []))
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


def test_a_camera_without_a_link_limit_says_so() -> None:
    features = Features(camera().node_map)
    assert features.settings().link_limit_bytes_per_s is None
    assert features.controls().link_limit_bytes_per_s is None
    with pytest.raises(SettingRefusedError, match="has no node DeviceLinkThroughputLimit"):
        features.set_setting(LINK_LIMIT, 1e8)


def test_a_link_limit_needs_a_stopped_camera() -> None:
    assert needs_stopped_camera(ExposureSettings(link_limit_bytes_per_s=1e8))
