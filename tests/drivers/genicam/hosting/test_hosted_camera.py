"""What ngs makes of producers that are slow, hang, crash, go away, or keep silent."""

import multiprocessing.synchronize
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import genicam
import numpy as np
import psutil
import pytest

from drivers.addresses import open_camera
from drivers.camera import Camera, CaptureCounters
from drivers.camera_settings import ExposureSettings, TriggerSource
from drivers.errors import CameraLostError, InstrumentError
from drivers.frame import FrameMetadata
from drivers.genicam.hosting import child_call, hosted_camera, shared_memory
from drivers.genicam.hosting.device_search import list_devices, probe_shutters
from drivers.ring import FrameRing
from drivers.virtual.camera.gentl import BufferInfo, ErrorCode
from tests.drivers.genicam.hostile.hostile_description import HostileFeatures
from tests.drivers.genicam.hostile.hostile_frames import FrameContent, expected_codes, index_of
from tests.drivers.genicam.hostile.hostile_producer import (
    LOAD,
    REGISTERS,
    Answer,
    Crash,
    Fault,
    HostileProducer,
    Script,
    busy,
    crash,
    delay,
    error,
    hang,
)
from tests.patience import LONGEST_S, quickest_s
from tests.whole_family import whole

Maker = Callable[..., HostileProducer]
VIKY = Path(genicam.__file__).parent / "viky.cti"
OPENING = ("GCInitLib", "TLOpen", "IFUpdateDeviceList", "IFOpenDevice", "DevOpenDataStream")
SIGNAL = {"segv": "SIGSEGV", "bus": "SIGBUS", "abort": "SIGABRT", "exit": "status 3"}


@pytest.fixture(autouse=True)
def _no_process_left_behind() -> Iterator[None]:
    before = {child.pid for child in psutil.Process().children()}
    yield
    left = [
        child.cmdline()
        for child in psutil.Process().children()
        # Python's own process that tracks semaphores stays as long as this one.
        if child.pid not in before and "resource_tracker" not in " ".join(child.cmdline())
    ]
    assert not left


@pytest.fixture
def soon_hung(monkeypatch: pytest.MonkeyPatch) -> None:
    """A hang is told after some seconds instead of fifteen."""
    monkeypatch.setattr(hosted_camera, "_HUNG_S", 4.0)
    monkeypatch.setattr(child_call, "LIMIT_S", 20.0)


@pytest.fixture
def opened(hostile: Maker) -> Iterator[Callable[[HostileProducer], Camera]]:
    cameras: list[Camera] = []

    def make(producer: HostileProducer) -> Camera:
        cameras.append(open_camera(producer.address))
        return cameras[-1]

    yield make
    for camera in cameras:
        camera.close()


def free_running(camera: Camera) -> Camera:
    camera.configure(ExposureSettings(trigger_source=TriggerSource.OFF))
    return camera


def grabbed(camera: Camera, frames: int) -> list[tuple[FrameMetadata, np.ndarray]]:
    """So many frames; waits for them as long as it takes."""
    result: list[tuple[FrameMetadata, np.ndarray]] = []
    while len(result) < frames:
        pixels = np.zeros(camera.frame_format.shape, camera.frame_format.pixel_format.dtype)
        metadata = camera.grab(pixels, LONGEST_S)
        assert metadata is not None
        result.append((metadata, pixels))
    return result


def lost(camera: Camera) -> tuple[str, float]:
    """What is said when the camera is lost, and after how many seconds."""
    pixels = np.zeros(camera.frame_format.shape, camera.frame_format.pixel_format.dtype)
    began_s = time.monotonic()
    while time.monotonic() - began_s < LONGEST_S:
        try:
            camera.grab(pixels, 0.1)
        except CameraLostError as told:
            assert "\n" not in str(told)  # noqa: PT017
            return str(told), time.monotonic() - began_s
    pytest.fail("the loss was not told")


@pytest.mark.parametrize("pixel_format", ["Mono8", "Mono12", "RGB8"])
def test_every_pixel_arrives(
    hostile: Maker, opened: Callable[[HostileProducer], Camera], pixel_format: str
) -> None:
    # A busy machine may be late by all the producer's buffers at this rate.
    features = HostileFeatures(
        pixel_format=pixel_format, pixel_formats=(pixel_format,), frame_rate_hz=25.0
    )
    camera = free_running(opened(hostile(Script(features))))
    camera.start()
    content = FrameContent(pixel_format=pixel_format)
    for _, pixels in grabbed(camera, 12):
        np.testing.assert_array_equal(pixels, expected_codes(content, index_of(pixels)))
    assert camera.counters.captured == 12
    assert camera.counters.lost == 0


def test_a_ring_is_filled_without_a_copy_and_keeps_its_frames(
    hostile: Maker, opened: Callable[[HostileProducer], Camera]
) -> None:
    camera = free_running(opened(hostile(Script(HostileFeatures(frame_rate_hz=500.0)))))
    ring = FrameRing(camera.frame_format, 6, camera.frame_slots)
    reader = ring.reader()
    camera.start()
    content = FrameContent()
    into = np.zeros(camera.frame_format.shape, np.uint8)
    for _ in range(40):
        slot = ring.slot_to_fill()
        metadata = camera.grab(slot, LONGEST_S)
        assert metadata is not None
        ring.publish(metadata)
        if metadata.sequence % 3 == 0:  # a slow reader
            taken = reader.next(into, 0.0)
            assert taken is not None
            np.testing.assert_array_equal(into, expected_codes(content, index_of(into)))
    camera.stop()
    assert reader.counters.lost > 0
    # What the camera's process was about to write was not published.
    newest = ring.newest()
    assert newest is not None
    np.testing.assert_array_equal(newest.pixels, expected_codes(content, index_of(newest.pixels)))
    camera.close()
    assert ring.newest() is not None


def test_little_shared_memory_costs_a_copy(
    hostile: Maker,
    opened: Callable[[HostileProducer], Camera],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """As in a container, where /dev/shm has 64 MB."""
    monkeypatch.setattr(shared_memory, "_IN_MEMORY", tmp_path / "absent")
    camera = free_running(opened(hostile()))
    assert camera.frame_slots(200) is None
    ring = FrameRing(camera.frame_format, 6, camera.frame_slots)
    camera.start()
    for _ in range(9):
        metadata = camera.grab(ring.slot_to_fill(), LONGEST_S)
        assert metadata is not None
        ring.publish(metadata)
    newest = ring.newest()
    assert newest is not None
    np.testing.assert_array_equal(
        newest.pixels, expected_codes(FrameContent(), index_of(newest.pixels))
    )


@pytest.mark.parametrize("told", [True, False])
def test_a_trailer_of_height_0_is_judged_by_the_bytes_that_came(
    hostile: Maker, opened: Callable[[HostileProducer], Camera], told: bool
) -> None:
    short = Answer(BufferInfo.SIZE_FILLED, -100, "add", "3-4")
    untold = Answer(BufferInfo.SIZE_FILLED, ErrorCode.NOT_IMPLEMENTED, "error")
    script = Script(
        HostileFeatures(frame_rate_hz=25.0),
        answers=[
            Answer(BufferInfo.HEIGHT, 0, frames="all" if told else "3-4"),
            short if told else untold,
        ],
    )
    camera = free_running(opened(hostile(script)))
    camera.start()
    for _, pixels in grabbed(camera, 6):
        index = index_of(pixels)
        np.testing.assert_array_equal(pixels, expected_codes(FrameContent(), index))
        assert index not in (3, 4)
    assert camera.counters == CaptureCounters(captured=6, lost=0, incomplete=2)


@pytest.mark.parametrize("how", ["segv", "bus", "abort", "exit"])
@pytest.mark.parametrize("function", [LOAD, "GCInitLib", "IFOpenDevice", "DevOpenDataStream"])
def test_a_crash_in_opening_is_told_by_the_producers_name(
    hostile: Maker, function: str, how: Crash
) -> None:
    producer = hostile(Script(faults=[crash(function, how)]))
    with pytest.raises(InstrumentError) as told:
        open_camera(producer.address)
    assert str(producer.path) in str(told.value)
    assert SIGNAL[how] in str(told.value)
    assert "\n" not in str(told.value)


@pytest.mark.usefixtures("soon_hung")
@pytest.mark.parametrize("function", ["GCInitLib", "IFOpenDevice"])
def test_a_hang_in_opening_is_ended_and_told(hostile: Maker, function: str) -> None:
    producer = hostile(Script(faults=[hang(function)]))
    with pytest.raises(InstrumentError, match=r"has not answered for 4 s while opening"):
        open_camera(producer.address)


def test_opening_may_take_long_where_each_call_answers(
    hostile: Maker, opened: Callable[[HostileProducer], Camera]
) -> None:
    camera = free_running(opened(hostile(Script(faults=[delay("GCReadPort", 20)]))))
    camera.start()
    assert len(grabbed(camera, 3)) == 3


def test_a_script_that_guards_nothing_runs_once(tmp_path: Path) -> None:
    script = tmp_path / "measure.py"
    script.write_text(
        "import ngs\n"
        "print('begun')\n"
        f"camera = ngs.open_camera('genicam:{VIKY}#0')\n"
        "print(camera.identity.serial)\n"
        "camera.close()\n"
    )
    ended = subprocess.run(
        [sys.executable, str(script)], capture_output=True, text=True, check=False
    )
    assert (ended.returncode, ended.stdout.splitlines()) == (0, ["begun", "0"]), ended.stderr


@pytest.mark.usefixtures("soon_hung")
@pytest.mark.parametrize(
    ("named", "quiet"),
    [
        ([hang("IFUpdateDeviceList")], None),
        pytest.param([crash(LOAD, "segv")], [crash("GCCloseLib", "bus")], marks=pytest.mark.whole),
        pytest.param([crash("TLUpdateInterfaceList", "abort")], None, marks=pytest.mark.whole),
    ],
)
def test_bad_producers_are_named_and_good_ones_stay_usable(
    hostile: Maker, tmp_path: Path, named: list[Fault], quiet: list[Fault] | None
) -> None:
    """``quiet`` is a fault after the devices were listed: it costs nothing."""
    text = tmp_path / "text.cti"
    text.write_text("no library")
    bad = [hostile(Script(faults=faults)) for faults in (named, quiet) if faults is not None]
    cut = tmp_path / "cut.cti"
    cut.write_bytes(bad[0].path.read_bytes()[:9000])
    good = hostile()
    paths = [each.path for each in bad] + [text, cut, VIKY, good.path]
    listings, problems = list_devices(paths)
    assert {listing.producer for listing in listings} >= {VIKY, good.path}
    for path in (bad[0].path, text, cut):
        assert any(str(path) in problem for problem in problems), path
    assert not any(str(good.path) in problem for problem in problems)


def test_shutter_modes_are_asked_for_one_camera_without_the_other(hostile: Maker) -> None:
    broken, good = hostile(Script(faults=[crash("IFOpenDevice")])), hostile()
    first = list_devices([broken.path])[0][0]
    second = list_devices([good.path])[0][0]
    answers = probe_shutters([first, second])
    assert isinstance(answers[0], InstrumentError)
    assert not isinstance(answers[1], InstrumentError)


@pytest.mark.parametrize("how", ["segv", "exit"])
def test_a_crash_while_streaming_costs_this_camera_only(
    hostile: Maker, opened: Callable[[HostileProducer], Camera], how: Crash
) -> None:
    producer = hostile()
    camera = free_running(opened(producer))
    other = free_running(opened(hostile()))
    camera.start()
    other.start()
    grabbed(camera, 4)
    producer.fault(crash("EventGetData", how))
    text, seconds = lost(camera)
    assert str(producer.path) in text
    assert SIGNAL[how] in text
    assert seconds < LONGEST_S
    assert len(grabbed(other, 5)) == 5
    camera.stop()
    camera.close()
    assert len(grabbed(other, 5)) == 5


def test_a_crash_in_stopping_is_told_to_whoever_stops_and_is_no_loss(
    hostile: Maker, opened: Callable[[HostileProducer], Camera]
) -> None:
    camera = free_running(opened(hostile(Script(faults=[crash("DSStopAcquisition", "segv")]))))
    camera.start()
    grabbed(camera, 2)
    got: list[object] = []

    def grab_until_stopped() -> None:
        form = camera.frame_format
        codes = np.empty(form.shape, form.pixel_format.dtype)
        try:
            while camera.grab(codes, 5.0) is not None:
                pass
            got.append(None)
        except CameraLostError as error:
            got.append(error)

    grabbing = threading.Thread(target=grab_until_stopped)
    grabbing.start()
    camera.stop()
    grabbing.join()
    assert got == [None]
    assert any("while stopping" in each for each in camera.state.warnings)


@pytest.mark.usefixtures("soon_hung")
def test_a_hang_while_streaming_stops_nobody_else(
    hostile: Maker, opened: Callable[[HostileProducer], Camera]
) -> None:
    producer = hostile(Script(faults=[hang("EventGetData", calls="frames:5")]))
    camera, other = free_running(opened(producer)), free_running(opened(hostile()))
    camera.start()
    other.start()
    grabbed(camera, 4)
    told: list[tuple[str, float]] = []
    waiting = threading.Thread(target=lambda: told.append(lost(camera)))
    waiting.start()
    while waiting.is_alive():
        grabbed(other, 1)
    waiting.join()
    assert "has not answered for 4 s while streaming" in told[0][0]


@pytest.mark.parametrize(
    "fault",
    [
        hang("DSStopAcquisition"),
        whole(hang("DSFlushQueue")),
        whole(hang("DevClose")),
        whole(hang("GCCloseLib")),
        crash("DSStopAcquisition", "abort"),
        whole(crash("GCCloseLib", "segv")),
        busy("GCCloseLib", 1000),
        error("DSStopAcquisition", -1001),
        error("DSRevokeBuffer", -1001),
    ],
    ids=lambda fault: f"{fault.action} {fault.function}",
)
def test_closing_ends_whatever_the_producer_does(hostile: Maker, fault: Fault) -> None:
    def closing_s() -> float:
        camera = free_running(open_camera(hostile(Script(faults=[fault])).address))
        camera.start()
        grabbed(camera, 2)
        began_s = time.monotonic()
        camera.close()
        camera.close()
        return time.monotonic() - began_s

    # Three seconds for the stop, two for closing, one for the process to leave.
    assert quickest_s(closing_s, 6.5) < 6.5


@pytest.mark.parametrize("status", [3, whole(4), whole(-1014)])
def test_silence_is_no_loss_whatever_the_access_status_says(
    hostile: Maker, opened: Callable[[HostileProducer], Camera], status: int
) -> None:
    script = Script(access_status_open=status, silent_after_frames=3)
    producer = hostile(script)
    camera = free_running(opened(producer))
    camera.start()
    grabbed(camera, 3)
    pixels = np.zeros(camera.frame_format.shape, np.uint8)
    assert camera.grab(pixels, 2.0) is None
    assert camera.counters.lost == 0
    producer.switch(silent_after_frames=1_000_000)
    assert len(grabbed(camera, 2)) == 2


def test_no_wait_for_frames_goes_by_the_wall_clock(
    hostile: Maker,
    opened: Callable[[HostileProducer], Camera],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # The time-out of a semaphore between processes does, for hours where the clock is set back.
    def refused(*_: object, **__: object) -> None:
        raise AssertionError("a semaphore between processes")

    monkeypatch.setattr(multiprocessing.synchronize.SemLock, "__init__", refused)
    camera = free_running(opened(hostile(Script(silent_after_frames=3))))
    camera.start()
    grabbed(camera, 3)
    pixels = np.zeros(camera.frame_format.shape, np.uint8)
    assert camera.grab(pixels, 0.5) is None


@pytest.mark.parametrize("code", [-1009, whole(-1010), whole(-1006)])
def test_unplugging_is_told_and_the_camera_opens_again(
    hostile: Maker, opened: Callable[[HostileProducer], Camera], code: int
) -> None:
    def told_s() -> float:
        producer = hostile(Script(away_error=code))
        camera = free_running(opened(producer))
        camera.start()
        grabbed(camera, 2)
        producer.unplug()
        text, seconds = lost(camera)
        assert "no longer answers (reading Width" in text
        began_s = time.monotonic()
        camera.stop()
        camera.close()
        seconds = max(seconds, time.monotonic() - began_s)
        producer.plug_in()
        again = free_running(opened(producer))
        again.start()
        assert len(grabbed(again, 2)) == 2
        return seconds

    assert quickest_s(told_s, 2.0) < 2.0


def test_a_register_that_fails_once_is_no_loss(
    hostile: Maker, opened: Callable[[HostileProducer], Camera]
) -> None:
    producer = hostile()
    camera = free_running(opened(producer))
    camera.start()
    grabbed(camera, 2)
    producer.fault(error(REGISTERS, -1010, calls="1"))
    producer.switch(silent=1)
    pixels = np.zeros(camera.frame_format.shape, np.uint8)
    while camera.grab(pixels, 1.2) is not None:
        pass  # sent before
    producer.switch(silent=0)
    assert len(grabbed(camera, 2)) == 2


def test_a_camera_that_the_program_holds_is_refused(
    hostile: Maker, opened: Callable[[HostileProducer], Camera]
) -> None:
    producer = hostile()
    camera = opened(producer)
    with pytest.raises(InstrumentError, match="in use by this program"):
        open_camera(producer.address)
    camera.close()
    opened(producer)


@pytest.mark.parametrize(
    "features",
    [
        HostileFeatures(gain_category=True, gain="GainRaw", exposure="ExposureTimeRaw"),
        HostileFeatures(broken_formula="divide by zero"),
        HostileFeatures(broken_formula="unreadable register"),
        HostileFeatures(broken_formula="missing node"),
        HostileFeatures(has_offsets=False),
        HostileFeatures(mode_node="Gain2", implemented_by_mode=True),
    ],
    ids=[
        "a heading called Gain",
        "a broken formula",
        "a broken register",
        "a formula of a missing node",
        "no offsets",
        "a node that comes and goes",
    ],
)
def test_a_node_that_cannot_be_used_costs_no_more_than_itself(
    hostile: Maker, opened: Callable[[HostileProducer], Camera], features: HostileFeatures
) -> None:
    camera = free_running(opened(hostile(Script(features))))
    camera.start()
    assert len(grabbed(camera, 2)) == 2


@pytest.mark.parametrize(
    ("script", "sequences", "counted", "breaks"),
    [
        (
            Script(
                number_first=65_530,
                number_bits=16,
                number_zero=False,
                number_garbage=[("9", 2**40), ("15", 0)],
                lose=["12-13"],
            ),
            [*range(11), *range(13, 22)],
            CaptureCounters(captured=20, lost=2),
            [8, 16],
        ),
        (
            Script(number_first=5000, number_restart_after=10, number_restart_at=1),
            [*range(20)],
            CaptureCounters(captured=20, lost=0, number_breaks=1),
            [10],
        ),
        (
            Script(repeat=["9"], order=[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 11, 13]),
            [*range(10), *range(11, 21)],
            CaptureCounters(captured=20, lost=1, discarded=2),
            [],
        ),
        (Script(number_constant=0), [*range(20)], CaptureCounters(20, None, number_breaks=1), [1]),
    ],
    ids=["wrap, losses, wrong numbers", "restart", "repeated and late", "no numbers"],
)
def test_frame_numbers_as_cameras_send_them(
    hostile: Maker,
    opened: Callable[[HostileProducer], Camera],
    script: Script,
    sequences: list[int],
    counted: CaptureCounters,
    breaks: list[int],
) -> None:
    # A busy machine may be late by all the producer's buffers at this rate.
    script = replace(script, features=HostileFeatures(frame_rate_hz=25.0))
    camera = free_running(opened(hostile(script)))
    camera.start()
    content, first, marked = FrameContent(), 1, []
    for (metadata, pixels), sequence in zip(grabbed(camera, 20), sequences, strict=True):
        assert metadata.sequence == sequence
        # The picture is that of the frame, not of one that was left out before it.
        assert index_of(pixels) == first + sequence
        np.testing.assert_array_equal(pixels, expected_codes(content, first + sequence))
        if metadata.after_break:
            marked.append(sequence)
    assert camera.counters == counted
    assert marked == breaks
