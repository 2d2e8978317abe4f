"""One contract for every camera: virtual, replayed, an independent producer's, a real one.

Run it on a camera of your own with ``pytest tests/drivers/test_camera_contract.py
--camera genicam:SERIAL``.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import cast

import cv2
import genicam
import numpy as np
import pytest

from drivers import virtual
from drivers.addresses import open_camera
from drivers.camera import Camera, CaptureCounters
from drivers.camera_contract import (
    PROMISES,
    NotOfferedError,
    Patience,
    Promise,
    PromiseBrokenError,
    every_frame_is_counted_once,
    let_run_by_itself,
    memory_for,
)
from drivers.camera_settings import ExposureSettings
from drivers.errors import InstrumentError
from tests import small_recording
from tests.drivers.genicam.hostile.hostile_producer import HostileProducer
from tests.patience import LONGEST_S

VIKY = f"genicam:{Path(genicam.__file__).parent / 'viky.cti'}#1"
REPLAY = "replay:"
RECORDED = "replay:recording"
HOSTILE = "genicam:hostile"
# The rig's clock, which waits in tests, or the true one of a camera in its own process.
PATIENCE = Patience(LONGEST_S, (lambda: time.monotonic_ns(), lambda: time.monotonic() * 1e9))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "promise" in metafunc.fixturenames:
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
        let_run_by_itself(camera)
        yield camera
    finally:
        camera.close()


@pytest.mark.parametrize("promise", PROMISES, ids=lambda promise: promise.name)
def test_a_camera_keeps(camera: Camera, promise: Promise) -> None:
    try:
        promise.check(camera, PATIENCE)
    except NotOfferedError as why:
        pytest.skip(f"{camera.address}: {why}")


class Liar:
    """A camera that keeps the contract but for what is put in its place."""

    def __init__(self, camera: Camera, **lies: object) -> None:
        self._camera = camera
        self._lies = lies

    def __getattr__(self, name: str) -> object:
        return self._lies[name] if name in self._lies else getattr(self._camera, name)


def lies_of(camera: Camera) -> Iterator[tuple[str, dict[str, object]]]:
    """Each with the promise that it breaks."""
    into = memory_for(camera.frame_format)

    def twice_the_same(pixels: np.ndarray, timeout_s: float) -> object:
        metadata = camera.grab(pixels, timeout_s)
        return None if metadata is None else replace(metadata, sequence=7)

    def untouched(pixels: np.ndarray, timeout_s: float) -> object:
        return camera.grab(into, timeout_s)

    yield "says who it is", {"identity": replace(camera.identity, model="")}
    yield "settings are those of its frames", {"settings": replace(camera.settings, region=None)}
    yield "frames are numbered, in time order", {"grab": twice_the_same}
    yield "every frame is counted once", {"counters": CaptureCounters(captured=1)}
    yield "fills the memory it is given", {"grab": untouched}
    yield "starts again after a stop", {"counters": CaptureCounters()}
    yield "achieves what is asked within its ranges", {"configure": lambda _: ExposureSettings()}
    yield "refuses frame rate out of range", {"configure": lambda _: ExposureSettings()}
    yield "refuses a region off the sensor", {"configure": lambda _: ExposureSettings()}
    yield "refuses a format it does not offer", {"configure": lambda _: ExposureSettings()}
    yield "refuses an unknown trigger", {"configure": lambda _: ExposureSettings()}


@pytest.mark.parametrize("address", [REPLAY])
def test_a_camera_that_breaks_a_promise_is_found_out(camera: Camera) -> None:
    promises = {promise.name: promise for promise in PROMISES}
    for name, lies in lies_of(camera):
        liar = cast(Camera, Liar(camera, **lies))
        with pytest.raises(PromiseBrokenError) as told:
            promises[name].check(liar, PATIENCE)
        assert "\n" not in str(told.value), name


def test_a_silent_camera_is_told_in_a_line(image_folder: Path) -> None:
    camera = open_camera(f"replay:{image_folder}")
    silent = cast(Camera, Liar(camera, grab=lambda pixels, timeout_s: None))
    with pytest.raises(PromiseBrokenError, match=r"0 of 20 frames came within 0\.05 s"):
        every_frame_is_counted_once(silent, Patience(0.05))
    camera.close()
