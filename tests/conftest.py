"""What every test may rely on: a rig that waits, and no thread left behind."""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

if "PYTEST_XDIST_WORKER" in os.environ:
    # Each worker has one core; this is read when OpenMP is loaded, by children too.
    os.environ.setdefault("OMP_NUM_THREADS", "1")

import cv2
import numpy as np
import pytest
import zarr
from hypothesis import settings
from numpy.typing import NDArray

from app.session import interruption
from drivers.virtual.camera.rig_clock import CLOCK
from tests.drivers.genicam.hostile.hostile_producer import (
    HostileProducer,
    Script,
    build,
    compiler,
)
from tests.footage import Footage, drawn_footage, real_footage
from tests.patience import POWER_TIME, PowerTime, use_own_clocks

# Time says nothing of a property on a busy machine, and examples are the same in every run.
settings.register_profile("tests", deadline=None, derandomize=True, database=None)
settings.load_profile("tests")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--camera",
        action="append",
        default=[],
        metavar="ADDRESS",
        help="run the camera contract on this camera too, e.g. genicam:12345678",
    )
    parser.addoption(
        "--selftest-zip",
        action="append",
        default=[],
        type=Path,
        metavar="FILE",
        help="replay the camera of a zip that ngs selftest camera wrote",
    )
    parser.addoption(
        "--kills",
        type=int,
        default=1,
        metavar="N",
        help="kill this many recordings of each kind at random instants",
    )
    parser.addoption(
        "--whole",
        action="store_true",
        help="run the long families in full too (make test-all)",
    )


def pytest_configure(config: pytest.Config) -> None:
    # A shell starts background jobs with some ignored, nohup too; children would inherit that.
    for number in interruption.ENDING:
        if signal.getsignal(number) is signal.SIG_IGN:
            own = signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL
            signal.signal(number, own)
    if "PYTEST_XDIST_WORKER" in os.environ:
        cv2.setNumThreads(1)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test that takes ``shared_folder`` tests made material, as None, and the real if present.

    The real material, footage and makers' descriptions, lies beside the checkout. The footage
    is large: its tests belong to the long families.
    """
    if "shared_folder" in metafunc.fixturenames:
        real = Path(__file__).resolve().parents[2] / "shared"
        folders = [pytest.param(None, id="made")]
        if (real / "cameras").is_dir():
            long = [pytest.mark.whole] if "some_footage" in metafunc.fixturenames else []
            folders.append(pytest.param(real, id="real", marks=long))
        metafunc.parametrize("shared_folder", folders)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("whole") or config.getoption("markexpr"):
        return
    left_out = [item for item in items if item.get_closest_marker("whole")]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]


@pytest.fixture(scope="session", autouse=True)
def _own_clocks() -> Iterator[None]:
    """Time stamps of the host count the rig's time, as they do where the rig is punctual."""
    with pytest.MonkeyPatch.context() as patch:
        use_own_clocks(patch)
        yield


@pytest.fixture(autouse=True)
def _rig_waits(request: pytest.FixtureRequest) -> Iterator[None]:
    """The virtual rig loses no frame because the machine is busy, unless the test is about that."""
    CLOCK.waits = request.node.get_closest_marker("real_time") is None
    yield
    CLOCK.waits = False


@pytest.fixture
def power_time() -> PowerTime:
    """An unplugged camera returns when the test lets time pass."""
    return POWER_TIME


@pytest.fixture(scope="session")
def _drawn_footage(tmp_path_factory: pytest.TempPathFactory) -> Footage:
    return drawn_footage(tmp_path_factory.mktemp("footage"))


@pytest.fixture
def some_footage(shared_folder: Path | None, _drawn_footage: Footage) -> Footage:
    """Drawn footage, and then the real if it is present."""
    return _drawn_footage if shared_folder is None else real_footage(shared_folder)


@pytest.fixture(scope="session")
def hostile_library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The hostile producer, compiled; skips without a C compiler."""
    if compiler() is None:
        pytest.skip("the hostile GenTL producer needs gcc; install it")
    return build(tmp_path_factory.mktemp("hostile"))


@pytest.fixture
def hostile(hostile_library: Path, tmp_path: Path) -> Callable[..., HostileProducer]:
    """Makes a hostile producer of its own of each :class:`Script`."""
    made: list[HostileProducer] = []

    def make(script: Script | None = None) -> HostileProducer:
        name = f"hostile{len(made)}"
        made.append(HostileProducer(hostile_library, tmp_path / name, script or Script(), name))
        return made[-1]

    return make


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

    def left() -> list[str]:
        return [thread.name for thread in threading.enumerate() if thread not in before]

    deadline_s = time.monotonic() + 20.0
    while left() and time.monotonic() < deadline_s:
        time.sleep(0.01)
    if left():
        pytest.fail(f"threads left behind: {', '.join(left())}")
