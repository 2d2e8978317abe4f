"""Every fault of the fault page does what it says, and nothing else."""

import pytest
from genicam import genapi, gentl
from harvesters.core import Callback

from tests.drivers.virtual.camera.rig_client import Client, open_camera, timer, triggered
from tests.patience import PowerTime

_PERIOD_US = 4000.0


def _ids(client: Client, count: int) -> list[int]:
    return [frame.frame_id for frame in client.frames(count)]


def test_lost_frames_leave_a_gap() -> None:
    with open_camera() as camera:
        timer(camera, _PERIOD_US)
        camera.set(FaultLose=3)
        with camera.streaming():
            assert _ids(camera, 3) == [3, 4, 5]
        assert camera.get("FaultLose") == 0


def test_a_share_of_frames_is_lost_at_random() -> None:
    with open_camera() as camera:
        timer(camera, 1500.0).set(FaultLoseShare=0.5, ExposureTime=500.0)
        with camera.streaming():
            ids = _ids(camera, 60)
        assert 80 < ids[-1] < 180
        camera.set(FaultLoseShare=1.0)
        with camera.streaming():
            assert camera.frame(timeout_s=0.1) is None


def test_delayed_frames_come_late_but_all_come() -> None:
    with open_camera() as camera:
        timer(camera, _PERIOD_US).set(FaultDelay=50_000.0)
        with camera.streaming():
            frames = camera.frames(10)
    assert [frame.frame_id for frame in frames] == list(range(10))
    assert all(frame.host_ns - frame.timestamp_ns >= 50_000_000 for frame in frames)


class _Count(Callback):
    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def emit(self, context: object | None = None) -> None:
        self.count += 1


def test_torn_frames_are_marked_incomplete() -> None:
    with open_camera() as camera:
        timer(camera, _PERIOD_US).set(FaultTear=2)
        incomplete = _Count()
        camera.acquirer.add_callback(camera.acquirer.Events.INCOMPLETE_BUFFER, incomplete)
        with camera.streaming():
            assert _ids(camera, 2) == [2, 3]
    assert incomplete.count == 2


def test_corrupt_frames_claim_to_be_complete() -> None:
    with open_camera() as camera:
        timer(camera, _PERIOD_US).set(FaultCorrupt=1)
        with camera.streaming():
            buffer = camera.raw_buffer()
            assert buffer.is_complete()
            assert (buffer.width, buffer.height) != (128, 64)
            assert buffer.width * buffer.height > len(buffer.raw_buffer)
            buffer.parent.queue_buffer(buffer)
            assert _ids(camera, 2) == [1, 2]


def test_a_frozen_sensor_hears_triggers_and_exposes_nothing() -> None:
    with open_camera() as camera:
        timer(camera, _PERIOD_US).set(FaultFreeze=True)
        with camera.streaming():
            assert camera.frame(timeout_s=0.1) is None
            assert camera.counter("Counter0") > 5
            assert camera.counter("Counter1") == 0
            camera.set(FaultFreeze=False)
            assert camera.frame() is not None


def _is_reachable(client: Client) -> bool:
    return bool(client.acquirer.device.module.access_status in (1, 2, 5, 6))


def test_an_unplugged_camera_answers_nothing_until_it_is_opened_anew() -> None:
    with open_camera() as camera:
        timer(camera, _PERIOD_US)
        camera.acquirer.start()
        camera.frames(2)
        assert _is_reachable(camera)
        camera.run("FaultDisconnect")
        assert not _is_reachable(camera)
        assert camera.frame(timeout_s=0.1) is None
        with pytest.raises((genapi.GenericException, gentl.GenericException), match="unplugged"):
            camera.get("Width")
    with open_camera() as camera:
        assert camera.get("Width") == 640
        timer(camera, _PERIOD_US)
        with camera.streaming():
            assert _ids(camera, 2) == [0, 1]


def test_a_camera_without_power_is_not_found_until_it_returns(power_time: PowerTime) -> None:
    with open_camera() as camera:
        camera.set(FaultReconnectAfter=0.4).run("FaultDisconnect")
    with pytest.raises(ValueError, match="no device found"), open_camera():
        pass
    power_time.passes(0.5)
    with open_camera() as camera:
        assert _is_reachable(camera)


def test_faults_are_gone_after_reopening() -> None:
    with open_camera() as camera:
        triggered(camera).set(FaultLose=100, FaultFreeze=True, FaultLieShutter=True)
    with open_camera() as camera:
        assert (camera.get("FaultLose"), camera.get("FaultFreeze")) == (0, False)
        assert not camera.get("FaultLieShutter")
