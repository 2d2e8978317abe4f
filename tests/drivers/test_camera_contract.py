"""One contract for every camera: virtual, replayed, an independent producer's, a real one.

Run it on a camera of your own with ``pytest tests/drivers/test_camera_contract.py
--camera genicam:SERIAL``.
"""

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import genicam
import numpy as np
import pytest

from drivers import virtual
from drivers.addresses import open_camera
from drivers.camera import Camera, ExposureSettings, FrameFormat, NumericControl, TriggerSource
from drivers.errors import InstrumentError, SettingRefusedError
from drivers.frame import FrameMetadata
from tests import small_recording
from tests.drivers.genicam.hostile.hostile_producer import HostileProducer
from tests.patience import LONGEST_S, quickest_s, timed_s, wait_until

VIKY = f"genicam:{Path(genicam.__file__).parent / 'viky.cti'}#1"
REPLAY = "replay:"
RECORDED = "replay:recording"
HOSTILE = "genicam:hostile"


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "address" in metafunc.fixturenames:
        addresses = ["virtual:rsgr", "virtual:gs", VIKY, HOSTILE, REPLAY, RECORDED]
        addresses += metafunc.config.getoption("--camera")
        metafunc.parametrize("address", addresses, ids=lambda text: text.rpartition("/")[2])


@pytest.fixture(scope="module")
def image_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten small pictures, each of one grey."""
    folder = tmp_path_factory.mktemp("images")
    for index in range(10):
        cv2.imwrite(str(folder / f"{index:03d}.png"), np.full((48, 64), 20 * index, np.uint8))
    return folder


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of a camera that lost some frames."""
    kept = [tick for tick in range(40) if tick % 7]
    return small_recording.write(tmp_path_factory.mktemp("recordings") / "one", {"rsgr": kept})


@pytest.fixture
def camera(
    address: str, image_folder: Path, recording: Path, hostile: Callable[..., HostileProducer]
) -> Iterator[Camera]:
    if address.startswith("virtual:"):
        try:
            virtual.producer_path()
        except InstrumentError as error:
            pytest.skip(str(error))
    made = {
        REPLAY: f"replay:{image_folder}",
        RECORDED: f"replay:{recording}#rsgr",
        # Tame by itself: what it does when told to is in tests/drivers/genicam/hosting.
        HOSTILE: hostile().address if address == HOSTILE else "",
    }
    camera = open_camera(made.get(address, address))
    try:
        # A camera left to itself streams; one that is triggered makes its own rhythm.
        camera.configure(ExposureSettings(trigger_source=TriggerSource.AUTO))
        if camera.state.trigger_source is TriggerSource.SOFTWARE:
            camera.configure(ExposureSettings(trigger_source=TriggerSource.OFF))
        camera.configure(ExposureSettings(fps=camera.controls.fps.nearest(50.0)))
        yield camera
    finally:
        camera.close()


class Grabber:
    """Grabs in a thread of its own, as the session does."""

    def __init__(self, camera: Camera) -> None:
        self._camera = camera
        self._stopping = threading.Event()
        self.metadata: list[FrameMetadata] = []
        self.pixels = buffer_for(camera.frame_format)
        self.error: Exception | None = None
        self._thread = threading.Thread(target=self._run, name="grabber")
        self._thread.start()

    def _run(self) -> None:
        try:
            while not self._stopping.is_set():
                metadata = self._camera.grab(self.pixels, 0.1)
                if metadata is not None:
                    self.metadata.append(metadata)
        except Exception as error:
            self.error = error

    def wait_for(self, frames: int) -> list[FrameMetadata]:
        wait_until(lambda: len(self.metadata) >= frames or self.error is not None)
        if self.error is not None:
            raise self.error
        return self.metadata

    def end(self) -> None:
        self._stopping.set()
        self._thread.join()


def buffer_for(frame_format: FrameFormat) -> np.ndarray:
    return np.zeros(frame_format.shape, frame_format.pixel_format.dtype)


@pytest.fixture
def grabber(camera: Camera) -> Iterator[Grabber]:
    camera.start()
    grabber = Grabber(camera)
    yield grabber
    camera.stop()
    grabber.end()


def test_says_who_it_is(camera: Camera) -> None:
    assert camera.identity.model
    assert camera.identity.serial
    assert ":" in camera.address


def test_settings_are_of_the_format_it_delivers(camera: Camera) -> None:
    region = camera.settings.region
    assert region is not None
    assert (region.height_px, region.width_px) == camera.frame_format.shape[:2]
    assert camera.settings.pixel_format == camera.frame_format.pixel_format.name


def test_delivers_numbered_frames_in_time_order(camera: Camera, grabber: Grabber) -> None:
    metadata = list(grabber.wait_for(20))
    sequences = [item.sequence for item in metadata]
    times = [item.host_time_ns for item in metadata]
    assert sequences == sorted(set(sequences))
    assert times == sorted(times)
    # The rig's clock, which waits in tests, or the true one of a camera in its own process.
    now_ns = time.monotonic_ns(), time.monotonic() * 1e9
    assert min(abs(times[-1] - each) for each in now_ns) < 5e9
    device_times = [item.device_time_ns for item in metadata if item.device_time_ns is not None]
    assert device_times == sorted(device_times)


def test_every_frame_is_counted_once(camera: Camera, grabber: Grabber) -> None:
    grabber.wait_for(20)
    camera.stop()
    grabber.end()
    counters = camera.counters
    assert counters.captured == len(grabber.metadata)
    sent = grabber.metadata[-1].sequence - grabber.metadata[0].sequence + 1
    assert counters.captured + counters.lost + counters.incomplete == sent


def test_fills_the_memory_it_is_given(camera: Camera) -> None:
    camera.start()
    into = buffer_for(camera.frame_format)
    into[:] = 77
    metadata = camera.grab(into, LONGEST_S)
    camera.stop()
    assert metadata is not None
    assert metadata.sequence >= 0
    assert not (into[-1] == 77).all()


def test_starts_again_after_a_stop(camera: Camera) -> None:
    for _ in range(3):
        camera.start()
        grabber = Grabber(camera)
        grabber.wait_for(3)
        camera.stop()
        grabber.end()
        assert camera.counters.captured >= 3
        assert camera.grab(grabber.pixels, 0.01) is None


def test_stop_wakes_a_waiting_grab_within_a_second(camera: Camera) -> None:
    into = buffer_for(camera.frame_format)

    def seconds_to_wake() -> float:
        thread = threading.Thread(target=camera.grab, args=(into, LONGEST_S))
        thread.start()
        time.sleep(0.05)

        def start_and_stop() -> None:
            camera.start()
            camera.stop()
            thread.join()

        return timed_s(start_and_stop)

    assert quickest_s(seconds_to_wake, 2.0) < 2.0


def test_achieves_what_is_asked_within_its_ranges(camera: Camera) -> None:
    rate = camera.controls.fps
    assert rate is not None
    wanted = rate.nearest(25.0)
    achieved = camera.configure(ExposureSettings(fps=wanted))
    assert achieved.fps == pytest.approx(wanted, rel=0.01)
    assert camera.settings == achieved


NUMBERS = ("exposure_us", "gain_db", "black_level_dn", "fps", "trigger_delay_us")


@pytest.mark.parametrize("name", NUMBERS)
def test_refuses_what_is_out_of_range_and_keeps_what_was(camera: Camera, name: str) -> None:
    control: NumericControl | None = getattr(camera.controls, name)
    if control is None:
        pytest.skip(f"{camera.address} has no {name}")
    before = camera.settings
    beyond = 2 * control.maximum + 1
    with pytest.raises(SettingRefusedError) as refusal:
        camera.configure(ExposureSettings(**{name: beyond}))
    assert "\n" not in str(refusal.value)
    assert camera.settings == before


def test_refuses_a_region_off_the_sensor(camera: Camera) -> None:
    region = camera.settings.region
    assert region is not None
    too_wide = type(region)(0, 0, 100_000, region.height_px)
    with pytest.raises(SettingRefusedError, match="100000"):
        camera.configure(ExposureSettings(region=too_wide))
    assert camera.settings.region == region


def test_refuses_a_format_it_does_not_offer(camera: Camera) -> None:
    with pytest.raises(InstrumentError, match="Mono99"):
        camera.configure(ExposureSettings(pixel_format="Mono99"))


def test_refuses_an_unknown_trigger(camera: Camera) -> None:
    with pytest.raises(SettingRefusedError, match="carrier pigeon"):
        camera.configure(ExposureSettings(trigger_source="carrier pigeon"))


def test_closes_twice_and_in_any_state(camera: Camera) -> None:
    camera.start()
    camera.close()
    camera.close()
