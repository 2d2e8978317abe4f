"""Settings that one camera of a rig takes and the other refuses: both stay as they were."""

from collections.abc import Callable, Iterator

import pytest

from drivers.camera_settings import ExposureSettings
from drivers.errors import SettingRefusedError
from drivers.genicam.genicam_camera import GenicamCamera
from drivers.rig.rig import Rig
from drivers.rig.wiring import Wiring, WiringRequest
from tests.drivers.genicam.hostile.hostile_description import HostileFeatures
from tests.drivers.genicam.hostile.hostile_producer import HostileProducer, Script, error

Maker = Callable[..., HostileProducer]
REFUSED = ExposureSettings(exposure_us=2345.5, gain_db=6.0)
"""The GS camera counts its exposure in whole microseconds."""


class OpenRig:
    """A rig of two hostile cameras, and their producers."""

    def __init__(self, producers: tuple[HostileProducer, HostileProducer]) -> None:
        self.producers = producers
        self.cameras = tuple(GenicamCamera(p.address, p.path, p.serial) for p in producers)
        self.rig = Rig(*self.cameras, WiringRequest(Wiring.SOFTWARE))
        for camera in self.cameras:
            camera.configure(ExposureSettings(trigger_source="software"))
        self.rig.configure(ExposureSettings(exposure_us=2000.0, gain_db=3.0))

    @property
    def settings(self) -> tuple[ExposureSettings, ...]:
        return tuple(camera.settings for camera in self.cameras)


@pytest.fixture
def opened(hostile: Maker) -> Iterator[OpenRig]:
    counting = HostileFeatures(exposure="ExposureTimeRaw")
    opened = OpenRig((hostile(), hostile(Script(counting))))
    yield opened
    for camera in opened.cameras:
        camera.close()


def read(camera: GenicamCamera, *names: str) -> list[float]:
    return [float(camera.read_node(name)) for name in names]


def test_what_the_gs_camera_refuses_changes_neither(opened: OpenRig) -> None:
    before = opened.settings
    with pytest.raises(SettingRefusedError, match=r"2345.5 us is no step of 1 us") as refused:
        opened.rig.configure(REFUSED)
    assert "camera now has" not in str(refused.value)
    assert opened.settings == before
    assert read(opened.cameras[0], "ExposureTime", "Gain") == [2000.0, 3.0]
    assert read(opened.cameras[1], "ExposureTimeRaw") == [2000.0]
    opened.rig.configure(ExposureSettings(exposure_us=3000.0))
    assert [each.exposure_us for each in opened.settings] == [3000.0, 3000.0]


def test_a_gs_camera_that_took_the_region_gets_its_own_again(opened: OpenRig) -> None:
    small = opened.rig.rsgr.controls.centred_region(32, 16)
    before = opened.settings
    with pytest.raises(SettingRefusedError):
        opened.rig.configure(ExposureSettings(region=small, exposure_us=2345.5))
    assert opened.settings == before


def test_what_does_not_go_back_is_told(opened: OpenRig) -> None:
    opened.producers[0].fault(error("GCWritePort", -1005, "2+", node="ExposureTime"))
    opened.cameras[0].read_node("Width")  # the fault is in force
    with pytest.raises(SettingRefusedError, match="no step of 1 us") as refused:
        opened.rig.configure(REFUSED)
    assert "the RSGR camera now has exposure 2345.5 us" in str(refused.value)
    assert "\n" not in str(refused.value)
    assert read(opened.cameras[1], "ExposureTimeRaw") == [2000.0]


def test_a_write_that_the_device_refuses_leaves_the_others_undone(hostile: Maker) -> None:
    producer = hostile()
    camera = GenicamCamera(producer.address, producer.path, producer.serial)
    before = camera.settings
    producer.fault(error("GCWritePort", -1005, "1", node="ExposureTime"))
    camera.read_node("Width")
    with pytest.raises(Exception, match="configuring failed"):
        camera.configure(REFUSED)
    assert camera.settings == before
    assert read(camera, "Gain") == [before.gain_db]
    camera.close()
