"""A GenICam camera in a process of its own, as a :class:`drivers.camera.Camera`."""

import contextlib
import threading
import time
from dataclasses import replace
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any

import numpy as np

from drivers.camera import (
    CameraIdentity,
    CaptureCounters,
    DeviceState,
    FrameFormat,
    FrameSlots,
    RowTiming,
)
from drivers.camera_settings import CameraControls, ExposureSettings
from drivers.errors import CameraLostError, InstrumentError
from drivers.frame import FrameMetadata
from drivers.genicam.genicam_camera import GenicamOptions
from drivers.genicam.hosting.exit_text import exit_text
from drivers.genicam.hosting.host_process import CameraView, Reply, serve
from drivers.genicam.hosting.shared_memory import FrameMemory, LifeSigns
from drivers.genicam.hosting.spawning import CONTEXT, await_begin, spawned
from drivers.genicam.node_snapshot import NodeSnapshot
from drivers.pixel_format import Pixels

_held_cameras: set[tuple[Path, str]] = set()
"""Cameras that this program holds: a producer in another process may not know."""
_holding = threading.Lock()

_LOOK_S = 0.1
"""How often a wait looks whether the process still lives."""
_HUNG_S = 15.0
"""Without a life sign for so long a producer hangs: one call of it took that long."""
_STOP_S = 3.0
_CLOSE_S = 2.0
_LEAVE_S = 1.0
"""Stopping and closing take no longer: what is not done by then, the end of the process does."""


class HostedCamera:
    """See :class:`drivers.camera.Camera`; a producer that hangs or crashes costs this camera only.

    ``producer`` is the producer's file. Raises :class:`InstrumentError` where the camera cannot
    be opened, as :class:`drivers.genicam.genicam_camera.GenicamCamera` does.
    """

    def __init__(
        self,
        address: str,
        producer: Path,
        serial: str,
        options: GenicamOptions | None = None,
    ) -> None:
        self.address = address
        self._producer = producer
        self._asking = threading.RLock()
        self._fetching = threading.Lock()
        self._running = False
        self._closed = False
        self._memory: FrameMemory | None = None
        self._ring_memory: FrameMemory | None = None
        self._counters = CaptureCounters()
        self._lost: CameraLostError | None = None
        self._held = (producer.resolve(), serial)
        self._hold()
        try:
            self._open(producer, serial, options or GenicamOptions())
        except BaseException:
            self._let_go()
            raise

    def _hold(self) -> None:
        with _holding:
            if self._held in _held_cameras:
                producer, serial = self._held
                raise InstrumentError(f"camera {serial} of {producer} is in use by this program")
            _held_cameras.add(self._held)

    def _let_go(self) -> None:
        with _holding:
            _held_cameras.discard(self._held)

    def _open(self, producer: Path, serial: str, options: GenicamOptions) -> None:
        words = LifeSigns.words(CONTEXT)
        self._signs = LifeSigns(words)
        self._requests, requests = CONTEXT.Pipe()
        self._frames, frames = CONTEXT.Pipe(duplex=False)
        self._process = spawned(
            f"camera {self.address}",
            serve,
            self.address,
            producer,
            serial,
            options,
            requests,
            frames,
            words,
        )
        requests.close()
        frames.close()
        try:
            await_begin(self._process, self._requests, f"for camera {self.address}")
            self._signs.note_alive()
            self._view: CameraView
            self._reply("opening the camera")
        except BaseException:
            self._end_process()
            raise

    @property
    def identity(self) -> CameraIdentity:
        """Maker, model, serial number and firmware."""
        return self._view.identity

    @property
    def controls(self) -> CameraControls:
        """Ranges and choices as the device states them now."""
        return self._view.controls

    @property
    def settings(self) -> ExposureSettings:
        """Present settings, read back from the device."""
        return self._view.settings

    @property
    def frame_format(self) -> FrameFormat:
        """Shape and coding of the frames to come."""
        return self._view.frame_format

    @property
    def row_timing(self) -> RowTiming:
        """Line time and readout direction as the camera reports them."""
        return self._view.row_timing

    @property
    def state(self) -> DeviceState:
        """Shutter mode, trigger and warnings as last read back."""
        return self._view.state

    @property
    def counters(self) -> CaptureCounters:
        """Counts since the last ``start``."""
        return self._counters

    def configure(self, request: ExposureSettings) -> ExposureSettings:
        """Apply all fields that are not None and return the settings read back."""
        achieved: ExposureSettings = self._ask("configure", request, doing="changing settings")
        return achieved

    def has_node(self, node: str) -> bool:
        """Whether the device has the node, available now or not."""
        return bool(self._ask("has_node", node, doing=f"looking for {node}"))

    def read_node(self, node: str) -> str:
        """Value of any node as text, read from the device."""
        return str(self._ask("read_node", node, doing=f"reading {node}"))

    def write_node(self, node: str, text: str) -> str:
        """Write any node from text and return it read back."""
        return str(self._ask("write_node", node, text, doing=f"writing {node}"))

    def node_snapshot(self, private: bool = False) -> NodeSnapshot:
        """Every node's value; see :func:`drivers.genicam.node_snapshot.take_snapshot`."""
        snapshot: NodeSnapshot = self._ask("node_snapshot", private, doing="reading all nodes")
        return snapshot

    def send_software_trigger(self) -> None:
        """Start one exposure."""
        self._ask("send_software_trigger", doing="triggering")

    def frame_slots(self, slots: int) -> FrameSlots | None:
        """See :class:`drivers.camera.Camera`: memory that the camera's process writes to.

        None where the system has too little for a ring, as in many containers: frames are
        then copied out of a few slots.
        """
        if self._ring_memory is not None:
            self._ring_memory.forget_file()
            self._ring_memory = None
        try:
            self._ring_memory = FrameMemory.made(self.frame_format, slots, for_ring=True)
        except InstrumentError:
            return None
        return FrameSlots(self._ring_memory.pixels, self._ring_memory.place.ahead)

    def start(self) -> None:
        """Begin to deliver frames; counters start at zero."""
        with self._asking:
            if self._running:
                return
            memory, self._ring_memory = self._ring_memory, None
            if memory is None or memory.place.frame_format != self.frame_format:
                memory = FrameMemory.made(self.frame_format, 1, for_ring=False)
            self._forget_former_run()
            try:
                self._ask("start", memory.place, doing="starting")
            finally:
                memory.forget_file()
            self._counters = CaptureCounters(overruns=self._signs.counters.overruns)
            self._memory = memory
            self._running = True

    def grab(self, into: Pixels, timeout_s: float) -> FrameMetadata | None:
        """Fill ``into`` with the next frame; None when none came in time."""
        deadline_s = time.monotonic() + timeout_s
        while self._running:
            left_s = deadline_s - time.monotonic()
            with self._fetching:
                number = self._next_frame(max(0.0, min(left_s, _LOOK_S)))
                if number is not None and self._memory is not None:
                    return self._take(number, self._memory, into)
            gone = not self._process.is_alive()
            # Asked after that: a process that crashes because it is stopped is no loss.
            if not self._running:
                return None
            if gone:
                raise self._crashed("streaming")
            self._check_process("streaming")
            if left_s <= _LOOK_S:
                self._counters = self._signs.counters
                return None
        return None

    def _next_frame(self, timeout_s: float) -> int | None:
        """Number of the next frame that lies in its slot; raises the error that ended them.

        None where none comes, because it takes too long or the process has ended.
        """
        try:
            word = self._frames.recv() if self._frames.poll(timeout_s) else None
        except (EOFError, OSError):
            self._process.join(_LEAVE_S)
            return None
        if isinstance(word, Exception):
            raise word
        return word

    def _take(self, number: int, memory: FrameMemory, into: Pixels) -> FrameMetadata:
        if into.base is not memory.pixels:  # not a slot of this memory, whose turn it then is
            np.copyto(into, memory.slot(number))
        metadata, self._counters = memory.noted(number)
        self._signs.taken = number + 1
        return metadata

    def _forget_former_run(self) -> None:
        with contextlib.suppress(EOFError, OSError):
            while self._frames.poll():
                self._frames.recv()

    def stop(self) -> None:
        """Stop delivering; returns within some seconds even if the producer hangs."""
        with self._asking:
            if not self._running:
                return
            self._running = False
            try:
                self._ask("stop", doing="stopping", limit_s=_STOP_S)
            except CameraLostError as error:
                # It has stopped in any case; what it took is told, and by the next request.
                state = self._view.state
                state = replace(state, warnings=(*state.warnings, str(error)))
                self._view = replace(self._view, state=state)
            finally:
                with self._fetching:
                    self._memory = None

    def close(self) -> None:
        """Stop and release the device; its process ends."""
        with self._asking:
            if self._closed:
                return
            with contextlib.suppress(InstrumentError):
                self.stop()
            self._closed = True
            try:
                if self._process.is_alive():
                    self._requests.send(("close", ()))
                    self._reply("closing", _CLOSE_S)
            except (InstrumentError, OSError):
                pass  # whatever went wrong, the end of the process closes the camera
            finally:
                self._end_process()
                if self._ring_memory is not None:
                    self._ring_memory.forget_file()

    # Requests

    def _ask(self, method: str, *arguments: Any, doing: str, limit_s: float | None = None) -> Any:
        with self._asking:
            if self._closed:
                raise InstrumentError(f"{self.address} is closed; open it again")
            try:
                self._requests.send((method, arguments))
            except OSError:
                raise self._crashed(doing) from None
            return self._reply(doing, limit_s)

    def _reply(self, doing: str, limit_s: float | None = None) -> Any:
        deadline_s = None if limit_s is None else time.monotonic() + limit_s
        while not wait([self._requests, self._process.sentinel], _LOOK_S):
            self._check_process(doing)
            if deadline_s is not None and time.monotonic() > deadline_s:
                raise self._hung(doing, limit_s or 0.0)
        try:
            # Also after its end: what it sent before is still there.
            reply = self._requests.recv() if self._requests.poll() else None
        except (EOFError, OSError):
            reply = None
        if reply is None:
            raise self._crashed(doing)
        assert isinstance(reply, Reply)
        if reply.view is not None:
            self._view = reply.view
        if reply.failure is not None:
            raise reply.failure
        return reply.value

    def _check_process(self, doing: str) -> None:
        if not self._process.is_alive():
            raise self._crashed(doing)
        if self._signs.silent_s > _HUNG_S:
            raise self._hung(doing, self._signs.silent_s)

    def _hung(self, doing: str, silent_s: float) -> CameraLostError:
        return self._gone(f"has not answered for {silent_s:.0f} s", doing, "it was ended; ")

    def _crashed(self, doing: str) -> CameraLostError:
        self._process.join(_LEAVE_S)
        return self._gone(exit_text(self._process.exitcode), doing)

    def _gone(self, how: str, doing: str, then: str = "") -> CameraLostError:
        """The process is of no use any more: end it, and say why now and later."""
        self._end_process()
        if self._lost is None:
            self._lost = CameraLostError(
                f"camera lost: producer {self._producer} {how} while {doing} ({self.address}); "
                f"{then}reconnect, or ask its maker for another"
            )
        return self._lost

    def _end_process(self) -> None:
        """End the process if it has not; what the producer held is the system's to release."""
        self._process.join(_LEAVE_S if self._closed else 0)
        if self._process.is_alive():
            self._process.kill()
        self._process.join()
        self._let_go()
