"""Signals that end the program: Ctrl-C, SIGTERM and SIGHUP end everything in order.

The first one raises ``KeyboardInterrupt`` in the main thread, or what the window puts in its
place; those that follow are heard and change nothing, so that a recording is finished all the
same. The exit status tells which it was: 128 + its number, as shells do.
"""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

ENDING = tuple(
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
)

_received: list[int] = []


def _raise_interrupt() -> None:
    raise KeyboardInterrupt


_react: list[Callable[[], None]] = [_raise_interrupt]


def received() -> signal.Signals | None:
    """The first signal that asked for an end; None while none did."""
    return signal.Signals(_received[0]) if _received else None


def _hear(number: int, frame: FrameType | None) -> None:
    _received.append(number)
    if len(_received) == 1:
        _react[-1]()


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
        yield
    finally:
        for number, handler in former.items():
            if handler is not signal.SIG_IGN:
                signal.signal(number, handler)


@contextmanager
def ending_by(react: Callable[[], None]) -> Iterator[None]:
    """What a signal does meanwhile, instead of raising: such as closing the window."""
    _react.append(react)
    try:
        if _received:
            react()  # it came a moment before
        yield
    finally:
        _react.pop()


def exit_status() -> int:
    """The status of a program that a signal ended; of Ctrl-C where none was heard."""
    return 128 + int(_received[0] if _received else signal.SIGINT)
