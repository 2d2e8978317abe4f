"""The plain fetch-and-copy loop of Harvesters' manual, the reference of ``ngs bench capture``."""

import threading
from pathlib import Path

from genicam import gentl
from harvesters.core import Harvester

from drivers.genicam.producers import BUFFERS, keep_interrupt_handler

_FETCH_TIMEOUT_S = 0.5


class BareLoop:
    """A loop of fetch, copy and queue; no ring, no metadata, Harvesters' default settings.

    It opens the device itself, so that nothing of this driver is in the loop. Only
    the number of buffers is the same as in the driver: a producer's own work depends
    on how much memory it cycles through, and only the loops are compared.
    """

    def __init__(self, producer: Path, serial: str, fps: float, size_px: tuple[int, int]) -> None:
        self.frames = 0
        self.lost = 0
        self._harvester = Harvester()
        self._harvester.add_file(str(producer))
        self._harvester.update()
        with keep_interrupt_handler():
            self._acquirer = self._harvester.create({"serial_number": serial})
        self._acquirer.num_buffers = BUFFERS
        node_map = self._acquirer.remote_device.node_map
        node_map.PixelFormat.value = "Mono8"
        node_map.Width.value, node_map.Height.value = size_px
        node_map.AcquisitionFrameRate.value = fps

    def run(self, stopping: threading.Event) -> None:
        """Fetch and copy until ``stopping`` is set, then close the device."""
        last_id = None
        self._acquirer.start()
        while not stopping.is_set():
            try:
                buffer = self._acquirer.fetch(timeout=_FETCH_TIMEOUT_S)
            except gentl.TimeoutException:
                continue
            with buffer:
                image = buffer.payload.components[0].data.copy()
                frame_id = buffer.module.frame_id
            if image.size and last_id is not None:
                self.lost += max(0, frame_id - last_id - 1)
            last_id = frame_id
            self.frames += 1
        self._acquirer.stop()
        self._acquirer.destroy()
        self._harvester.reset()
