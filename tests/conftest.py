"""What every test may rely on: material beside the checkout, and no thread left behind."""

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr
from numpy.typing import NDArray


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--camera",
        action="append",
        default=[],
        metavar="ADDRESS",
        help="run the camera contract on this camera too, e.g. genicam:12345678",
    )
    parser.addoption(
        "--kills",
        type=int,
        default=1,
        metavar="N",
        help="kill this many recordings of each kind at random instants",
    )


@pytest.fixture(scope="session")
def shared_folder() -> Path:
    """The folder of footage and camera descriptions beside the checkout."""
    folder = Path(__file__).resolve().parents[2] / "shared"
    if not (folder / "cameras").is_dir():
        pytest.skip("no folder 'shared' with footage and descriptions beside the checkout")
    return folder


@pytest.fixture(scope="session", autouse=True)
def _cache_of_its_own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Nothing measured in tests, under load, is remembered for the user's own runs."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session")
def read_zarr(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Path], NDArray[Any]]:
    """Reads a whole array by the plain zarr library, whose threads stay once they are there."""
    zarr.config.set({"threading.max_workers": 1})

    def read(path: Path) -> NDArray[Any]:
        array = zarr.open_array(path, mode="r")
        return np.asarray(array[:])

    example = tmp_path_factory.mktemp("zarr") / "example"
    zarr.create_array(example, shape=(1,), dtype="u1", shards=(1,), chunks=(1,))[:] = 1
    assert read(example) == [1]
    return read


@pytest.fixture(autouse=True)
def _no_thread_left_behind() -> Iterator[None]:
    """A test that leaves a thread running fails: a lab day is long."""
    before = set(threading.enumerate())
    yield
    deadline = time.monotonic() + 2.0
    while time.monotonic() < deadline:
        left = [thread for thread in threading.enumerate() if thread not in before]
        if not left:
            return
        time.sleep(0.01)
    pytest.fail(f"threads left behind: {', '.join(thread.name for thread in left)}")
