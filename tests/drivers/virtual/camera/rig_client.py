"""A small client of the virtual rig over Harvesters, for the tests of the producer itself."""

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import numpy as np
from genicam import gentl
from harvesters.core import Harvester, ImageAcquirer, ParameterKey, ParameterSet

from drivers import virtual
from drivers.camera import FrameFormat
from drivers.pixel_format import PIXEL_FORMATS, Pixels, copy_pixels
from tests.patience import LONGEST_S


@dataclass(frozen=True)
class Received:
    """One frame as it came out of the producer."""

    frame_id: int
    timestamp_ns: int
    host_ns: int
    pixels: Pixels


class Client:
    """One open device."""

    def __init__(self, acquirer: ImageAcquirer) -> None:
        self.acquirer = acquirer
        self.nodes = acquirer.remote_device.node_map

    def set(self, **values: Any) -> "Client":
        """Write nodes in order."""
        for name, value in values.items():
            self.nodes.get_node(name).value = value
        return self

    def get(self, name: str) -> Any:
        """Read a node."""
        return self.nodes.get_node(name).value

    def run(self, name: str) -> None:
        """Execute a command."""
        self.nodes.get_node(name).execute()

    def make_linear(self, **values: Any) -> "Client":
        """Automatics off, gamma 1, then ``values``."""
        return self.set(ExposureAuto="Off", Gamma=1.0, **values)

    def counter(self, name: str) -> int:
        """Value of a counter."""
        return int(self.set(CounterSelector=name).get("CounterValue"))

    def raw_buffer(self, timeout_s: float = LONGEST_S) -> Any:
        """The next complete buffer, to be queued again by the caller; None when none came."""
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            buffer = self.acquirer.try_fetch(timeout=3e-5, is_raw=True)
            if buffer is not None:
                return buffer
            time.sleep(0.0005)
        return None

    def frame(self, timeout_s: float = LONGEST_S) -> Received | None:
        """The next complete frame, None when none came."""
        buffer = self.raw_buffer(timeout_s)
        if buffer is None:
            return None
        host_ns = time.monotonic_ns()
        coding = next(
            item for item in PIXEL_FORMATS.values() if item.pfnc_value == buffer.pixel_format
        )
        pixels = np.empty(FrameFormat(buffer.height, buffer.width, coding).shape, coding.dtype)
        copy_pixels(np.frombuffer(buffer.raw_buffer, np.uint8), coding, pixels, 0)
        received = Received(buffer.frame_id, buffer.timestamp_ns, host_ns, pixels)
        buffer.parent.queue_buffer(buffer)
        return received

    def frames(self, count: int) -> list[Received]:
        """The next ``count`` frames; fails when one does not come."""
        received = [self.frame() for _ in range(count)]
        assert None not in received, f"only {sum(item is not None for item in received)} frames"
        return [item for item in received if item is not None]

    def picture(self) -> Pixels:
        """One frame of an acquisition of its own."""
        with self.streaming():
            return self.frames(1)[0].pixels

    @contextmanager
    def streaming(self) -> Iterator[None]:
        """Acquire; automatic chunk parsing is off."""
        self.acquirer.start()
        try:
            yield
        finally:
            self.acquirer.stop()


@contextmanager
def open_cameras(*device_ids: str, buffers: int = 8) -> Iterator[list[Client]]:
    """Open devices of the virtual rig by their IDs."""
    harvester = Harvester()
    handler = signal.getsignal(signal.SIGINT)
    clients: list[Client] = []
    try:
        harvester.add_file(str(virtual.producer_path()))
        harvester.update()
        for device_id in device_ids:
            parameters = ParameterSet(
                {
                    ParameterKey.ENABLE_AUTO_CHUNK_DATA_UPDATE: False,
                    ParameterKey.TIMEOUT_PERIOD_ON_UPDATE_EVENT_DATA_CALL: 0,
                    ParameterKey.NUM_BUFFERS_FOR_FETCH_CALL: buffers,
                }
            )
            clients.append(Client(harvester.create({"id_": device_id}, config=parameters)))
        yield clients
    finally:
        for client in clients:
            # AcquisitionStop fails on an unplugged device; reset() would then close nothing,
            # and never again. Once this has failed, reset() leaves AcquisitionStop out.
            with suppress(gentl.IoException):
                client.acquirer.destroy()
        harvester.reset()
        signal.signal(signal.SIGINT, handler)


@contextmanager
def open_camera(device_id: str = "rsgr", buffers: int = 8) -> Iterator[Client]:
    """Open one device."""
    with open_cameras(device_id, buffers=buffers) as (client,):
        yield client


def triggered(client: Client, source: str = "Software") -> Client:
    """Linear and triggered, in global reset where the camera has it; a small, fast region."""
    client.make_linear(TriggerMode="On", TriggerSource=source)
    if "GlobalReset" in client.nodes.SensorShutterMode.symbolics:
        client.set(SensorShutterMode="GlobalReset")
    return client.set(Width=128, Height=64)


def timer(client: Client, period_us: float) -> Client:
    """Triggered by the camera's own timer."""
    triggered(client, "Timer0End")
    return client.set(TimerDuration=period_us, TimerTriggerSource="Timer0End")
