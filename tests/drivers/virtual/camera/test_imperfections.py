"""What real rigs have, through the producer: off by default, and each by the value of its node."""

from itertools import pairwise

import numpy as np
import pytest

from tests.drivers.virtual.camera.rig_client import Client, open_camera, timer

_PERIOD_US = 4000.0
_OPTICS = {
    "TrueVignetting": 0.4,
    "TrueGhost": 0.1,
    "TrueBlur": 2.0,
    "TrueMagnification": 1.2,
    "TrueParallax": 8.0,
}


def _small(client: Client) -> Client:
    return client.make_linear(Width=256, Height=128, ExposureTime=1500.0)


def test_everything_is_off_by_default() -> None:
    shares = ("FaultMissShare", "FaultExtraShare", "FaultDelayScatter")
    drifts = ("TrueBlackLevelDrift", "TrueClockDrift", "TrueClockOffset")
    with open_camera("gs") as camera:
        values = {name: camera.get(name) for name in (*_OPTICS, *shares, *drifts)}
    assert values == {name: 1.0 if name == "TrueMagnification" else 0.0 for name in values}


@pytest.mark.parametrize("name", list(_OPTICS))
def test_a_fault_of_the_optics_changes_the_picture_and_goes_again(name: str) -> None:
    with open_camera("gs") as camera:
        _small(camera).set(SceneFrozen=True, NoiseEnable=False, OffsetY=952, ExposureTime=9000.0)
        before = camera.picture()
        camera.set(**{name: _OPTICS[name]})
        spoiled = camera.picture()
        camera.set(**{name: 1.0 if name == "TrueMagnification" else 0.0})
        after = camera.picture()
    assert np.abs(spoiled.astype(int) - before).max() > 2
    np.testing.assert_array_equal(after, before)


def test_the_first_camera_has_the_pixels_that_the_scene_is_measured_in() -> None:
    with open_camera("rsgr") as camera:
        assert camera.nodes.has_node("TrueVignetting")
        assert not camera.nodes.has_node("TrueMagnification")
        assert not camera.nodes.has_node("TrueParallax")


def test_the_black_level_drifts_by_the_minute() -> None:
    with open_camera() as camera:
        _small(timer(camera, 20_000.0)).set(PixelFormat="Mono12", BlackLevel=4.0)
        camera.set(SceneName="Dark", TrueBlackLevelDrift=600.0)
        with camera.streaming():
            frames = camera.frames(30)
    seconds = (frames[-1].timestamp_ns - frames[0].timestamp_ns) / 1e9
    risen_dn = frames[-1].pixels.mean() - frames[0].pixels.mean()
    assert risen_dn == pytest.approx(600.0 / 60.0 * seconds, abs=0.3)


def test_a_clock_drifts_and_steps_and_pictures_do_not() -> None:
    with open_camera() as camera:
        timer(camera, _PERIOD_US).set(TrueClockDrift=1000.0, ExposureTime=500.0)
        with camera.streaming():
            first = camera.frames(6)
            camera.set(TrueClockOffset=70_000_000.0)
            camera.frames(10)  # those begun before
            second = camera.frames(4)
    for frames in (first, second):
        periods_us = [(b.timestamp_ns - a.timestamp_ns) / 1e3 for a, b in pairwise(frames)]
        assert periods_us == pytest.approx([_PERIOD_US * 1.001] * len(periods_us), abs=0.01)
    stepped_us = (second[0].timestamp_ns - first[0].timestamp_ns) / 1e3
    frames_between = second[0].frame_id - first[0].frame_id
    assert stepped_us - frames_between * _PERIOD_US * 1.001 == pytest.approx(7e7, abs=1.0)


def test_a_trigger_that_is_not_noticed_is_counted_nowhere() -> None:
    with open_camera() as camera:
        timer(camera, _PERIOD_US).set(FaultMissShare=0.4, ExposureTime=500.0)
        with camera.streaming():
            frames = camera.frames(40)
        started, missed = camera.counter("Counter0"), camera.counter("Counter1")
    assert [frame.frame_id for frame in frames] == list(range(40))
    edges = [(b.timestamp_ns - a.timestamp_ns) / 1e3 / _PERIOD_US for a, b in pairwise(frames)]
    assert edges == pytest.approx(np.round(edges).tolist(), abs=1e-3)
    assert {1.0, 2.0} <= set(np.round(edges).tolist())
    assert missed == 0
    assert started >= 40


def test_an_edge_that_nobody_sent_starts_a_frame_or_comes_too_early() -> None:
    with open_camera() as camera:
        timer(camera, 30_000.0).set(FaultExtraShare=0.6, ExposureTime=500.0)
        with camera.streaming():
            frames = camera.frames(40)
        missed = camera.counter("Counter1")
    periods_us = np.array([(b.timestamp_ns - a.timestamp_ns) / 1e3 for a, b in pairwise(frames)])
    assert periods_us.min() < 20_000.0
    assert np.isclose(periods_us, 30_000.0, atol=0.01).any()
    assert missed > 0


def test_deliveries_scatter_by_the_mean_delay() -> None:
    with open_camera() as camera:
        timer(camera, 20_000.0).set(FaultDelayScatter=10_000.0, ExposureTime=500.0)
        with camera.streaming():
            frames = camera.frames(40)
    late_ms = np.array([(frame.host_ns - frame.timestamp_ns) / 1e6 for frame in frames])
    assert [frame.frame_id for frame in frames] == list(range(40))
    assert np.ptp(late_ms) > 10.0
