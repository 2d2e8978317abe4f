"""Every maker's names, on a camera whose pictures show what is really in force.

The camera is a producer in C that knows nothing of the driver: it draws the ramp of global
reset, the exposure and the gain that its registers hold.
"""

from collections.abc import Callable, Iterator

import numpy as np
import pytest
from numpy.typing import NDArray

from drivers.camera_settings import ExposureSettings, ShutterMode, TriggerSource
from drivers.genicam.genicam_camera import GenicamCamera
from tests.drivers.genicam.hostile.hostile_description import (
    RESET_VALUES,
    SHUTTER_NODES,
    HostileFeatures,
    ShutterNode,
)
from tests.drivers.genicam.hostile.hostile_frames import FrameContent, expected_codes, index_of
from tests.drivers.genicam.hostile.hostile_producer import HostileProducer, Script
from tests.patience import LONGEST_S

Open = Callable[[HostileFeatures], GenicamCamera]
EXPOSURE_US, GAIN_DB, LINE_TIME_US = 2000.0, 3.0, 10.0
SPELLINGS = [(node, value) for node in SHUTTER_NODES for value in RESET_VALUES]
SMALL = [("ShutterType", "GlobalResetRelease"), ("SensorShutterMode", "GRR")]
"""One of XIMEA's and one of Sentech's; all of them in make test-all."""


@pytest.fixture
def opened(hostile: Callable[..., HostileProducer]) -> Iterator[Open]:
    cameras: list[GenicamCamera] = []

    def make(features: HostileFeatures) -> GenicamCamera:
        producer = hostile(Script(features=features))
        cameras.append(GenicamCamera(producer.address, producer.path, producer.serial))
        return cameras[-1]

    yield make
    for camera in cameras:
        camera.close()


def next_codes(camera: GenicamCamera) -> NDArray[np.uint16]:
    """A frame that was exposed after now."""
    into = np.empty(camera.frame_format.shape, camera.frame_format.pixel_format.dtype)
    camera.start()
    try:
        if camera.settings.trigger_source == TriggerSource.SOFTWARE:
            camera.send_software_trigger()
        assert camera.grab(into, LONGEST_S) is not None
    finally:
        camera.stop()
    return into


def in_force(camera: GenicamCamera, line_time_us: float) -> bool:
    """Whether pictures have the asked exposure and gain, and the ramp of this line time."""
    codes = next_codes(camera)
    content = FrameContent(exposure_us=EXPOSURE_US, gain_db=GAIN_DB, line_time_us=line_time_us)
    return bool(np.array_equal(codes, expected_codes(content, index_of(codes))))


def set_light(camera: GenicamCamera) -> None:
    gain = {"gain_db": GAIN_DB} if camera.controls.gain_db else {"gain_raw": GAIN_DB / 0.1}
    told = camera.configure(ExposureSettings(exposure_us=EXPOSURE_US, **gain))
    assert told.exposure_us == EXPOSURE_US
    assert told.gain_db == gain.get("gain_db")
    assert told.gain_raw == gain.get("gain_raw")


@pytest.mark.parametrize(
    ("node", "value"),
    [pytest.param(*each, marks=() if each in SMALL else pytest.mark.whole) for each in SPELLINGS],
)
@pytest.mark.parametrize("names", ["standard", "legacy", "raw"])
def test_every_spelling_is_recognised_applied_and_seen_in_pictures(
    opened: Open, node: str, value: str, names: str
) -> None:
    exposure, gain = {
        "standard": ("ExposureTime", "Gain"),
        "legacy": ("ExposureTimeAbs", "GainAbs"),
        "raw": ("ExposureTimeRaw", "GainRaw"),
    }[names]
    features = HostileFeatures(
        shutter=ShutterNode(node, ("Rolling", value), only_while_triggered=True),
        exposure=exposure,  # type: ignore[arg-type]
        gain=gain,  # type: ignore[arg-type]
        gain_category=names == "raw",
        gain_selectors=("Tap1", "All") if names == "raw" else (),
        line_time_us=LINE_TIME_US,
    )
    camera = opened(features)
    assert set(camera.controls.shutter_modes) == {ShutterMode.ROLLING, ShutterMode.GLOBAL_RESET}
    assert camera.state.shutter_mode is ShutterMode.ROLLING
    set_light(camera)
    assert in_force(camera, line_time_us=0.0)
    told = camera.configure(
        ExposureSettings(shutter=ShutterMode.GLOBAL_RESET, trigger_source=TriggerSource.SOFTWARE)
    )
    assert told.shutter is camera.state.shutter_mode is ShutterMode.GLOBAL_RESET
    assert in_force(camera, LINE_TIME_US)


def test_a_switch_alone_is_enough(opened: Open) -> None:
    """acA1920-25 and acA2500-14 over GigE, some of which have nothing else."""
    camera = opened(HostileFeatures(has_reset_switch=True, line_time_us=LINE_TIME_US))
    set_light(camera)
    camera.configure(
        ExposureSettings(shutter=ShutterMode.GLOBAL_RESET, trigger_source=TriggerSource.SOFTWARE)
    )
    assert in_force(camera, LINE_TIME_US)
    camera.configure(
        ExposureSettings(shutter=ShutterMode.ROLLING, trigger_source=TriggerSource.OFF)
    )
    assert in_force(camera, 0.0)


def test_steps_of_an_unknown_size_are_told(opened: Open) -> None:
    camera = opened(HostileFeatures(exposure="ExposureTimeRaw"))
    assert (
        "exposure is set by ExposureTimeRaw; the camera does not tell how much a step is, "
        "1 us is assumed" in camera.state.warnings
    )
    assert not any("step" in each for each in opened(HostileFeatures()).state.warnings)


@pytest.mark.parametrize(
    "pixel_format",
    ["Mono10Packed", "Mono12Packed", "Mono14", "BayerRG12Packed", "BayerRG16", "BGR8"],
)
def test_formats_of_older_cameras_are_unpacked(opened: Open, pixel_format: str) -> None:
    camera = opened(HostileFeatures(pixel_formats=(pixel_format,), pixel_format=pixel_format))
    set_light(camera)
    codes = next_codes(camera)
    content = FrameContent(pixel_format=pixel_format, exposure_us=EXPOSURE_US, gain_db=GAIN_DB)
    sent = codes[..., ::-1] if pixel_format == "BGR8" else codes
    np.testing.assert_array_equal(sent, expected_codes(content, index_of(sent)))
