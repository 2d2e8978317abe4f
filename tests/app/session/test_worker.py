"""The restoring thread on a ring filled by hand: which frames reach the restorer."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from app.session.worker import Worker
from drivers.camera import FrameFormat
from drivers.frame import Frame, FrameMetadata
from drivers.frame_conditions import FrameConditions
from drivers.pixel_format import PIXEL_FORMATS
from drivers.radiometry import Radiometry
from drivers.ring import FrameRing
from drivers.timing import SensorTiming
from models.encoding import to_screen
from models.engines.device import best_device
from models.restorers.registry import open_restorer
from tests.models.network_files import Insatiable, Mean, offer, write_weights
from tests.patience import wait_until

ROWS, COLUMNS = 96, 128
TIMING = SensorTiming(1000.0, 40.0, ROWS)
CONDITIONS = FrameConditions(TIMING, Radiometry(PIXEL_FORMATS["Mono8"], 4.0, 255.0))
PERIOD_NS = 8_000_000


@pytest.fixture(autouse=True)
def _cache_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def moving_frame(number: int) -> Frame:
    """Stripes of unequal width that run to the right by 3 px per period."""
    x_px = np.arange(COLUMNS) - 3.0 * number
    row = 60 + 25 * np.sin(x_px / 5) + 20 * np.sin(x_px / 8.3)
    ramp = TIMING.exposure_ratio() / 2
    pixels = (row * ramp[:, None]).astype(np.uint8)
    return Frame(pixels, FrameMetadata(number, time.monotonic_ns(), number * PERIOD_NS))


def restored_alone(
    model: str, numbers: list[int], conditions: FrameConditions = CONDITIONS
) -> NDArray[np.uint8]:
    """What the restorer makes of these frames without any worker."""
    with torch.inference_mode():
        frames = [moving_frame(number) for number in numbers]
        return to_screen(open_restorer(model, best_device()).restore(frames, conditions).light)


class Fed:
    """A worker whose ring is filled one frame at a time."""

    def __init__(self, worker: Worker, ring: FrameRing) -> None:
        self.worker = worker
        self._ring = ring

    def restore(self, number: int) -> NDArray[np.uint8]:
        """Publish a frame and wait for its picture."""
        frame = moving_frame(number)
        self._ring.slot_to_fill()[...] = frame.pixels
        self._ring.publish(frame.metadata)
        wait_until(lambda: self._newest_number() == number, step_s=0.002)
        newest = self.worker.newest
        assert newest is not None
        return newest.screen

    def _newest_number(self) -> int | None:
        newest = self.worker.newest
        return None if newest is None else newest.metadata.sequence


@contextmanager
def fed_worker(model: str) -> Iterator[Fed]:
    ring = FrameRing(FrameFormat(ROWS, COLUMNS, PIXEL_FORMATS["Mono8"]), slots=4)
    failures: list[Exception] = []
    worker = Worker(ring, model, CONDITIONS, failures.append)
    worker.start()
    try:
        yield Fed(worker, ring)
    finally:
        worker.stop()
    assert not failures


def test_a_restorer_of_two_frames_is_given_the_one_restored_before() -> None:
    with fed_worker("warp") as fed:
        np.testing.assert_array_equal(fed.restore(0), restored_alone("warp", [0]))
        # Frames 2 and 3 never come: a lost frame lengthens the interval.
        for before, number in ((0, 1), (1, 4), (4, 5)):
            expected = restored_alone("warp", [before, number])
            assert (expected != restored_alone("warp", [number])).any()
            np.testing.assert_array_equal(fed.restore(number), expected)


def test_a_frame_from_before_a_change_of_settings_is_forgotten() -> None:
    changed = replace(CONDITIONS, timing=SensorTiming(900.0, 40.0, ROWS))
    with fed_worker("warp") as fed:
        fed.restore(0)
        fed.worker.use_conditions(changed)
        np.testing.assert_array_equal(fed.restore(1), restored_alone("warp", [1], changed))
        np.testing.assert_array_equal(fed.restore(2), restored_alone("warp", [1, 2], changed))


def test_models_switch_between_frames() -> None:
    with fed_worker("row-gain") as fed:
        np.testing.assert_array_equal(fed.restore(0), restored_alone("row-gain", [0]))
        fed.worker.use_model("warp")
        assert fed.worker.state.name == "warp"
        np.testing.assert_array_equal(fed.restore(1), restored_alone("warp", [0, 1]))
        fed.worker.use_model("row-gain")
        np.testing.assert_array_equal(fed.restore(2), restored_alone("row-gain", [2]))


@pytest.mark.parametrize("model", ["row-gain", "warp"])
def test_nothing_of_the_warm_up_is_counted_or_kept(model: str) -> None:
    with fed_worker(model) as fed:
        assert fed.worker.newest is None
        assert fed.worker.counters.restored == 0
        np.testing.assert_array_equal(fed.restore(1), restored_alone(model, [1]))


def test_a_model_too_large_for_the_memory_gives_way_until_it_is_chosen_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    offer(monkeypatch, "insatiable", Insatiable)
    model = str(write_weights(tmp_path / "insatiable.safetensors", "insatiable", Insatiable()))
    with fed_worker("row-gain") as fed:
        fed.restore(0)
        fed.worker.use_model(model)
        assert fed.worker.state.name == "warp"
        assert "out of memory" in fed.worker.state.fallback
        np.testing.assert_array_equal(fed.restore(1), restored_alone("warp", [0, 1]))
        # As after the other program that held the memory has ended.
        offer(monkeypatch, "insatiable", Mean)
        fed.worker.use_model(model)
        assert fed.worker.state.name == model
        assert fed.worker.state.fallback == ""


def test_pictures_that_are_no_numbers_never_reach_the_screen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    offer(monkeypatch, "mean", Mean)
    network = Mean()
    torch.nn.init.constant_(network.gain, torch.nan)
    with fed_worker(str(write_weights(tmp_path / "mean.safetensors", "mean", network))) as fed:
        np.testing.assert_array_equal(fed.restore(0), restored_alone("row-gain", [0]))
        np.testing.assert_array_equal(fed.restore(1), restored_alone("row-gain", [1]))
        assert fed.worker.state.replaced == 2
        fed.worker.use_model("row-gain")
        fed.restore(2)
        assert fed.worker.state.replaced == 2


def test_a_model_of_three_frames_is_given_three(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    offer(monkeypatch, "mean", Mean)
    model = str(write_weights(tmp_path / "mean.safetensors", "mean", Mean()))
    with fed_worker(model) as fed:
        for number in range(5):
            numbers = list(range(max(0, number - 2), number + 1))
            np.testing.assert_array_equal(fed.restore(number), restored_alone(model, numbers))
