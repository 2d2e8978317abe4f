"""What every camera keeps, as checks for the tests and for ``ngs selftest camera``.

A check takes a camera that stands still, made ready by :func:`let_run_by_itself`, and returns in
words what it saw. It raises :class:`PromiseBrokenError` with what was seen instead, or
:class:`NotOfferedError` where the camera lacks what the promise is about.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from drivers.camera import Camera, FrameFormat
from drivers.camera_settings import NUMBER_SETTINGS, ExposureSettings, NumericControl, TriggerSource
from drivers.errors import InstrumentError, SettingRefusedError
from drivers.frame import FrameMetadata
from drivers.pixel_format import Pixels

_FPS = 50.0
_OTHER_FPS = 25.0
_FRAMES = 20
_GRAB_S = 0.1
_CLOCKS_AGREE_NS = 5e9
_WAKES_WITHIN_S = 2.0
_TRIES = 5
_TOO_WIDE_PX = 100_000


class PromiseBrokenError(InstrumentError):
    """The camera does not keep the contract; the text says what was seen."""


class NotOfferedError(InstrumentError):
    """The camera lacks what the promise is about."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a check waits, and by what clocks a frame's host time may count.

    ``longest_s`` is for a camera that sends nothing; ``clocks_ns`` tell the time now.
    """

    longest_s: float = 10.0
    clocks_ns: tuple[Callable[[], float], ...] = (lambda: time.monotonic_ns(),)


@dataclass(frozen=True, slots=True)
class Promise:
    """One thing that every camera keeps. One that ``closes`` leaves the camera closed."""

    name: str
    check: Callable[[Camera, Patience], str]
    closes: bool = False


def let_run_by_itself(camera: Camera) -> None:
    """Let the camera send frames without being asked for each, at about 50 a second."""
    camera.configure(ExposureSettings(trigger_source=TriggerSource.AUTO))
    if camera.state.trigger_source is TriggerSource.SOFTWARE:
        camera.configure(ExposureSettings(trigger_source=TriggerSource.OFF))
    if camera.controls.fps is not None:
        camera.configure(ExposureSettings(fps=camera.controls.fps.nearest(_FPS)))


def memory_for(frame_format: FrameFormat) -> Pixels:
    """Memory for one frame, all zero."""
    return np.zeros(frame_format.shape, frame_format.pixel_format.dtype)


class Grabber:
    """Grabs in a thread of its own, as a session does, while the block lasts."""

    def __init__(self, camera: Camera) -> None:
        self._camera = camera
        self._stopping = threading.Event()
        self.metadata: list[FrameMetadata] = []
        self.pixels = memory_for(camera.frame_format)
        self.error: Exception | None = None
        self._thread = threading.Thread(target=self._run, name="grabber")

    def __enter__(self) -> "Grabber":
        self._camera.start()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        try:
            self._camera.stop()
        finally:
            self._thread.join()

    def _run(self) -> None:
        try:
            while not self._stopping.is_set():
                metadata = self._camera.grab(self.pixels, _GRAB_S)
                if metadata is not None:
                    self.metadata.append(metadata)
        except Exception as error:
            self.error = error

    def wait_for(self, frames: int, patience: Patience) -> list[FrameMetadata]:
        """What came once ``frames`` have; raises what ended the grabbing."""
        deadline_s = time.monotonic() + patience.longest_s
        while len(self.metadata) < frames and self.error is None:
            if time.monotonic() > deadline_s:
                raise PromiseBrokenError(
                    f"{len(self.metadata)} of {frames} frames came within "
                    f"{patience.longest_s:g} s; look at its trigger, link and exposure"
                )
            time.sleep(0.01)
        if self.error is not None:
            raise self.error
        return list(self.metadata)


def _require(kept: bool, broken: str) -> None:
    if not kept:
        raise PromiseBrokenError(broken)


def says_who_it_is(camera: Camera, patience: Patience) -> str:
    """Model, serial number and an address."""
    identity = camera.identity
    _require(bool(identity.model), "it tells no model")
    _require(bool(identity.serial), "it tells no serial number")
    _require(":" in camera.address, f"{camera.address!r} is no address")
    return f"{identity.maker} {identity.model}, firmware {identity.firmware or 'not told'}".strip()


def settings_are_of_its_frames(camera: Camera, patience: Patience) -> str:
    """Region and pixel format are those of the frames to come."""
    region, form = camera.settings.region, camera.frame_format
    _require(region is not None, "it tells no region")
    assert region is not None  # just looked
    _require(
        (region.height_px, region.width_px) == form.shape[:2],
        f"region {region.width_px} x {region.height_px} px, frames {form.columns} x {form.rows} px",
    )
    told = camera.settings.pixel_format
    _require(told == form.pixel_format.name, f"told {told}, frames {form.pixel_format.name}")
    return f"{form.columns} x {form.rows} px, {told}"


def frames_are_numbered_in_time_order(camera: Camera, patience: Patience) -> str:
    """Numbers, host times and device times rise; the newest came just now."""
    with Grabber(camera) as grabber:
        metadata = grabber.wait_for(_FRAMES, patience)
        now_ns = [clock() for clock in patience.clocks_ns]
    numbers = [each.sequence for each in metadata]
    times = [each.host_time_ns for each in metadata]
    _require(numbers == sorted(set(numbers)), f"frame numbers do not rise: {numbers}")
    _require(times == sorted(times), "host times do not rise")
    late_ns = min(abs(times[-1] - each) for each in now_ns)
    _require(late_ns < _CLOCKS_AGREE_NS, f"host time is off by {late_ns / 1e9:.1f} s")
    device_times = [each.device_time_ns for each in metadata if each.device_time_ns is not None]
    _require(device_times == sorted(device_times), "device times do not rise")
    clock = "with" if device_times else "without"
    return f"{len(metadata)} frames, {clock} times of the camera's clock"


def every_frame_is_counted_once(camera: Camera, patience: Patience) -> str:
    """Captured, lost and incomplete are all that the camera numbered."""
    with Grabber(camera) as grabber:
        grabber.wait_for(_FRAMES, patience)
    counters, metadata = camera.counters, grabber.metadata
    _require(
        counters.captured == len(metadata),
        f"{counters.captured} counted as captured, {len(metadata)} came",
    )
    if counters.lost is None:
        return f"{counters.captured} captured; its numbers do not tell losses"
    sent = metadata[-1].sequence - metadata[0].sequence + 1
    counted = counters.captured + counters.lost + counters.incomplete
    _require(counted == sent, f"{counted} counted, {sent} numbered")
    return f"{counters.captured} captured, {counters.lost} lost, {counters.incomplete} incomplete"


def fills_the_memory_it_is_given(camera: Camera, patience: Patience) -> str:
    """The last row of the memory changes."""
    into = memory_for(camera.frame_format)
    into[:] = 77
    camera.start()
    try:
        metadata = camera.grab(into, patience.longest_s)
    finally:
        camera.stop()
    _require(metadata is not None, f"no frame within {patience.longest_s:g} s")
    _require(not bool((into[-1] == 77).all()), "the last row was not written")
    return f"mean {into.mean():.1f} DN"


def starts_again_after_a_stop(camera: Camera, patience: Patience) -> str:
    """Three runs; nothing is given after a stop."""
    for _ in range(3):
        with Grabber(camera) as grabber:
            grabber.wait_for(3, patience)
        captured = camera.counters.captured
        _require(captured >= 3, f"{captured} frames counted after 3 had come")
        after = camera.grab(grabber.pixels, 0.01)
        _require(after is None, "a frame came after the stop")
    return "three times"


def stop_wakes_a_waiting_grab(camera: Camera, patience: Patience) -> str:
    """A grab in another thread ends soon after a stop."""
    into = memory_for(camera.frame_format)
    quickest_s = np.inf
    # A busy machine delays some tries; what is too slow by itself delays all.
    for _ in range(_TRIES):
        thread = threading.Thread(
            target=camera.grab, args=(into, patience.longest_s), name="waiting grab"
        )
        thread.start()
        time.sleep(0.05)
        before_s = time.perf_counter()
        try:
            camera.start()
        finally:
            camera.stop()
            thread.join()
        quickest_s = min(quickest_s, time.perf_counter() - before_s)
        if quickest_s < _WAKES_WITHIN_S:
            return f"start and stop took {quickest_s:.2f} s"
    raise PromiseBrokenError(
        f"start and stop took {quickest_s:.1f} s beside a waiting grab; limit {_WAKES_WITHIN_S:g} s"
    )


def achieves_what_is_asked(camera: Camera, patience: Patience) -> str:
    """A frame rate within its range is reached within 1 %, and told the same afterwards."""
    rate = camera.controls.fps
    if rate is None:
        raise NotOfferedError("it has no frame rate to set")
    wanted = rate.nearest(_OTHER_FPS)
    achieved = camera.configure(ExposureSettings(fps=wanted))
    told = achieved.fps
    _require(
        told is not None and abs(told - wanted) <= 0.01 * wanted, f"asked {wanted:g}, got {told}"
    )
    _require(camera.settings == achieved, "other settings are told than were returned")
    return f"{told:g} fps asked and achieved"


def _refused(camera: Camera, request: ExposureSettings, what: str) -> str:
    """The refusal of ``request``, after which the settings are as before."""
    before = camera.settings
    try:
        camera.configure(request)
    except SettingRefusedError as refusal:
        text = str(refusal)
    else:
        raise PromiseBrokenError(f"{what} was taken")
    _require("\n" not in text, f"the refusal has several lines: {text!r}")
    _require(camera.settings == before, f"settings changed although {what} was refused")
    return text


def refuses_a_number_out_of_range(camera: Camera, patience: Patience, name: str) -> str:
    """A number beyond its range is refused in one line, and the settings stay."""
    control: NumericControl | None = getattr(camera.controls, name)
    if control is None:
        raise NotOfferedError(f"it has no {NUMBER_SETTINGS[name].name} to set")
    beyond = 2 * control.maximum + 1
    asked: dict[str, Any] = {name: beyond}
    request = ExposureSettings(**asked)
    _refused(camera, request, f"{beyond:g} {control.unit}".strip())
    return f"{control.minimum:.7g} to {control.maximum:.7g} {control.unit}".strip()


def refuses_a_region_off_the_sensor(camera: Camera, patience: Patience) -> str:
    """The refusal names the width."""
    region = camera.settings.region
    if region is None:
        raise NotOfferedError("it tells no region")
    too_wide = replace(region, offset_x_px=0, offset_y_px=0, width_px=_TOO_WIDE_PX)
    text = _refused(camera, ExposureSettings(region=too_wide), f"{_TOO_WIDE_PX} px wide")
    _require(f"{_TOO_WIDE_PX}" in text, f"the refusal does not name the width: {text}")
    return text


def refuses_a_format_it_does_not_offer(camera: Camera, patience: Patience) -> str:
    """The refusal names the format."""
    try:
        camera.configure(ExposureSettings(pixel_format="Mono99"))
    except InstrumentError as refusal:
        _require("Mono99" in str(refusal), f"the refusal does not name the format: {refusal}")
        return "Mono99 was refused"
    raise PromiseBrokenError("pixel format Mono99 was taken")


def refuses_an_unknown_trigger(camera: Camera, patience: Patience) -> str:
    """The refusal names the trigger."""
    request = ExposureSettings(trigger_source="carrier pigeon")
    text = _refused(camera, request, "trigger carrier pigeon")
    _require("carrier pigeon" in text, f"the refusal does not name the trigger: {text}")
    return text


def closes_twice_and_in_any_state(camera: Camera, patience: Patience) -> str:
    """Closing a running camera, and again, is no error."""
    camera.start()
    camera.close()
    camera.close()
    return "while it ran, and once more"


_RANGED = ("exposure_us", "gain_db", "black_level_dn", "fps", "trigger_delay_us")

PROMISES: tuple[Promise, ...] = (
    Promise("says who it is", says_who_it_is),
    Promise("settings are those of its frames", settings_are_of_its_frames),
    Promise("frames are numbered, in time order", frames_are_numbered_in_time_order),
    Promise("every frame is counted once", every_frame_is_counted_once),
    Promise("fills the memory it is given", fills_the_memory_it_is_given),
    Promise("starts again after a stop", starts_again_after_a_stop),
    Promise("a stop wakes a waiting grab", stop_wakes_a_waiting_grab),
    Promise("achieves what is asked within its ranges", achieves_what_is_asked),
    *(
        Promise(
            f"refuses {NUMBER_SETTINGS[name].name} out of range",
            partial(refuses_a_number_out_of_range, name=name),
        )
        for name in _RANGED
    ),
    Promise("refuses a region off the sensor", refuses_a_region_off_the_sensor),
    Promise("refuses a format it does not offer", refuses_a_format_it_does_not_offer),
    Promise("refuses an unknown trigger", refuses_an_unknown_trigger),
    Promise("closes twice and in any state", closes_twice_and_in_any_state, closes=True),
)
"""The contract; each promise by itself, on a camera made ready."""
