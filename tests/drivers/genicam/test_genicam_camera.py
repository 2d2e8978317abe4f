"""The GenICam driver and the traps of Harvesters and its producers.

Tests on ``viky.cti`` (inside the genicam wheel) run everywhere; those on the
virtual rig skip where its compiled part was not built.
"""

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import genicam
import numpy as np
import pytest

from drivers import virtual
from drivers.addresses import CameraOptions, open_camera
from drivers.camera import Camera
from drivers.camera_settings import ExposureSettings, ShutterMode, TriggerSource
from drivers.errors import (
    CameraLostError,
    InstrumentError,
    SettingRefusedError,
    UnknownCameraError,
)
from drivers.genicam.buffers import WaitingBuffers
from drivers.genicam.genicam_camera import GenicamCamera
from drivers.genicam.hosting.device_search import list_devices
from drivers.genicam.producers import producer_paths
from tests.patience import LONGEST_S, quickest_s, timed_s

VIKY_PRODUCER = Path(genicam.__file__).parent / "viky.cti"
VIKY = f"genicam:{VIKY_PRODUCER}#2"


@pytest.fixture
def rsgr() -> Iterator[GenicamCamera]:
    """The virtual RSGR camera in global reset at 100 fps."""
    camera = open_virtual("virtual:rsgr")
    camera.configure(ExposureSettings(shutter=ShutterMode.GLOBAL_RESET, trigger_source="internal"))
    camera.configure(ExposureSettings(fps=100.0))
    yield camera
    camera.close()


def open_virtual(address: str, **options: object) -> GenicamCamera:
    try:
        virtual.producer_path()
    except InstrumentError as error:
        pytest.skip(str(error))
    camera = open_camera(address, CameraOptions(**options))
    assert isinstance(camera, GenicamCamera)
    return camera


def grab_frames(camera: Camera, count: int, timeout_s: float = LONGEST_S) -> list[int]:
    """Sequence numbers of the next frames, fetched in a thread as the session does."""
    sequences: list[int] = []
    into = np.empty(camera.frame_format.shape, camera.frame_format.pixel_format.dtype)

    def run() -> None:
        deadline = time.monotonic() + timeout_s
        while len(sequences) < count and time.monotonic() < deadline:
            metadata = camera.grab(into, 0.1)
            if metadata is not None:
                sequences.append(metadata.sequence)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    return sequences


def grab_forever(camera: GenicamCamera, into: np.ndarray) -> None:
    while True:
        camera.grab(into, 0.1)


# Buffers waiting


class CountingStream:
    """A stream that answers as told to the one question asked of it."""

    def __init__(self, num_awaiting_delivery: int) -> None:
        self.num_awaiting_delivery = num_awaiting_delivery


def test_no_fetch_is_tried_while_no_buffer_waits() -> None:
    stream = CountingStream(0)
    waiting = WaitingBuffers(stream)
    assert waiting.may_be_there()  # once, not to rely on the count alone
    assert not any(waiting.may_be_there() for _ in range(5))
    stream.num_awaiting_delivery = 1
    assert waiting.may_be_there()


def test_a_producer_that_miscounts_is_no_longer_asked() -> None:
    waiting = WaitingBuffers(CountingStream(0))
    for _ in range(3):
        while not waiting.may_be_there():
            time.sleep(0.005)
        waiting.note_fetched()
    assert all(waiting.may_be_there() for _ in range(5))


# Producers


def test_opening_a_camera_leaves_ctrl_c_to_the_program() -> None:
    before = signal.getsignal(signal.SIGINT)
    camera = open_camera(VIKY)
    try:
        assert signal.getsignal(signal.SIGINT) is before
    finally:
        camera.close()


def test_listing_devices_does_not_disturb_an_open_camera() -> None:
    camera = open_camera(VIKY)
    try:
        camera.start()
        listings, problems = list_devices([VIKY_PRODUCER.resolve()])
        assert len(listings) == 3
        assert problems == []
        assert len(grab_frames(camera, 3)) == 3
    finally:
        camera.close()


def test_two_cameras_of_one_producer_and_closing_one() -> None:
    first, second = open_camera(VIKY), open_camera(f"genicam:{VIKY_PRODUCER}#1")
    try:
        first.start()
        second.start()
        first.close()
        assert len(grab_frames(second, 5)) == 5
        reopened = open_camera(VIKY)
        reopened.start()
        assert len(grab_frames(reopened, 3)) == 3
        reopened.close()
    finally:
        first.close()
        second.close()


def test_a_camera_in_use_is_refused() -> None:
    camera = open_camera(VIKY)
    try:
        with pytest.raises(InstrumentError, match=r"in use|cannot be opened"):
            open_camera(VIKY)
        camera.start()
        assert len(grab_frames(camera, 2)) == 2
    finally:
        camera.close()


def test_producers_are_found_through_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    folder = VIKY_PRODUCER.parent
    monkeypatch.setenv("GENICAM_GENTL64_PATH", f"{folder}:{VIKY_PRODUCER}:/nowhere")
    assert producer_paths() == [VIKY_PRODUCER.resolve()]
    camera = open_camera("genicam:1")
    camera.close()
    with pytest.raises(UnknownCameraError, match=r"'77'; found: 0 \(Machine Vision"):
        open_camera("genicam:77")


def test_unreadable_producers_and_descriptions_are_named(tmp_path: Path) -> None:
    no_library = tmp_path / "broken.cti"
    no_library.write_text("this is no shared object")
    with pytest.raises(InstrumentError, match=r"broken\.cti cannot be loaded"):
        open_camera(f"genicam:{no_library}#1")
    with pytest.raises(UnknownCameraError, match=r"absent\.cti does not exist"):
        open_camera(f"genicam:{tmp_path}/absent.cti#1")
    no_description = tmp_path / "broken.xml"
    no_description.write_text("<RegisterDescription>")
    with pytest.raises(InstrumentError, match=r"broken\.xml is broken"):
        open_camera(VIKY, CameraOptions(description=no_description))
    with pytest.raises(InstrumentError, match=r"absent\.xml cannot be read: No such file"):
        open_camera(VIKY, CameraOptions(description=tmp_path / "absent.xml"))
    camera = open_camera(VIKY)
    camera.close()


def test_unknown_addresses_teach_the_known_ones() -> None:
    with pytest.raises(UnknownCameraError, match=r"did you mean virtual:rsgr\?"):
        open_camera("virtual:rsrg")
    with pytest.raises(UnknownCameraError, match="virtual:gs"):
        open_camera("telescope")


def test_a_producer_without_clock_or_triggers_says_so() -> None:
    camera = open_camera(VIKY)
    try:
        camera.start()
        into = np.empty(camera.frame_format.shape, np.uint8)
        metadata = None
        while metadata is None:
            metadata = camera.grab(into, 1.0)
        assert metadata.device_time_ns is None
        assert metadata.trigger_count is None
        assert metadata.start_time_ns == metadata.host_time_ns
        assert camera.counters.overruns is None
    finally:
        camera.close()


# The device in the state we want


def test_what_powers_up_wrong_is_put_right_and_read_back() -> None:
    camera = open_virtual("virtual:rsgr")
    try:
        assert float(camera.read_node("Gamma")) == 1.0
        assert camera.read_node("ExposureAuto") == "Off"
        assert camera.read_node("GainAuto") == "Off"
        assert camera.state.warnings == ()
    finally:
        camera.close()


def test_a_black_level_is_judged_in_codes_of_the_format_asked_for(rsgr: GenicamCamera) -> None:
    """64 of 12 bits is beyond the limit of 8 bits, in which the camera powers up."""
    asked = ExposureSettings(pixel_format="Mono12", black_level_dn=64.0)
    assert rsgr.configure(asked).black_level_dn == 64.0
    with pytest.raises(SettingRefusedError, match="black level"):
        rsgr.configure(ExposureSettings(pixel_format="Mono8", black_level_dn=64.0))
    assert rsgr.settings.pixel_format == "Mono12"


def test_nodes_can_be_set_by_name_and_unknown_ones_are_refused() -> None:
    camera = open_virtual("virtual:rsgr", node_settings=[("LineTime", "8.0")])
    assert camera.row_timing.line_time_us == 8.0
    camera.close()
    with pytest.raises(SettingRefusedError, match=r"ExposureTyme.*did you mean ExposureTime"):
        open_virtual("virtual:rsgr", node_settings=[("ExposureTyme", "3")])
    open_virtual("virtual:rsgr").close()


def test_a_node_that_another_setting_changes_again_is_told() -> None:
    asked = [
        *(("TriggerMode", "Off"), ("Gamma", "0.45"), ("Gain", "3.0")),
        *(("LineSelector", "Line2"), ("LineSource", "ExposureActive"), ("TimestampLatch", "1")),
        *(("BlackLevel", "5"), ("BlackLevel", "6")),
    ]
    camera = open_virtual("virtual:rsgr", node_settings=asked)
    try:
        assert not any("was set to" in text for text in camera.state.warnings)
        camera.configure(
            ExposureSettings(
                shutter=ShutterMode.GLOBAL_RESET, trigger_source=TriggerSource.INTERNAL
            )
        )
        told = [text for text in camera.state.warnings if "was set to" in text]
        assert [text.split(":")[0] for text in told] == [
            "TriggerMode was set to Off, and is On now",
            "Gamma was set to 0.45, and is 1 now",
        ]
    finally:
        camera.close()


def test_exposure_that_no_longer_fits_the_rate_is_refused(rsgr: GenicamCamera) -> None:
    with pytest.raises(SettingRefusedError, match="100 fps exceeds"):
        rsgr.configure(ExposureSettings(exposure_us=9000.0))
    assert rsgr.settings.exposure_us == 4000.0


def test_what_needs_a_stopped_camera_is_refused_while_streaming(rsgr: GenicamCamera) -> None:
    rsgr.start()
    with pytest.raises(SettingRefusedError, match="stop first"):
        rsgr.configure(ExposureSettings(pixel_format="Mono12"))
    assert rsgr.settings.pixel_format == "Mono8"


@pytest.mark.parametrize(
    "name", ["Mono8", "Mono10", "Mono12", "Mono12p", "BayerRG8", "BayerRG12", "RGB8"]
)
def test_every_format_of_the_virtual_camera_shows_the_same_scene(name: str) -> None:
    camera = open_virtual("virtual:rsgr", node_settings=[("SceneFrozen", "1")])
    try:
        camera.configure(ExposureSettings(pixel_format=name, exposure_us=4000.0))
        camera.start()
        pixels = np.empty(camera.frame_format.shape, camera.frame_format.pixel_format.dtype)
        while camera.grab(pixels, 1.0) is None:
            pass
        known = camera.frame_format.pixel_format
        mono = pixels if pixels.ndim == 2 else pixels.mean(axis=2)
        share = mono.astype(float).mean() / known.maximum_dn
        assert 0.02 < share < 0.8
        assert pixels.max() <= known.maximum_dn
        assert pixels.max() > 0.2 * known.maximum_dn
    finally:
        camera.close()


def test_node_access_from_two_threads_does_not_freeze_a_stream(rsgr: GenicamCamera) -> None:
    rsgr.start()
    ending = threading.Event()

    def turn_knobs(exposures: tuple[float, float]) -> None:
        while not ending.is_set():
            for exposure_us in exposures:
                rsgr.configure(ExposureSettings(exposure_us=exposure_us))
                time.sleep(0.002)

    threads = [
        threading.Thread(target=turn_knobs, args=((1000.0 + k, 2000.0 + k),)) for k in range(2)
    ]
    for thread in threads:
        thread.start()
    sequences = grab_frames(rsgr, 100)
    ending.set()
    for thread in threads:
        thread.join(timeout=LONGEST_S)
        assert not thread.is_alive()
    assert len(sequences) == 100


def test_frames_carry_trigger_counts_and_device_times(rsgr: GenicamCamera) -> None:
    rsgr.start()
    into = np.empty(rsgr.frame_format.shape, np.uint8)
    frames = []
    while len(frames) < 10:
        metadata = rsgr.grab(into, 1.0)
        if metadata is not None:
            frames.append(metadata)
    times = [frame.device_time_ns for frame in frames]
    counts = [frame.trigger_count for frame in frames]
    sequences = [frame.sequence for frame in frames]
    assert all(time_ns is not None for time_ns in times)
    np.testing.assert_allclose(np.diff(times), np.diff(sequences) * 10e6, rtol=1e-3)
    assert np.diff(counts).tolist() == np.diff(sequences).tolist()


# What goes wrong


def test_a_silent_camera_stops_within_a_second(rsgr: GenicamCamera) -> None:
    rsgr.configure(ExposureSettings(trigger_source="Line1"))
    rsgr.start()
    assert grab_frames(rsgr, 1, timeout_s=1.2) == []

    def seconds_to_stop() -> float:
        rsgr.start()
        return timed_s(rsgr.stop)

    assert quickest_s(seconds_to_stop, 1.0) < 1.0


def test_a_frozen_camera_is_no_lost_camera(rsgr: GenicamCamera) -> None:
    rsgr.start()
    assert grab_frames(rsgr, 3)
    rsgr.write_node("FaultFreeze", "1")
    time.sleep(0.1)
    grab_frames(rsgr, 100, timeout_s=0.3)
    assert grab_frames(rsgr, 1, timeout_s=1.0) == []
    rsgr.write_node("FaultFreeze", "0")
    assert grab_frames(rsgr, 3)


def test_an_unplugged_camera_is_lost_and_everything_returns() -> None:
    def seconds_to_lost() -> float:
        camera = open_virtual("virtual:rsgr")
        camera.start()
        camera.write_node("FaultDisconnect", "execute")
        into = np.empty(camera.frame_format.shape, np.uint8)
        before_s = time.monotonic()
        with pytest.raises(CameraLostError, match="reconnect"):
            grab_forever(camera, into)
        seconds = time.monotonic() - before_s
        with pytest.raises(CameraLostError):
            camera.configure(ExposureSettings(exposure_us=1500.0))
        camera.stop()
        camera.close()
        return seconds

    assert quickest_s(seconds_to_lost, 2.0) < 2.0
    again = open_virtual("virtual:rsgr")
    again.start()
    assert grab_frames(again, 3)
    again.close()


def test_leaving_the_program_while_streaming_does_not_abort() -> None:
    program = (
        "from drivers.addresses import open_camera\n"
        "import numpy as np, threading, time\n"
        f"camera = open_camera({VIKY!r})\n"
        "camera.start()\n"
        "into = np.empty(camera.frame_format.shape, np.uint8)\n"
        "threading.Thread(target=lambda: [camera.grab(into, 0.1) for _ in range(1000)],"
        " daemon=True).start()\n"
        "time.sleep(0.3)\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        timeout=LONGEST_S,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
