"""Signals that end the program: Ctrl-C, SIGTERM and SIGHUP end everything in order.

The first one raises ``KeyboardInterrupt`` in the main thread, or what the window puts in its
place; those that follow are heard and change nothing, so that a recording is finished all the
same. The exit status tells which it was: 128 + its number, as shells do.

Where an exception would be lost, inside a function that C calls, it is raised a moment later.
"""

import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from drivers.callbacks import inside_callback

ENDING = tuple(
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
)

_A_MOMENT_S = 0.005

_received: list[int] = []
_postponed = threading.Event()


def _raise_interrupt() -> None:
    raise KeyboardInterrupt


_react: list[Callable[[], None]] = [_raise_interrupt]


def received() -> signal.Signals | None:
    """The first signal that asked for an end; None while none did."""
    return signal.Signals(_received[0]) if _received else None


def _hear(number: int, frame: FrameType | None) -> None:
    _received.append(number)
    if len(_received) == 1 or _postponed.is_set():
        _postponed.clear()
        if _react[-1] is _raise_interrupt and inside_callback(frame):
            _postpone()
        else:
            _react[-1]()


def _postpone() -> None:
    def again() -> None:
        if not _postponed.is_set():
            return
        if hasattr(signal, "pthread_kill"):
            # To the main thread itself: it may sleep, and wakes up for its own signals only.
            signal.pthread_kill(threading.main_thread().ident or 0, _received[0])
        else:
            signal.raise_signal(_received[0])

    _postponed.set()
    timer = threading.Timer(_A_MOMENT_S, again)
    timer.daemon = True
    timer.start()


@contextmanager
def _not_lost() -> Iterator[None]:
    """Postpone what was raised where nothing can catch it, such as while an object is deleted."""
    former = sys.unraisablehook

    def hook(lost: "sys.UnraisableHookArgs") -> None:
        if issubclass(lost.exc_type, KeyboardInterrupt) and _received:
            _postpone()
        else:
            former(lost)

    sys.unraisablehook = hook
    try:
        yield
    finally:
        sys.unraisablehook = former


@contextmanager
def heard() -> Iterator[None]:
    """Hear the signals meanwhile; not those that were ignored when the program began (nohup).

    Within another, nothing changes. For the main thread only.
    """
    if signal.getsignal(signal.SIGTERM) is _hear:
        yield
        return
    former = {number: signal.getsignal(number) for number in ENDING}
    _received.clear()
    for number, handler in former.items():
        if handler is not signal.SIG_IGN:
            signal.signal(number, _hear)
    try:
        with _not_lost():
            yield
    finally:
        _postponed.clear()
        for number, handler in former.items():
            if handler is not signal.SIG_IGN:
                signal.signal(number, handler)


@contextmanager
def ending_by(react: Callable[[], None]) -> Iterator[None]:
    """What a signal does meanwhile, instead of raising: such as closing the window."""
    _react.append(react)
    try:
        if _received:
            _postponed.clear()
            react()  # it came a moment before
        yield
    finally:
        _react.pop()


def exit_status() -> int:
    """The status of a program that a signal ended; of Ctrl-C where none was heard."""
    return 128 + int(_received[0] if _received else signal.SIGINT)
