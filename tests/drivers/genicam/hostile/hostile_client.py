"""A client of hostile producers over plain Harvesters, in this process or in children."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from genicam import genapi, gentl
from harvesters.core import Harvester, ParameterKey, ParameterSet
from numpy.typing import NDArray

from tests.drivers.genicam.hostile.hostile_description import PIXEL_FORMAT_VALUES
from tests.drivers.genicam.hostile.hostile_frames import unpacked
from tests.drivers.genicam.hostile.hostile_producer import HostileProducer
from tests.drivers.virtual.camera.rig_client import Client
from tests.patience import LONGEST_S

_LIFE = "tests.drivers.genicam.hostile.camera_life"
_FORMAT_NAMES = {value: name for name, value in PIXEL_FORMAT_VALUES.items()}


@dataclass(frozen=True, slots=True)
class Delivered:
    """One buffer as its producer describes it."""

    number: int
    codes: NDArray[np.uint16]


class HostileClient(Client):
    """One open camera of a hostile producer."""

    def set(self, **values: Any) -> "HostileClient":
        """Write nodes in order."""
        super().set(**values)
        return self

    def delivered(self, count: int) -> list[Delivered]:
        """The next buffers; fails if one does not come."""
        return [self._next() for _ in range(count)]

    def _next(self) -> Delivered:
        buffer = self.raw_buffer(LONGEST_S)
        assert buffer is not None, "no buffer came"
        memory = np.frombuffer(buffer.raw_buffer, np.uint8)
        name = _FORMAT_NAMES[buffer.pixel_format]
        codes = unpacked(memory, name, buffer.width, buffer.height, buffer.padding_x)
        delivered = Delivered(buffer.frame_id, codes)
        buffer.parent.queue_buffer(buffer)
        return delivered

    def shot(self) -> NDArray[np.uint16]:
        """Codes of the first frame of an acquisition of its own."""
        with self.streaming():
            return self.delivered(1)[0].codes


def listed(producer: HostileProducer) -> list[str]:
    """Serial numbers that Harvesters lists."""
    harvester = Harvester()
    harvester.add_file(str(producer.path))
    harvester.update()
    serials = [info.serial_number for info in harvester.device_info_list]
    harvester.reset()
    return serials


@contextmanager
def open_hostile(
    producer: HostileProducer, *cameras: int, buffers: int = 8
) -> Iterator[list[HostileClient]]:
    """Open cameras of one producer by their places, the first one by default."""
    harvester = Harvester()
    handler = signal.getsignal(signal.SIGINT)
    clients: list[HostileClient] = []
    try:
        harvester.add_file(str(producer.path))
        harvester.update()
        for camera in cameras or (0,):
            parameters = ParameterSet(
                {
                    ParameterKey.ENABLE_AUTO_CHUNK_DATA_UPDATE: False,
                    ParameterKey.TIMEOUT_PERIOD_ON_UPDATE_EVENT_DATA_CALL: 0,
                    ParameterKey.NUM_BUFFERS_FOR_FETCH_CALL: buffers,
                }
            )
            clients.append(HostileClient(harvester.create(camera, config=parameters)))
        yield clients
    finally:
        for client in clients:
            # After a failed AcquisitionStop the second attempt leaves it out.
            with suppress(gentl.GenericException, genapi.GenericException):
                client.acquirer.destroy()
                continue
            with suppress(gentl.GenericException, genapi.GenericException):
                client.acquirer.destroy()
        harvester.reset()
        signal.signal(signal.SIGINT, handler)


@dataclass(frozen=True, slots=True)
class Ending:
    """How a child process ended that went through the life of a camera.

    ``status`` is a negative signal, an exit status, or None for one that hung and was killed.
    ``last_call`` is the last GenTL call in it; the script needs ``log=2``.
    """

    status: int | None
    last_call: str


def endings(producers: Sequence[HostileProducer], hang_s: float = 3.0) -> list[Ending]:
    """Let a child process use each producer from its loading to its unloading.

    A process is hung when it makes no further call for ``hang_s``.
    """
    command = [sys.executable, "-m", _LIFE, str(hang_s), *(str(each.path) for each in producers)]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[4])}
    child = subprocess.run(
        command, capture_output=True, text=True, timeout=LONGEST_S, check=False, env=environment
    )
    assert child.returncode == 0, child.stderr
    statuses = json.loads(child.stdout.splitlines()[-1])
    return [
        Ending(status, (each.calls() or [""])[-1])
        for status, each in zip(statuses, producers, strict=True)
    ]
