"""One contract for every camera: virtual, replayed, an independent producer's, a real one.

Run it on a camera of your own with ``pytest tests/drivers/test_camera_contract.py
--camera genicam:SERIAL``.
"""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import genicam
import numpy as np
import pytest

from drivers import virtual
from drivers.addresses import open_camera
from drivers.camera import Camera
from drivers.camera_contract import (
    PROMISES,
    NotOfferedError,
    Patience,
    Promise,
    let_run_by_itself,
)
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
