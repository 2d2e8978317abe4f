"""Common parts of all replays: fixed settings that are refused, and waiting for a frame."""

import threading
import time

from drivers.camera import ExposureSettings, NumericControl
from drivers.errors import SettingRefusedError

EXPOSURE = NumericControl(minimum=1.0, maximum=60e6, increment=0.0, unit="us")
"""Range of an exposure that is not recorded and can be given by the operator."""


def black_level_control(maximum_dn: int) -> NumericControl:
    """Range of a black level that is not recorded and can be given by the operator."""
    return NumericControl(minimum=0.0, maximum=maximum_dn - 1, increment=0.0, unit="DN")


def refuse_changes(request: ExposureSettings, present: ExposureSettings, *names: str) -> None:
    """Raise :class:`SettingRefusedError` if ``request`` changes a fixed setting.

    Region, pixel format, shutter, gain, white balance and trigger are always fixed;
    ``names`` are further fixed settings.
    """
    fixed = (
        "region", "pixel_format", "shutter", "gain_db", "white_balance_red",
        "white_balance_blue", "trigger_delay_us", "trigger_activation", "output_line", *names,
    )  # fmt: skip
    for name in fixed:
        wanted, now = getattr(request, name), getattr(present, name)
        if wanted is not None and wanted != now:
            word = name.rpartition("_")[0] if name.endswith(("_us", "_db", "_dn")) else name
            has = "does not know it" if now is None else f"has {now}"
            raise SettingRefusedError(
                f"{word.replace('_', ' ')} {wanted} cannot be set: the replay {has}"
            )
    if request.trigger_source not in (None, "auto", "off"):
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
