"""The link to a GigE camera: packets that arrive, limits that hold, rates that it carries."""

import sys
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import psutil
import pytest

from drivers.camera_link import Link
from drivers.camera_settings import ExposureSettings, TriggerSource
from drivers.errors import SettingRefusedError
from drivers.genicam import host_buffers
from drivers.genicam.genicam_camera import GenicamCamera, GenicamOptions
from drivers.genicam.packets import path_to
from drivers.rig.rig import Rig
from drivers.rig.wiring import Wiring, WiringRequest
from tests.drivers.genicam.hostile.hostile_description import GigeFeatures, HostileFeatures
from tests.drivers.genicam.hostile.hostile_producer import HostileProducer, Script
from tests.patience import LONGEST_S

Hostile = Callable[..., HostileProducer]
Open = Callable[..., GenicamCamera]

MEGABYTE_FRAMES = HostileFeatures(
    sensor_width_px=1024, sensor_height_px=1000, pixel_format="Mono8", gige=GigeFeatures()
)
"""1.024 MB each, free running at most at 200 fps."""


@pytest.fixture
def opened(hostile: Hostile) -> "pytest.Generator[Open]":
    """Opens cameras with these GigE features and closes them."""
    cameras: list[GenicamCamera] = []

    def opened(
        gige: GigeFeatures,
        features: HostileFeatures = MEGABYTE_FRAMES,
        options: GenicamOptions | None = None,
        **script: object,
    ) -> GenicamCamera:
        producer = hostile(Script(features=replace(features, gige=gige), **script))
        cameras.append(GenicamCamera(producer.address, producer.path, producer.serial, options))
        return cameras[-1]

    yield opened
    for camera in cameras:
        camera.close()


def packet_bytes(camera: GenicamCamera) -> int:
    return int(camera.read_node("GevSCPSPacketSize"))


@pytest.mark.parametrize("passed_bytes", [9000, 8228, 1500])
def test_the_largest_packets_that_arrive_are_found(opened: Open, passed_bytes: int) -> None:
    camera = opened(GigeFeatures(largest_packet_bytes=passed_bytes))
    assert passed_bytes - 64 <= packet_bytes(camera) <= passed_bytes
    # The stream goes where the producer sends it, as before.
    assert camera.read_node("GevSCDA") == "0"
    assert camera.read_node("GevSCPHostPort") == "0"


def test_packets_too_large_for_the_way_are_made_smaller(opened: Open) -> None:
    """As the last program left them: no frame would arrive whole."""
    camera = opened(GigeFeatures(packet_size_bytes=9000, largest_packet_bytes=1500))
    camera.configure(ExposureSettings(trigger_source=TriggerSource.OFF))
    camera.start()
    pixels = np.empty(camera.frame_format.shape, camera.frame_format.pixel_format.dtype)
    assert camera.grab(pixels, LONGEST_S) is not None
    assert camera.counters.incomplete == 0


def test_a_camera_without_test_packets_keeps_its_size(opened: Open) -> None:
    assert packet_bytes(opened(GigeFeatures(4000, has_test_packets=False))) == 4000


def test_where_no_test_packet_comes_the_size_stays(opened: Open) -> None:
    """A firewall, for instance."""
    assert packet_bytes(opened(GigeFeatures(8000, largest_packet_bytes=0))) == 8000


def test_what_an_operator_sets_counts(opened: Open) -> None:
    options = GenicamOptions(node_settings=(("GevSCPSPacketSize", "2000"),))
    assert packet_bytes(opened(GigeFeatures(), options=options)) == 2000


def test_a_camera_that_is_no_gige_camera_is_left_alone(hostile: Hostile) -> None:
    producer = hostile(Script())
    camera = GenicamCamera(producer.address, producer.path, producer.serial)
    try:
        assert camera.state.link == Link(frame_bytes=64 * 48)
        assert camera.controls.link_limit_bytes_per_s is None
    finally:
        camera.close()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells the size")
def test_the_way_to_a_camera_tells_its_card_and_size() -> None:
    path = path_to("127.0.0.1")
    assert path is not None
    assert path.local_address == "127.0.0.1"
    # The loopback passes more than the length of an IP packet can tell.
    assert path.mtu_bytes == min(psutil.net_if_stats()["lo"].mtu, 65535)


@pytest.mark.parametrize(
    ("limit_bytes_per_s", "ticks"), [(61_644_209, 73_760), (40_841_495, 147_880)]
)
def test_delays_are_those_that_a_maker_gives(
    opened: Open, limit_bytes_per_s: int, ticks: int
) -> None:
    """FLIR's cameras show both, at 9000 bytes, 1 Gbit/s and 1 ns; they count headers too."""
    camera = opened(GigeFeatures())
    camera.configure(ExposureSettings(link_limit_bytes_per_s=float(limit_bytes_per_s)))
    assert int(camera.read_node("GevSCPD")) == pytest.approx(ticks, rel=0.01)
    assert camera.settings.link_limit_bytes_per_s == pytest.approx(limit_bytes_per_s, rel=1e-4)


@pytest.mark.parametrize(
    ("limit", "mode", "in_force"),
    [
        ("DeviceLinkThroughputLimit", "DeviceLinkThroughputLimitMode", "On"),
        ("StreamBytesPerSecond", "BandwidthControlMode", "StreamBytesPerSecond"),
    ],
)
def test_a_limit_of_the_cameras_own_is_put_in_force(
    opened: Open, limit: str, mode: str, in_force: str
) -> None:
    camera = opened(GigeFeatures(limit=limit))
    assert camera.read_node(mode) != in_force
    camera.configure(ExposureSettings(link_limit_bytes_per_s=5e7))
    assert (camera.read_node(limit), camera.read_node(mode)) == ("50000000", in_force)
    assert camera.read_node("GevSCPD") == "0"
    assert camera.state.link.bytes_per_s == 5e7


def test_a_rate_that_the_link_cannot_carry_is_refused_with_the_figure(opened: Open) -> None:
    camera = opened(GigeFeatures())
    # 8964 of 9038 bytes on the wire are picture, at 125 MB/s: 121.07 frames of 1.024 MB.
    camera.configure(ExposureSettings(trigger_source=TriggerSource.OFF, fps=121.0))
    with pytest.raises(
        SettingRefusedError,
        match=r"122 fps of 1\.02 MB frames needs 124\.9 MB/s, the camera may send 124 MB/s "
        r"\(GevLinkSpeed = 1000 Mbit/s in packets of 9000 bytes\): at most 121\.1 fps; lower",
    ):
        camera.configure(ExposureSettings(fps=122.0))
    assert camera.settings.fps == pytest.approx(121.0)


def test_frames_that_grow_beyond_the_link_are_refused_and_stay_as_they_were(opened: Open) -> None:
    camera = opened(GigeFeatures())
    camera.configure(ExposureSettings(trigger_source=TriggerSource.OFF, fps=100.0))
    with pytest.raises(SettingRefusedError, match=r"100 fps of 2\.05 MB frames"):
        camera.configure(ExposureSettings(pixel_format="Mono12"))
    assert camera.frame_format.pixel_format.name == "Mono8"
    with pytest.raises(SettingRefusedError, match=r"\(GevSCPD = \d+ ticks\): at most 48\.8. fps"):
        camera.configure(ExposureSettings(link_limit_bytes_per_s=5e7))
    assert camera.read_node("GevSCPD") == "0"
    camera.configure(ExposureSettings(fps=40.0))
    camera.configure(ExposureSettings(pixel_format="Mono12"))


def test_a_rate_that_nobody_asked_for_is_not_refused(opened: Open) -> None:
    """Many cameras power up with one that they do not reach."""
    camera = opened(GigeFeatures(link_mbit_s=100))
    camera.configure(ExposureSettings(trigger_source=TriggerSource.OFF, pixel_format="Mono12"))


def two(opened: Open, **gige: object) -> Rig:
    cameras = [opened(GigeFeatures(**gige), serial=name) for name in ("one", "two")]
    return Rig(cameras[0], cameras[1], WiringRequest(Wiring.EXTERNAL))


def test_two_cameras_on_one_link_share_it(opened: Open) -> None:
    rig = two(opened)
    rig.wire()
    rig.share_link()
    limits = [camera.settings.link_limit_bytes_per_s for camera in rig.cameras]
    assert limits == pytest.approx([62e6, 62e6], rel=0.01)
    assert rig.limit_fps(None) == pytest.approx(60.5, rel=0.01)
    with pytest.raises(SettingRefusedError, match=r"both are behind 127\.0\.0\.1"):
        rig.check(ExposureSettings(fps=61.0))


def test_a_share_follows_the_frames_and_what_was_asked_for(opened: Open) -> None:
    rig = two(opened)
    rig.wire()
    rig.rsgr.configure(ExposureSettings(pixel_format="Mono12"))
    rig.share_link()
    limits = [camera.settings.link_limit_bytes_per_s for camera in rig.cameras]
    assert limits == pytest.approx([82.6e6, 41.3e6], rel=0.01)
    rig.share_link(100e6)
    rig.share_link()
    limits = [camera.settings.link_limit_bytes_per_s for camera in rig.cameras]
    assert limits == pytest.approx([100e6, 24e6], rel=0.01)
    with pytest.raises(SettingRefusedError, match=r"are left for genicam:.*two.*lower link limit"):
        rig.share_link(123.9e6)


def test_cameras_that_take_no_limit_are_held_to_the_common_rate(opened: Open) -> None:
    rig = two(opened, has_packet_delay=False)
    rig.wire()
    rig.share_link()
    with pytest.raises(SettingRefusedError, match=r"at most 60\.5. fps"):
        rig.check(ExposureSettings(fps=70.0))


@pytest.mark.parametrize(
    ("transport", "limit", "told"),
    [
        ("GEV", {"socket_limit_bytes": 212_992}, "a socket may hold 0.21 MB, a frame is 2 MB"),
        ("GEV", {"socket_limit_bytes": 8 << 20}, ""),
        ("GEV", {"socket_limit_bytes": None}, ""),
        ("U3V", {"usb_limit_mb": 15}, "USB may hold 15 MB, 8 buffers need 15 MB"),
        ("U3V", {"usb_limit_mb": 0}, ""),
        ("U3V", {"usb_limit_mb": 1000}, ""),
        ("CXP", {"socket_limit_bytes": 1, "usb_limit_mb": 1}, ""),
    ],
)
def test_what_the_host_holds_too_little_of_is_told(
    monkeypatch: pytest.MonkeyPatch, transport: str, limit: dict[str, int | None], told: str
) -> None:
    for name, value in limit.items():
        monkeypatch.setattr(host_buffers, name, lambda value=value: value)
    found = host_buffers.shortage(transport, 2_000_000, 8)
    assert found.startswith(told) if told else not found


def test_a_short_socket_buffer_is_among_the_warnings(
    opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(host_buffers, "socket_limit_bytes", lambda: 212_992)
    warnings = opened(GigeFeatures(), transport="GEV").state.warnings
    assert any("net.core.rmem_max=8388608" in line for line in warnings)
