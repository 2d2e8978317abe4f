"""What the virtual cameras do: triggers, timing, formats, settings, chunks."""

import time
from itertools import pairwise

import numpy as np
import pytest
from genicam import genapi

from drivers.virtual.camera.camera_models import OVERHEAD_US
from drivers.virtual.camera.feature_table import PIXEL_FORMAT_NAMES
from tests.drivers.virtual.camera.rig_client import (
    Client,
    open_camera,
    open_cameras,
    timer,
    triggered,
)
from tests.footage import Footage
from tests.patience import LONGEST_S

_BOTH = pytest.mark.parametrize("device_id", ["rsgr", "gs"])


def _still(client: Client) -> Client:
    """A picture that is the same every time."""
    return client.set(SceneFrozen=True, NoiseEnable=False)


def _periods_us(timestamps_ns: list[int]) -> list[float]:
    return [(after - before) / 1000 for before, after in pairwise(timestamps_ns)]


# Triggers


@_BOTH
def test_runs_free_at_the_frame_rate(device_id: str) -> None:
    with open_camera(device_id) as camera:
        camera.make_linear(ExposureTime=2000.0)
        camera.set(Width=128, Height=64, AcquisitionFrameRate=250.0)
        with camera.streaming():
            frames = camera.frames(6)
    assert [frame.frame_id for frame in frames] == list(range(6))
    assert _periods_us([frame.timestamp_ns for frame in frames]) == pytest.approx([4000.0] * 5)


def test_runs_free_as_fast_as_exposure_and_readout_allow() -> None:
    with open_camera() as camera:
        camera.make_linear(AcquisitionFrameRateEnable=False, Width=128, Height=512)
        offset_us = camera.get("TrueExposureOffset")
        camera.set(ExposureTime=2000.0)
        with camera.streaming():
            readout_bound = _periods_us([frame.timestamp_ns for frame in camera.frames(3)])
            camera.set(ExposureTime=9000.0)
            # Frames begun before wait for a renderer or in a buffer.
            camera.frames(8 + 8 + 1)
            exposure_bound = _periods_us([frame.timestamp_ns for frame in camera.frames(3)])
    assert readout_bound == pytest.approx([512 * 6.0 + OVERHEAD_US] * 2)
    assert exposure_bound == pytest.approx([9000.0 + offset_us + OVERHEAD_US] * 2)


@_BOTH
def test_one_software_trigger_gives_one_frame(device_id: str) -> None:
    with open_camera(device_id) as camera:
        triggered(camera)
        with camera.streaming():
            assert camera.frame(timeout_s=0.1) is None
            for expected_id in range(3):
                camera.run("TriggerSoftware")
                assert camera.frames(1)[0].frame_id == expected_id
            assert camera.frame(timeout_s=0.1) is None


def test_the_timer_is_a_generator_inside_the_camera() -> None:
    with open_camera() as camera:
        timer(camera, 3000.0).set(TimerDelay=1500.0)
        with camera.streaming():
            frames = camera.frames(5)
    assert _periods_us([frame.timestamp_ns for frame in frames]) == pytest.approx([4500.0] * 4)


def test_both_cameras_start_on_one_pulse_of_the_rigs_generator() -> None:
    with open_cameras("rsgr", "gs") as (rsgr, gs):
        for camera in (rsgr, gs):
            triggered(camera, "Line1")
        rsgr.set(RigGeneratorRate=200.0)
        assert gs.get("RigGeneratorRate") == 200.0
        with rsgr.streaming(), gs.streaming():
            rsgr.set(RigGeneratorEnable=True)
            of_rsgr, of_gs = rsgr.frames(5), gs.frames(5)
        delay_us = gs.get("TrueStartDelay") - rsgr.get("TrueStartDelay")
    later_us = [
        (b.timestamp_ns - a.timestamp_ns) / 1000 for a, b in zip(of_rsgr, of_gs, strict=True)
    ]
    assert later_us == pytest.approx([delay_us] * 5)
    assert _periods_us([frame.timestamp_ns for frame in of_rsgr]) == pytest.approx([5000.0] * 4)


@pytest.mark.parametrize(
    ("source", "activation"),
    [("ExposureActive", "RisingEdge"), ("ExposureActive", "FallingEdge"),
     ("FlashWindow", "FallingEdge")],
)  # fmt: skip
def test_the_rsgr_camera_triggers_the_other_as_master(source: str, activation: str) -> None:
    with open_cameras("rsgr", "gs") as (rsgr, gs):
        triggered(rsgr).set(LineSelector="Line2", LineSource=source, ExposureTime=1000.0)
        triggered(gs, "Line1").set(TriggerActivation=activation)
        with rsgr.streaming(), gs.streaming():
            rsgr.run("TriggerSoftware")
            first, second = rsgr.frames(1)[0], gs.frames(1)[0]
        flash_window_us = 1000.0 + rsgr.get("TrueExposureOffset")
        expected_us = gs.get("TrueStartDelay")
        if activation == "FallingEdge":
            expected_us += flash_window_us
            expected_us += 63 * 6.0 if source == "ExposureActive" else 0.0
    assert (second.timestamp_ns - first.timestamp_ns) / 1000 == pytest.approx(expected_us)


def test_a_trigger_during_exposure_or_readout_is_lost_and_counted() -> None:
    with open_camera() as camera:
        triggered(camera, "Timer0End").set(ExposureTime=3000.0)
        busy_us = 3000.0 + camera.get("TrueExposureOffset") + 64 * 6.0 + OVERHEAD_US
        assert camera.get("AcquisitionFrameRate") <= 1e6 / busy_us
        camera.set(TimerDuration=busy_us / 2 - 5.0, TimerTriggerSource="Timer0End")
        with camera.streaming():
            frames = camera.frames(5)
            received, missed = camera.counter("Counter0"), camera.counter("Counter1")
        period_us = camera.get("TimerDuration")
    assert _periods_us([frame.timestamp_ns for frame in frames]) == pytest.approx(
        [3 * period_us] * 4
    )
    assert [frame.frame_id for frame in frames] == list(range(5))
    # Two in three are missed, whatever the phase at which the counters are read.
    assert missed == pytest.approx(received * 2 / 3, abs=3)


def test_global_reset_exists_only_while_triggered() -> None:
    with open_camera() as camera:
        assert camera.nodes.SensorShutterMode.symbolics == ("Rolling",)
        with pytest.raises(genapi.GenericException):
            camera.set(SensorShutterMode="GlobalReset")
        camera.set(TriggerMode="On", TriggerOverlap="ReadOut", SensorShutterMode="GlobalReset")
        assert camera.get("SensorShutterMode") == "GlobalReset"
        assert (
            not genapi.IsAvailable(camera.nodes.TriggerOverlap.node)
            if hasattr(genapi, "IsAvailable")
            else camera.nodes.TriggerOverlap.get_access_mode() == genapi.EAccessMode.NA
        )
        camera.set(TriggerMode="Off")
        assert camera.get("SensorShutterMode") == "Rolling"
        assert camera.get("TriggerOverlap") == "Off"


def test_trigger_delay_moves_the_start() -> None:
    with open_camera() as camera:
        triggered(camera).set(TriggerDelay=30_000.0)
        with camera.streaming():
            camera.run("TimestampLatch")
            camera.run("TriggerSoftware")
            started_ns = camera.frames(1)[0].timestamp_ns
        assert started_ns - camera.get("TimestampLatchValue") >= 30_000_000


def test_a_multi_frame_acquisition_ends_by_itself() -> None:
    with open_camera() as camera:
        timer(camera, 4000.0).set(AcquisitionMode="MultiFrame", AcquisitionFrameCount=3)
        with camera.streaming():
            assert len(camera.frames(3)) == 3
            assert camera.frame(timeout_s=0.1) is None


# Time


def test_a_frame_comes_after_its_readout_with_the_time_of_its_start() -> None:
    with open_camera() as camera:
        triggered(camera).set(ExposureTime=20_000.0)
        with camera.streaming():
            camera.run("TriggerSoftware")
            frame = camera.frames(1)[0]
        duration_us = 20_000.0 + camera.get("TrueExposureOffset") + 64 * 6.0
    # The rig's device time is this machine's monotonic clock.
    assert frame.host_ns - frame.timestamp_ns >= duration_us * 1000


def test_device_time_can_be_latched() -> None:
    with open_camera() as camera:
        camera.run("TimestampLatch")
        first_ns = camera.get("TimestampLatchValue")
        camera.run("TimestampLatch")
        assert 0 < first_ns < camera.get("TimestampLatchValue") <= time.monotonic_ns()


# Pixels


@pytest.mark.parametrize("name", [name for name in PIXEL_FORMAT_NAMES if name.startswith("Mono")])
def test_mono_formats_carry_the_same_picture(name: str) -> None:
    with open_camera() as camera:
        _still(camera).make_linear(ExposureTime=4000.0, Width=128, Height=64)
        eight_bit = camera.picture()
        picture = camera.set(PixelFormat=name).picture()
        bits = int(name.removeprefix("Mono").rstrip("p"))
    assert eight_bit.std() > 5
    difference_dn = picture / 2.0 ** (bits - 8) - eight_bit
    assert np.abs(difference_dn).max() <= 1.0


@pytest.mark.parametrize("name", ["BayerRG8", "BayerRG10", "BayerRG12"])
def test_mosaics_are_the_colour_picture_seen_through_filters(name: str) -> None:
    with open_camera() as camera:
        _still(camera).make_linear(ExposureTime=4000.0, Width=128, Height=64)
        rgb = camera.set(PixelFormat="RGB8").picture()
        mosaic = camera.set(PixelFormat=name).picture() / 2.0 ** (int(name[7:]) - 8)
    assert rgb.shape == (64, 128, 3)
    for row, column, channel in ((0, 0, 0), (0, 1, 1), (1, 0, 1), (1, 1, 2)):
        sites = (slice(row, None, 2), slice(column, None, 2))
        assert np.abs(mosaic[sites] - rgb[(*sites, channel)]).max() <= 1.0


@_BOTH
def test_a_region_is_that_part_of_the_whole_picture(device_id: str) -> None:
    with open_camera(device_id) as camera:
        _still(camera).make_linear()
        whole = camera.set(OffsetX=0, OffsetY=0, Width=1440, Height=1080).picture()
        part = camera.set(Width=256, Height=100, OffsetX=612, OffsetY=502).picture()
    assert part.std() > 5
    difference_dn = np.abs(part.astype(int) - whole[502:602, 612:868])
    # The other camera's remapped picture may round differently.
    assert difference_dn.max() <= (0 if device_id == "rsgr" else 1)


def test_a_number_goes_to_its_nearest_step() -> None:
    with open_camera() as camera:
        camera.make_linear(ExposureTime=1234.6, Gain=3.14)
        assert (camera.get("ExposureTime"), camera.get("Gain")) == (1235.0, 3.1)


def test_footage_is_seen_by_both_cameras(some_footage: Footage) -> None:
    clip = str(some_footage.clip)
    with open_cameras("rsgr", "gs") as (rsgr, gs):
        procedural = _still(rsgr).make_linear(ExposureTime=4000.0).picture().astype(float)
        rsgr.set(SceneFieldWidth=640, SceneFieldHeight=480, SceneFile=clip)
        gs.make_linear(ExposureTime=4000.0)
        assert gs.get("SceneFile") == clip
        assert gs.get("SceneStatus") == "ok"
        of_rsgr, of_gs = rsgr.picture().astype(float), gs.picture().astype(float)
    mirrored = of_gs[:, ::-1].ravel()
    assert np.corrcoef(of_rsgr.ravel(), mirrored)[0, 1] > 0.5
    assert np.corrcoef(of_rsgr.ravel(), of_gs.ravel())[0, 1] < 0.5
    assert abs(np.corrcoef(of_rsgr.ravel(), procedural.ravel())[0, 1]) < 0.5


def test_the_region_stays_on_the_sensor() -> None:
    with open_camera() as camera:
        assert camera.nodes.OffsetX.max == 1440 - 640
        assert camera.nodes.Width.max == 1440 - 400
        with pytest.raises(genapi.OutOfRangeException):
            camera.set(OffsetX=804)


@pytest.mark.parametrize("lies", [False, True])
def test_only_global_reset_shows_the_ramp(lies: bool) -> None:
    with open_camera() as camera:
        _still(triggered(camera)).set(Height=480, PixelFormat="Mono12", BlackLevel=64.0)
        camera.set(ExposureTime=2000.0, Gain=6.0, FaultLieShutter=lies)
        pictures = {}
        for mode in ("GlobalReset", "Rolling"):
            camera.set(SensorShutterMode=mode)
            with camera.streaming():
                camera.run("TriggerSoftware")
                pictures[mode] = camera.frames(1)[0].pixels.astype(float) - 64.0
        offset_us = camera.get("TrueExposureOffset")
    # The scene stands still, so both pictures differ by the row exposure alone. Rows must be
    # bright: without noise, rounding does not average out.
    bright = pictures["Rolling"].mean(axis=1) > 300.0
    ratio = (pictures["GlobalReset"].mean(axis=1) / pictures["Rolling"].mean(axis=1))[bright]
    ramp = (1.0 + np.arange(480) * 6.0 / (2000.0 + offset_us))[bright]
    assert np.abs(ratio * (ramp if lies else 1.0 / ramp) - 1.0).max() < 0.005


def test_gain_black_level_and_gamma_act_on_the_pixels() -> None:
    with open_camera() as camera:
        _still(camera).make_linear(PixelFormat="Mono12", Width=128, Height=64)
        plain = camera.picture().astype(float)
        assert camera.get("BlackLevel") == 64.0
        raised = camera.set(BlackLevel=96.0).picture()
        amplified = camera.set(BlackLevel=64.0, Gain=6.0).picture()
        curved = camera.set(Gain=0.0, Gamma=0.5).picture()
    unsaturated = plain < 1900
    assert np.abs(raised - plain - 32.0)[unsaturated].max() <= 1.0
    expected = (plain - 64.0) * 10 ** (6.0 / 20) + 64.0
    assert np.abs(amplified - expected)[unsaturated].max() <= 2.0
    assert np.abs(curved - 4095 * np.sqrt(plain / 4095)).max() <= 6.0


def test_the_test_pattern_moves_by_a_pixel_a_frame() -> None:
    with open_camera() as camera:
        timer(camera, 4000.0).set(TestPattern="GreyHorizontalRampMoving", PixelFormat="Mono12p")
        with camera.streaming():
            first, second = camera.frames(2)
    assert np.array_equal(first.pixels[0], np.arange(128))
    assert np.array_equal(second.pixels, first.pixels + 1)


def test_a_setting_changed_while_streaming_shows_in_the_next_frames() -> None:
    with open_camera() as camera:
        _still(timer(camera, 8000.0)).set(ExposureTime=500.0)
        with camera.streaming():
            before = camera.frames(3)[-1].pixels.mean()
            camera.set(ExposureTime=4000.0)
            after = camera.frames(8 + 8 + 2)[-1].pixels.mean()
    assert after > 3 * before


def test_exposure_auto_acts_and_holds_the_exposure_until_it_is_off() -> None:
    with open_camera() as camera:
        camera.set(Gamma=1.0, Width=128, Height=64, AcquisitionFrameRate=200.0)
        with pytest.raises(genapi.GenericException):
            camera.set(ExposureTime=100.0)
        power_up_us = camera.get("ExposureTime")
        with camera.streaming():
            camera.frames(40)
        settled_us = camera.get("ExposureTime")
        assert settled_us != power_up_us
        camera.set(ExposureAuto="Off", ExposureTime=100.0)
        with camera.streaming():
            camera.frames(5)
        assert camera.get("ExposureTime") == 100.0


def test_white_balance_once_makes_the_picture_grey() -> None:
    with open_camera() as camera:
        _still(camera).make_linear(PixelFormat="RGB8", ExposureTime=4000.0)
        camera.set(BalanceRatioSelector="Red", BalanceRatio=1.0)
        assert np.ptp(camera.picture().mean(axis=(0, 1))) > 3
        camera.set(BalanceWhiteAuto="Once")
        with camera.streaming():
            camera.frames(6)
        assert camera.get("BalanceWhiteAuto") == "Off"
        assert np.ptp(camera.picture().mean(axis=(0, 1))) < 3


def test_what_shapes_the_buffer_is_locked_while_acquiring() -> None:
    with open_camera() as camera:
        timer(camera, 8000.0)
        with camera.streaming():
            for name in ("Width", "OffsetY", "PixelFormat", "SensorShutterMode", "LineTime"):
                assert camera.nodes.get_node(name).get_access_mode() == genapi.EAccessMode.RO, name
            assert camera.nodes.ExposureTime.get_access_mode() == genapi.EAccessMode.RW
        assert camera.nodes.Width.get_access_mode() == genapi.EAccessMode.RW


# Buffers


@pytest.mark.real_time
def test_frames_without_a_free_buffer_are_lost_and_leave_a_gap() -> None:
    with open_camera(buffers=3) as camera:
        timer(camera, 4000.0)
        with camera.streaming():
            held = [camera.raw_buffer() for _ in range(3)]
            assert camera.frame(timeout_s=0.1) is None
            last_id = held[-1].frame_id
            for buffer in held:
                buffer.parent.queue_buffer(buffer)
            assert camera.frames(1)[0].frame_id > last_id + 1
            assert camera.acquirer.data_streams[0].module.num_underrun > 0


def test_chunks_tell_frame_time_exposure_and_trigger_count() -> None:
    with open_camera() as camera:
        triggered(camera).set(ChunkModeActive=True, ExposureTime=1234.0)
        image_bytes = 128 * 64
        assert camera.get("PayloadSize") == image_bytes + 4 * 8
        camera.set(ChunkSelector="Timestamp", ChunkEnable=False)
        assert camera.get("PayloadSize") == image_bytes + 3 * 8
        camera.set(ChunkEnable=True)
        with camera.streaming():
            for number in range(3):
                camera.run("TriggerSoftware")
                with camera.acquirer.fetch(timeout=LONGEST_S) as buffer:
                    buffer.update_chunk_data()
                    assert camera.get("ChunkFrameID") == number == buffer.module.frame_id
                    assert camera.get("ChunkTimestamp") == buffer.timestamp_ns
                    assert camera.get("ChunkExposureTime") == 1234.0
                    assert camera.get("ChunkCounterValue") == number + 1


def test_no_chunk_is_sent_unless_asked_for() -> None:
    with open_camera() as camera:
        triggered(camera)
        with camera.streaming():
            camera.run("TriggerSoftware")
            buffer = camera.raw_buffer()
            assert not buffer.is_containing_chunk_data()
            buffer.parent.queue_buffer(buffer)
