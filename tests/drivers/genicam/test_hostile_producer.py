"""The hostile producer does what its scripts say, as Harvesters and plain GenTL calls see it."""

import ctypes
import logging
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Literal

import numpy as np
import pytest
from genicam import genapi, gentl
from harvesters.core import Harvester

from drivers.virtual.camera.gentl import BufferInfo, DeviceInfo, ErrorCode, StreamInfo
from tests.drivers.genicam.hostile.hostile_client import (
    Ending,
    HostileClient,
    endings,
    listed,
    open_hostile,
)
from tests.drivers.genicam.hostile.hostile_description import (
    PIXEL_FORMAT_VALUES,
    RESET_SWITCH,
    RESET_VALUES,
    SHUTTER_NODES,
    BrokenFormula,
    HostileFeatures,
    ShutterNode,
    describe,
    shutter_of,
)
from tests.drivers.genicam.hostile.hostile_frames import (
    FrameContent,
    bits_of,
    expected_codes,
    index_of,
)
from tests.drivers.genicam.hostile.hostile_producer import (
    AWAY,
    LOAD,
    REGISTERS,
    Answer,
    Crash,
    HostileProducer,
    Script,
    busy,
    crash,
    delay,
    error,
    hang,
)
from tests.patience import TRIES, quickest_s, timed_s, wait_until

Maker = Callable[..., HostileProducer]

CALLS_OF_A_LIFE = (
    *("GCInitLib", "TLOpen", "TLUpdateInterfaceList", "IFUpdateDeviceList", "IFOpenDevice"),
    *("DevOpenDataStream", "GCReadPort", "GCWritePort", "DSStartAcquisition", "EventGetData"),
    *("DSStopAcquisition", "DSFlushQueue", "DSClose", "DevClose", "TLClose", "GCCloseLib"),
)
WAYS_TO_CRASH: tuple[Crash, ...] = ("segv", "bus", "abort", "exit")
SIGNALS = {"segv": -11, "bus": -7, "abort": -6}


def numbers_of(client: HostileClient, count: int) -> list[int]:
    """Frame numbers of the first buffers of an acquisition."""
    with client.streaming():
        return [each.number for each in client.delivered(count)]


def times_of(client: HostileClient, count: int) -> list[int]:
    """Device times of the first buffers of an acquisition."""
    times = []
    with client.streaming():
        for _ in range(count):
            buffer = client.raw_buffer()
            times.append(buffer.timestamp_ns)
            buffer.parent.queue_buffer(buffer)
    return times


def nothing_comes(client: HostileClient, time_s: float = 0.15) -> bool:
    """Whether no buffer comes for a while."""
    return client.raw_buffer(time_s) is None


def nothing_of(client: HostileClient) -> bool:
    """Whether no buffer comes for a moment; one that does is given back."""
    buffer = client.raw_buffer(0.02)
    if buffer is not None:
        buffer.parent.queue_buffer(buffer)
    return buffer is None


def answers(client: HostileClient) -> bool:
    """Whether a register read gets through."""
    try:
        client.get("Width")
    except gentl.GenericException:
        return False
    return True


# The tame producer


def test_a_tame_producer_lists_one_camera_and_sends_right_frames(hostile: Maker) -> None:
    producer = hostile()
    assert listed(producer) == [producer.serial]
    with open_hostile(producer) as [client]:
        for _ in range(2):
            with client.streaming():
                frames = client.delivered(12)
            assert [frame.number for frame in frames] == list(range(1, 13))
            for index, frame in enumerate(frames, 1):
                assert np.array_equal(frame.codes, expected_codes(FrameContent(), index))


@pytest.mark.parametrize("padding", [0, 5])
def test_every_pixel_of_every_format_is_known(hostile: Maker, padding: int) -> None:
    producer = hostile(Script(line_padding_bytes=padding, features=HostileFeatures(gain="GainAbs")))
    with open_hostile(producer) as [client]:
        client.set(Width=20, Height=14, OffsetX=8, OffsetY=6, GainAbs=6.5, ExposureTime=1234.5)
        content = FrameContent(20, 14, exposure_us=1234.5, gain_db=6.5, offset_x_px=8,
                               offset_y_px=6)  # fmt: skip
        for name in PIXEL_FORMAT_VALUES:
            client.set(PixelFormat=name)
            codes = client.shot()
            expected = expected_codes(replace(content, pixel_format=name), 1)
            assert np.array_equal(codes, expected), name
            assert codes.max() > 1 << (bits_of(name) - 4)


@pytest.mark.parametrize(
    "names",
    [
        HostileFeatures(),
        HostileFeatures(exposure="ExposureTimeAbs", gain="GainAbs", black_level="BlackLevelAbs"),
        HostileFeatures(
            exposure="ExposureTimeRaw",
            exposure_raw_us=2.0,
            gain="GainRaw",
            gain_raw_db=0.5,
            black_level="BlackLevelRaw",
        ),
    ],
    ids=["standard", "abs", "raw"],
)
def test_exposure_gain_and_black_level_are_applied_under_every_name(
    hostile: Maker, names: HostileFeatures
) -> None:
    raw = names.gain == "GainRaw"
    with open_hostile(hostile(Script(features=names))) as [client]:
        client.set(**{str(names.exposure): 3000, str(names.gain): 12, str(names.black_level): 20})
        content = FrameContent(
            exposure_us=6000.0 if raw else 3000.0,
            gain_db=6.0 if raw else 12.0,
            black_level_dn=20.0,
        )
        assert np.array_equal(client.shot(), expected_codes(content, 1))


def test_gains_of_all_selections_add_up(hostile: Maker) -> None:
    features = HostileFeatures(gain="GainRaw", gain_selectors=("AnalogAll", "DigitalAll"))
    with open_hostile(hostile(Script(features=features))) as [client]:
        client.set(GainSelector="AnalogAll", GainRaw=30, ExposureTime=5000.0)
        client.set(GainSelector="DigitalAll", GainRaw=70)
        assert client.set(GainSelector="AnalogAll").get("GainRaw") == 30
        content = FrameContent(exposure_us=5000.0, gain_db=10.0)
        assert np.array_equal(client.shot(), expected_codes(content, 1))


def test_two_cameras_of_one_producer_have_registers_of_their_own(hostile: Maker) -> None:
    script = Script(cameras=2, only_camera=1, faults=[error(REGISTERS, -1010, node="ExposureTime")])
    with open_hostile(hostile(script), 0, 1) as [first, second]:
        first.set(ExposureTime=2000.0)
        assert first.shot()[5, 5] > second.shot()[5, 5]
        with pytest.raises(gentl.IoException):
            second.get("ExposureTime")


def test_calls_are_logged_in_order(hostile: Maker) -> None:
    producer = hostile(Script(log=1))
    with open_hostile(producer) as [client]:
        client.shot()
    calls = producer.calls()
    places = [calls.index(name) for name in CALLS_OF_A_LIFE if name not in ("EventGetData",
              "GCReadPort", "GCWritePort")]  # fmt: skip
    assert places == sorted(places)
    assert "GCWritePort@AcquisitionStart" in calls


# Access status, delays, hangs, crashes, errors


@pytest.mark.parametrize("status", [3, 4])
def test_the_access_status_of_an_open_camera_is_as_told(hostile: Maker, status: int) -> None:
    script = Script(access_status_open=status)
    with open_hostile(hostile(script)) as [client]:
        assert client.acquirer.device.module.access_status == status
        client.shot()


def test_an_access_status_may_be_refused(hostile: Maker) -> None:
    with (
        open_hostile(hostile(Script(access_status_open=ErrorCode.NOT_IMPLEMENTED))) as [client],
        pytest.raises(gentl.NotImplementedException),
    ):
        _ = client.acquirer.device.module.access_status


def test_delays_of_registers_and_of_named_functions(hostile: Maker) -> None:
    producer = hostile(Script(faults=[delay("IFOpenDevice", 120), delay(REGISTERS, 30)]))
    opened_s = time.monotonic()
    with open_hostile(producer) as [client]:
        assert time.monotonic() - opened_s > 0.12
        assert timed_s(lambda: client.get("Width")) > 0.03
        producer.fault(delay("GCReadPort", 60, node="Height"))
        assert timed_s(lambda: client.get("Height")) > 0.09


def test_a_crash_is_a_real_one_in_every_function(hostile: Maker) -> None:
    expected, producers = [], []
    for index, function in enumerate((*CALLS_OF_A_LIFE, LOAD)):
        how = WAYS_TO_CRASH[index % 4]
        producers.append(hostile(Script(log=2, faults=[crash(function, how)])))
        expected.append((SIGNALS.get(how, 3), function))
    producers.append(hostile(Script(log=2, faults=[crash("EventGetData", calls="frames:1")])))
    expected.append((-11, "EventGetData"))
    seen = endings(producers)
    assert [(each.status, each.last_call.partition("@")[0]) for each in seen] == expected


def test_a_hang_does_not_return_in_any_function(hostile: Maker) -> None:
    functions = (*CALLS_OF_A_LIFE, LOAD)
    producers = [hostile(Script(log=2, faults=[hang(function)])) for function in functions]
    seen = endings(producers)
    assert [each.last_call.partition("@")[0] for each in seen] == list(functions)
    assert {each.status for each in seen} == {None}


def test_a_tame_life_ends_well(hostile: Maker) -> None:
    assert endings([hostile(Script(log=2))]) == [Ending(0, "GCCloseLib")]


@pytest.mark.parametrize("function", CALLS_OF_A_LIFE)
def test_an_error_code_is_answered_by_every_function(hostile: Maker, function: str) -> None:
    producer = hostile(Script(faults=[error(function, -1012, "2-3"), error(function, -1022, "4")]))
    library = ctypes.CDLL(str(producer.path))
    nothing: list[Any] = [None] * 6
    size = ctypes.c_size_t(0)
    place = ctypes.c_void_p()
    needed: dict[str, list[Any]] = {
        "TLOpen": [ctypes.byref(place)],
        "GCReadPort": [None, ctypes.c_uint64(0), ctypes.byref(place), ctypes.byref(size)],
        "GCWritePort": [None, ctypes.c_uint64(0), ctypes.byref(place), ctypes.byref(size)],
    }
    arguments = needed.get(function, nothing)
    codes = [getattr(library, function)(*arguments) for _ in range(5)]
    assert codes[1:4] == [-1012, -1012, -1022]
    assert codes[0] not in (-1012, -1022)
    assert codes[4] not in (-1012, -1022)
    library.GCCloseLib()


def test_the_nth_access_and_the_access_to_one_node_fail(hostile: Maker) -> None:
    script = Script(faults=[error("GCReadPort", -1010, "3", node="Width"),
                            error("GCWritePort", -1005, node="Height")])  # fmt: skip
    with open_hostile(hostile(script)) as [client]:
        assert [client.get("Width"), client.get("Width")] == [64, 64]
        with pytest.raises(gentl.IoException):
            client.get("Width")
        assert client.get("Width") == 64
        with pytest.raises(gentl.AccessDeniedException):
            client.set(Height=8)
        assert client.get("Height") == 48


def test_a_hang_begun_live_lasts_until_it_is_released(hostile: Maker) -> None:
    producer = hostile()
    codes: list[int] = []
    with open_hostile(producer) as [client], client.streaming():
        client.delivered(2)
        library = ctypes.CDLL(str(producer.path))
        producer.fault(hang("EventKill"))
        hung = threading.Thread(target=lambda: codes.append(library.EventKill(None)))
        hung.start()
        hung.join(0.2)
        assert hung.is_alive()
        client.delivered(2)
        producer.release_hangs()
        hung.join()
    assert codes == [ErrorCode.ABORT]


def test_other_calls_go_on_while_one_hangs_unless_it_holds_the_lock(hostile: Maker) -> None:
    faults = [delay("EventFlush", 400)]
    free = ctypes.CDLL(str(hostile(Script(faults=faults)).path))
    assert quickest_s(lambda: _time_of_a_call_beside(free), 0.2) < 0.2
    held = ctypes.CDLL(str(hostile(Script(faults=faults, faults_hold_lock=True)).path))
    assert any(_time_of_a_call_beside(held) > 0.2 for _ in range(TRIES))


def _time_of_a_call_beside(library: ctypes.CDLL) -> float:
    """Time of one call while EventFlush is delayed in another thread."""
    slow = threading.Thread(target=library.EventFlush, args=(None,))
    slow.start()
    time.sleep(0.1)
    size = ctypes.c_size_t(0)
    waited_s = timed_s(lambda: library.GCGetInfo(0, None, None, ctypes.byref(size)))
    slow.join()
    return waited_s


# Silence and triggers


def test_silence_at_the_start(hostile: Maker) -> None:
    with open_hostile(hostile(Script(silent_first_ms=1000))) as [client], client.streaming():
        assert nothing_comes(client, 0.2)
        assert client.delivered(1)[0].number == 1


def test_silence_after_some_frames_and_from_now_on(hostile: Maker) -> None:
    producer = hostile(Script(silent_after_frames=3))
    with open_hostile(producer) as [client], client.streaming():
        assert [each.number for each in client.delivered(3)] == [1, 2, 3]
        assert nothing_comes(client)
        producer.switch(silent_after_frames=0)
        client.delivered(2)
        producer.switch(silent=True)
        wait_until(lambda: nothing_of(client))
        assert nothing_comes(client)
        producer.switch(silent=False)
        client.delivered(1)


def test_slow_frames(hostile: Maker) -> None:
    with open_hostile(hostile(Script(frame_interval_ms=120))) as [client]:
        times = times_of(client, 3)
    assert np.diff(times).tolist() == [120_000_000] * 2


def test_a_frame_for_each_software_trigger(hostile: Maker) -> None:
    with open_hostile(hostile()) as [client]:
        client.set(TriggerSelector="FrameStart", TriggerMode="On", TriggerSource="Software")
        with client.streaming():
            assert nothing_comes(client)
            for number in (1, 2, 3):
                client.run("TriggerSoftware")
                assert client.delivered(1)[0].number == number
            assert nothing_comes(client)


def test_a_triggered_frame_comes_after_the_trigger_delay(hostile: Maker) -> None:
    features = HostileFeatures(trigger_delay="TriggerDelay")
    with open_hostile(hostile(Script(features=features))) as [client]:
        client.set(TriggerMode="On", TriggerSource="Software", TriggerDelay=300_000.0)
        with client.streaming():
            before_s = time.monotonic()
            client.run("TriggerSoftware")
            client.delivered(1)
            assert time.monotonic() - before_s > 0.3


def test_pulses_on_line_1(hostile: Maker) -> None:
    producer = hostile()
    with open_hostile(producer) as [client]:
        client.set(TriggerMode="On", TriggerSource="Line1")
        producer.pulse(5)
        with client.streaming():
            assert nothing_comes(client)
            producer.pulse(3)
            assert [each.number for each in client.delivered(3)] == [1, 2, 3]
            assert nothing_comes(client)
            client.run("TriggerSoftware")
            assert nothing_comes(client)


def test_a_trigger_left_over_keeps_frames_away_until_it_is_set(hostile: Maker) -> None:
    features = HostileFeatures(
        trigger_selectors=("AcquisitionStart", "FrameStart"), trigger_left_on="Line1"
    )
    with open_hostile(hostile(Script(features=features))) as [client]:
        for expected, name in ((True, "FrameStart"), (False, "AcquisitionStart")):
            client.set(TriggerSelector=name)
            assert client.get("TriggerMode") == "On"
            client.set(TriggerMode="Off")
            with client.streaming():
                assert nothing_comes(client) is expected


def test_a_trigger_that_never_comes(hostile: Maker) -> None:
    with open_hostile(hostile(Script(ignore_triggers=True))) as [client]:
        client.set(TriggerMode="On", TriggerSource="Software")
        with client.streaming():
            client.run("TriggerSoftware")
            assert nothing_comes(client)


# Going away and coming back


def test_an_unplugged_camera_answers_no_register_and_sends_nothing(hostile: Maker) -> None:
    producer = hostile(Script(away_error=-1009, access_status_away=4))
    with open_hostile(producer) as [client]:
        client.set(ExposureTime=2000.0).acquirer.start()
        client.delivered(2)
        producer.unplug()
        wait_until(lambda: not answers(client))
        with pytest.raises(gentl.InvalidParameterException):
            client.get("Width")
        assert nothing_comes(client)
        assert client.acquirer.device.module.access_status == 4
        producer.plug_in()
        wait_until(lambda: client.acquirer.device.module.access_status == 5)
        assert not answers(client)
    with open_hostile(producer) as [client]:
        assert client.get("ExposureTime") == 1000.0
        client.shot()


def test_a_camera_may_come_back_under_its_old_handle_with_its_registers(hostile: Maker) -> None:
    script = Script(away_after_frames=3, away_for_ms=800, away_keeps_registers=True,
                    return_needs_reopen=False)  # fmt: skip
    with open_hostile(hostile(script)) as [client]:
        client.set(ExposureTime=2000.0)
        with client.streaming():
            client.delivered(3)
            assert not answers(client)
            wait_until(lambda: answers(client))
            assert nothing_comes(client)
        assert client.get("ExposureTime") == 2000.0
        client.shot()


def test_an_absent_camera_is_listed_and_opened_as_told(hostile: Maker) -> None:
    assert listed(hostile(Script(away=True))) == []
    producer = hostile(Script(away=True, listed_when_away=True, away_open_error=-1005))
    assert listed(producer) == [producer.serial]
    with pytest.raises(gentl.AccessDeniedException), open_hostile(producer):
        pass


def test_waiting_for_a_lost_camera_may_fail_at_once(hostile: Maker) -> None:
    producer = hostile(Script(away_event_error=-1010))
    with open_hostile(producer) as [client]:
        client.acquirer.start()
        client.delivered(1)
        producer.unplug()
        with pytest.raises(gentl.IoException):
            wait_until(lambda: client.raw_buffer(0.01) is not None)


def test_a_lost_camera_may_stay_open_and_its_library_busy(hostile: Maker) -> None:
    script = Script(
        faults=[error("DevClose", ErrorCode.BUSY, AWAY), busy("GCCloseLib", 1)],
        listed_when_away=True,
    )
    producer = hostile(script)
    harvester = Harvester()
    harvester.add_file(str(producer.path))
    harvester.update()
    acquirer = harvester.create(0)
    producer.unplug()
    time.sleep(0.01)
    acquirer.destroy()  # the binding takes no notice of the refusal
    producer.plug_in()
    time.sleep(0.01)
    with pytest.raises(gentl.ResourceInUseException):
        harvester.create(0)
    with pytest.raises(gentl.BusyException):
        harvester.reset()


# Busy


def test_a_second_start_is_busy_some_times(hostile: Maker) -> None:
    script = Script(faults=[busy("DSStartAcquisition", 2, first=2, code=-1004)])
    with open_hostile(hostile(script)) as [client]:
        client.shot()
        for _ in range(2):
            with pytest.raises(gentl.ResourceInUseException):
                client.acquirer.start()
        client.shot()


def test_a_start_right_after_a_stop_is_busy_for_a_while(hostile: Maker) -> None:
    script = Script(busy_after_stop_ms=2000, busy_code=ErrorCode.BUSY)
    with open_hostile(hostile(script)) as [client]:
        client.shot()
        with pytest.raises(gentl.GenericException, match="busy"):
            client.acquirer.start()
        time.sleep(2.01)
        client.shot()


# Buffers


@pytest.mark.parametrize(
    ("answer", "attribute", "expected"),
    [
        (Answer(BufferInfo.HEIGHT, 0), "height", 0),
        (Answer(BufferInfo.SIZE_FILLED, -100, "add"), "size_filled", 64 * 48 - 100),
        (Answer(BufferInfo.SIZE_FILLED, 100, "add"), "size_filled", 64 * 48 + 100),
        (Answer(BufferInfo.PIXELFORMAT, 0x01100007), "pixel_format", 0x01100007),
        (Answer(BufferInfo.PAYLOADTYPE, 3), "payload_type", 3),
        (Answer(BufferInfo.XPADDING, 7), "padding_x", 7),
    ],
)
def test_an_answer_on_a_buffer_may_be_wrong_in_chosen_frames(
    hostile: Maker, answer: Answer, attribute: str, expected: int
) -> None:
    script = Script(answers=[replace(answer, frames="2-3")])
    told = []
    with open_hostile(hostile(script)) as [client], client.streaming():
        for _ in range(4):
            buffer = client.raw_buffer()
            told.append(int(getattr(buffer, attribute)))
            buffer.parent.queue_buffer(buffer)
    assert told[1:3] == [expected] * 2
    assert expected not in (told[0], told[3])


def test_an_information_command_may_be_unsupported(hostile: Maker) -> None:
    script = Script(
        answers=[
            Answer(BufferInfo.TIMESTAMP_NS, ErrorCode.NOT_AVAILABLE, "error"),
            Answer(StreamInfo.NUM_AWAIT_DELIVERY, ErrorCode.NOT_IMPLEMENTED, "error"),
            Answer(DeviceInfo.TIMESTAMP_FREQUENCY, ErrorCode.NOT_IMPLEMENTED, "error"),
        ]
    )
    with open_hostile(hostile(script)) as [client], client.streaming():
        buffer = client.raw_buffer()
        with pytest.raises(gentl.NotAvailableException):
            _ = buffer.timestamp_ns
        with pytest.raises(gentl.NotImplementedException):
            _ = client.acquirer.data_streams[0].num_awaiting_delivery
        with pytest.raises(gentl.NotImplementedException):
            _ = client.acquirer.device.timestamp_frequency
        buffer.parent.queue_buffer(buffer)


def test_incomplete_buffers_are_marked(hostile: Maker) -> None:
    script = Script(answers=[Answer(BufferInfo.IS_INCOMPLETE, 1, frames="2")])
    with open_hostile(hostile(script)) as [client]:
        # Harvesters queues them again without a word.
        assert numbers_of(client, 3) == [1, 3, 4]


def test_answers_change_while_streaming(hostile: Maker) -> None:
    producer = hostile()
    with open_hostile(producer) as [client], client.streaming():
        client.delivered(1)
        producer.answer(Answer(BufferInfo.HEIGHT, 0))

        def height_is_gone() -> bool:
            buffer = client.raw_buffer()
            gone = bool(buffer.height == 0)
            buffer.parent.queue_buffer(buffer)
            return gone

        wait_until(height_is_gone)


def test_a_client_without_a_free_buffer_loses_frames(hostile: Maker) -> None:
    with open_hostile(hostile(), buffers=3) as [client], client.streaming():
        held = [client.raw_buffer() for _ in range(3)]
        wait_until(lambda: client.acquirer.data_streams[0].num_underrun >= 2)
        for buffer in held:
            buffer.parent.queue_buffer(buffer)
        assert client.delivered(1)[0].number > 5


# Frame numbers and times


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        (Script(number_first=254, number_bits=8), [254, 255, 0, 1]),
        (Script(number_first=254, number_bits=8, number_zero=False), [254, 255, 1, 2]),
        (Script(number_first=65534, number_bits=16), [65534, 65535, 0, 1]),
        (Script(number_first=65534, number_bits=16, number_zero=False), [65534, 65535, 1, 2]),
        (Script(number_first=2**32 - 2, number_bits=32), [2**32 - 2, 2**32 - 1, 0, 1]),
        (Script(number_first=2**32 - 1, number_bits=32, number_zero=False), [2**32 - 1, 1, 2]),
        (Script(number_first=2**64 - 1), [2**64 - 1, 0, 1]),
        (Script(number_first=2**64 - 1, number_zero=False), [2**64 - 1, 1, 2]),
        (Script(number_first=0), [0, 1, 2]),
        (Script(number_restart_after=2), [1, 2, 1, 2, 3]),
        (Script(number_first=5000, number_restart_after=2, number_restart_at=0), [5000, 5001, 0]),
        (Script(number_constant=0), [0, 0, 0]),
        (Script(number_garbage=[("2", 9_999_999)]), [1, 9_999_999, 3]),
        (Script(numbers=[7, 8, 8, 6, 20]), [7, 8, 8, 6, 20, 21, 22]),
        (Script(lose=["2", "4-5"]), [1, 3, 6, 7]),
        (Script(repeat=["2"]), [1, 2, 2, 3]),
        (Script(order=[2, 1, 3, 3, 6]), [2, 1, 3, 3, 6, 7, 8]),
        (Script(number_first=65533, number_bits=16, number_zero=False, lose=["2-3"]), [65533, 1]),
    ],
    ids=str,
)
def test_frame_numbers_are_as_told(hostile: Maker, script: Script, expected: list[int]) -> None:
    with open_hostile(hostile(script)) as [client]:
        assert numbers_of(client, len(expected)) == expected


def test_the_image_tells_the_true_frame_of_a_reordered_or_misnumbered_buffer(
    hostile: Maker,
) -> None:
    script = Script(order=[2, 1, 4, 4], number_constant=9)
    with open_hostile(hostile(script)) as [client], client.streaming():
        assert [index_of(each.codes) for each in client.delivered(5)] == [2, 1, 4, 4, 5]


def test_the_count_may_go_on_over_a_stop(hostile: Maker) -> None:
    with open_hostile(hostile(Script(count_goes_on=True))) as [client]:
        first = numbers_of(client, 3)
        assert numbers_of(client, 1)[0] > first[-1]


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        (Script(), [5, 5, 5]),
        (Script(timestamp_step=[(3, 70_000_000)]), [5, 75, 5]),
        (Script(timestamp_step=[(3, -70_000_000)]), [5, -65, 5]),
        (Script(timestamp_drift_ppm=200_000.0), [6, 6, 6]),
    ],
    ids=["raising", "forward", "back", "drift"],
)
def test_times_are_as_told(hostile: Maker, script: Script, expected: list[int]) -> None:
    script = replace(script, timestamp_first_ns=500_000_000)
    with open_hostile(hostile(script)) as [client]:
        times = times_of(client, 4)
    assert (np.diff(times) / 1_000_000).tolist() == expected
    assert times[0] == 500_000_000 + expected[0] * 1_000_000


def test_a_camera_without_a_clock_gives_zero(hostile: Maker) -> None:
    with open_hostile(hostile(Script(timestamp_zero=True))) as [client]:
        assert times_of(client, 2) == [0, 0]


# Descriptions


def nodes_of(client: HostileClient) -> set[str]:
    """Names of all features of a camera."""
    return {node.node.name for node in client.nodes.nodes}


def test_features_are_there_under_the_names_asked_for(hostile: Maker) -> None:
    features = HostileFeatures(
        has_offsets=False,
        exposure="ExposureTimeRaw",
        gain="GainRaw",
        gain_selectors=("All",),
        gain_category=True,
        black_level="BlackLevelRaw",
        frame_rate="AcquisitionFrameRateAbs",
        trigger_delay="TriggerDelayAbs",
    )
    with open_hostile(hostile(Script(features=features))) as [client]:
        client.shot()
        kind = client.nodes.get_node("Gain").node.principal_interface_type
        assert kind == genapi.EInterfaceType.intfICategory
        for name in ("ExposureTimeRaw", "GainRaw", "BlackLevelRaw", "AcquisitionFrameRateAbs",
                     "TriggerDelayAbs"):  # fmt: skip
            client.set(**{name: client.get(name)})
        for name in ("OffsetX", "OffsetY", "ExposureTime", "AcquisitionFrameRate", "BlackLevel"):
            assert not client.nodes.has_node(name), name


@pytest.mark.parametrize("formula", ["divide by zero", "unreadable register"])
def test_a_formula_may_be_unreadable(hostile: Maker, formula: BrokenFormula) -> None:
    features = HostileFeatures(broken_formula=formula)
    with open_hostile(hostile(Script(features=features))) as [client]:
        client.shot()
        with pytest.raises((genapi.GenericException, gentl.GenericException)):
            client.get("LineTime")


@pytest.mark.parametrize(
    "xml",
    [
        describe(HostileFeatures()).xml[:5000],
        describe(HostileFeatures()).xml.replace("Version_1_1", "Version_1_9"),
    ],
    ids=["cut", "unknown schema"],
)
def test_a_description_may_be_broken_as_a_whole(hostile: Maker, xml: str) -> None:
    with pytest.raises(genapi.GenericException), open_hostile(hostile(Script(xml=xml))):
        pass


@pytest.mark.parametrize("implemented", [False, True])
def test_a_node_comes_and_goes_with_a_mode(hostile: Maker, implemented: bool) -> None:
    features = HostileFeatures(mode_node="Sharpness", implemented_by_mode=implemented)
    with open_hostile(hostile(Script(features=features))) as [client]:
        for mode, expected in (("Plain", False), ("Special", True), ("Plain", False)):
            client.set(HostileMode=mode)
            node = client.nodes.get_node("Sharpness")
            assert (node.get_access_mode() == genapi.EAccessMode.RW) is expected


def test_a_write_may_not_be_kept(hostile: Maker) -> None:
    with open_hostile(hostile(Script(stuck=["ExposureTime"]))) as [client]:
        assert client.set(ExposureTime=3000.0).get("ExposureTime") == 1000.0


def test_geometry_is_locked_while_acquiring(hostile: Maker) -> None:
    with open_hostile(hostile()) as [client], client.streaming():
        assert client.nodes.Width.get_access_mode() == genapi.EAccessMode.RO


@pytest.mark.parametrize("place", ["sensor", "memory"])
def test_reversed_images_are_really_flipped(
    hostile: Maker, place: Literal["sensor", "memory"]
) -> None:
    features = HostileFeatures(has_reverse=True, shutter=shutter_of("ShutterMode", "GRR"))
    content = FrameContent(line_time_us=10.0, reverse_y_in_memory=place == "memory")
    with open_hostile(hostile(Script(features=features, reverse_y_in=place))) as [client]:
        client.set(ShutterMode="GRR")
        seen = set()
        for across in (False, True):
            for down in (False, True):
                codes = client.set(ReverseX=across, ReverseY=down).shot()
                expected = replace(content, reverse_x=across, reverse_y=down)
                assert np.array_equal(codes, expected_codes(expected, 1))
                seen.add(codes.tobytes())
        assert len(seen) == 4


@pytest.mark.parametrize("node", SHUTTER_NODES)
def test_global_reset_is_shown_by_the_images_in_every_dialect(hostile: Maker, node: str) -> None:
    rolling = expected_codes(FrameContent(), 1)
    reset = expected_codes(FrameContent(line_time_us=10.0), 1)
    for value in (*RESET_VALUES, RESET_VALUES[0].lower(), RESET_VALUES[1].upper()):
        features = HostileFeatures(shutter=shutter_of(node, value))
        with open_hostile(hostile(Script(features=features))) as [client]:
            assert np.array_equal(client.shot(), rolling)
            assert np.array_equal(client.set(**{node: value}).shot(), reset)


def test_global_reset_by_a_switch_or_by_the_trigger_alone(hostile: Maker) -> None:
    reset = expected_codes(FrameContent(line_time_us=10.0), 1)
    with open_hostile(hostile(Script(features=HostileFeatures(has_reset_switch=True)))) as [client]:
        assert not np.array_equal(client.shot(), reset)
        assert np.array_equal(client.set(**{RESET_SWITCH: True}).shot(), reset)
    features = HostileFeatures(reset_when_triggered=True)
    with open_hostile(hostile(Script(features=features))) as [client]:
        client.set(TriggerMode="On", TriggerSource="Software")
        with client.streaming():
            client.run("TriggerSoftware")
            assert np.array_equal(client.delivered(1)[0].codes, reset)


def test_global_reset_may_need_the_trigger(hostile: Maker) -> None:
    features = HostileFeatures(shutter=ShutterNode(only_while_triggered=True))
    with open_hostile(hostile(Script(features=features))) as [client]:
        assert "GlobalReset" not in client.nodes.SensorShutterMode.symbolics
        client.set(TriggerMode="On", SensorShutterMode="GlobalReset")
        client.set(TriggerMode="Off")
        assert client.get("SensorShutterMode") == "Rolling"


def test_harvesters_writes_nothing_to_the_console_by_itself(
    capfd: pytest.CaptureFixture[str],
) -> None:
    """It would, with tracebacks, where a command is to end in one line."""
    logging.getLogger("harvesters.core").error("a buffer was incomplete")
    assert capfd.readouterr().err == ""
