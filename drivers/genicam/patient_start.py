"""Starting a stream whose producer is busy for a while, with one set of buffers.

Harvesters announces its buffers at every try, and forgets those of a try that failed. A producer
that has memory for few has none left then.
"""

import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from genicam import genapi, gentl
from harvesters.core import ImageAcquirer

_PAUSES_S = (0.05, 0.1, 0.2, 0.4)
"""Some producers answer Busy to a start right after a stop."""
_BUSY = (gentl.BusyException, gentl.ResourceInUseException)


class PatientStart:
    """Starts the stream of one camera; made once, before its first start."""

    def __init__(self, acquirer: ImageAcquirer) -> None:
        self._acquirer = acquirer
        self._stream = stream = acquirer.data_streams[0]
        self._announced: list[gentl.Buffer] = []
        self._announce, self._revoke = stream.announce_buffer, stream.revoke_buffer
        self._begin = stream.start_acquisition
        # What Harvesters calls from now on.
        stream.announce_buffer, stream.revoke_buffer = self._note_announced, self._revoke_once
        stream.start_acquisition = lambda *how: _when_free(lambda: self._begin(*how))

    def start(self) -> None:
        """Announce buffers, start the stream, then the camera; hold the camera's lock.

        Raises GenTL's and GenApi's own errors; no buffer stays announced then.
        """
        try:
            try:
                self._acquirer.start()
            except _BUSY:
                if not self._acquirer.is_acquiring():
                    raise
                _when_free(self._acquirer.start)  # the stream runs: the camera alone is started
        except BaseException:
            self._undo()
            raise

    def _undo(self) -> None:
        with suppress(gentl.GenericException, genapi.GenericException):
            self._acquirer.stop()
        with suppress(gentl.GenericException):
            self._stream.flush_buffer_queue(gentl.ACQ_QUEUE_TYPE_LIST.ACQ_QUEUE_ALL_DISCARD)
        for buffer in tuple(self._announced):
            with suppress(gentl.GenericException):
                self._revoke_once(buffer)

    def _note_announced(self, token: Any) -> "gentl.Buffer":
        buffer = self._announce(token)
        self._announced.append(buffer)
        return buffer

    def _revoke_once(self, buffer: "gentl.Buffer") -> None:
        """Revoke a buffer, unless it was revoked when a start failed."""
        if buffer in self._announced:
            self._announced.remove(buffer)
            self._revoke(buffer)


def _when_free(start: Callable[[], object]) -> None:
    """Call ``start`` until the producer is no longer busy; raises what it raises at last."""
    for pause_s in _PAUSES_S:
        try:
            start()
            return
        except _BUSY:
            time.sleep(pause_s)
    start()
