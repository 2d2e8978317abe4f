"""Common parts of all replays: fixed settings that are refused, and waiting for a frame."""

import threading
import time
from dataclasses import fields

from drivers.camera_settings import NUMBER_SETTINGS, ExposureSettings, NumericControl, TriggerSource
from drivers.errors import SettingRefusedError

EXPOSURE = NumericControl(minimum=1.0, maximum=60e6, increment=0.0, unit="us")
"""Range of an exposure that is not recorded and can be given by the operator."""

_SOMETIMES = ("exposure_us", "black_level_dn", "fps", "trigger_source")
"""Settings that a replay can be told, or that follow from how it runs."""


def black_level_control(maximum_dn: int) -> NumericControl:
    """Range of a black level that is not recorded and can be given by the operator."""
    return NumericControl(minimum=0.0, maximum=maximum_dn - 1, increment=0.0, unit="DN")


def refuse_changes(request: ExposureSettings, present: ExposureSettings, *names: str) -> None:
    """Raise :class:`SettingRefusedError` if ``request`` changes a fixed setting.

    ``names`` are settings, beside those that no replay can change, such as the region.
    """
    always = (field.name for field in fields(ExposureSettings) if field.name not in _SOMETIMES)
    for name in (*always, *names):
        wanted, now = getattr(request, name), getattr(present, name)
        if wanted is not None and wanted != now:
            word = NUMBER_SETTINGS[name].name if name in NUMBER_SETTINGS else name
            has = "does not know it" if now is None else f"has {now}"
            raise SettingRefusedError(
                f"{word.replace('_', ' ')} {wanted} cannot be set: the replay {has}"
            )
    if request.trigger_source not in (None, TriggerSource.AUTO, TriggerSource.OFF):
        raise SettingRefusedError(
            f"trigger source {request.trigger_source} cannot be set: a replay runs by itself"
        )


class RunState:
    """Whether a replay runs, and a wait that a stop from another thread ends."""

    def __init__(self) -> None:
        self._running = threading.Event()
        self._stopping = threading.Event()

    def start(self) -> None:
        """Start: frames are due from now on."""
        self._stopping.clear()
        self._running.set()

    def stop(self) -> None:
        """Stop, and wake a waiting thread."""
        self._running.clear()
        self._stopping.set()

    def reached(self, due_s: float, deadline_s: float) -> bool:
        """Wait until ``due_s`` of :func:`time.monotonic`.

        False if ``deadline_s`` comes first, or the replay does not run.
        """
        running = self._running.is_set()
        until_s = min(due_s, deadline_s) if running else deadline_s
        wait_s = until_s - time.monotonic()
        if wait_s > 0 and self._stopping.wait(wait_s):
            return False
        return running and due_s <= deadline_s
