"""Signals that end the program: Ctrl-C, SIGTERM and SIGHUP end everything in order.

The first one raises ``KeyboardInterrupt`` in the main thread, or what the window puts in its
place; those that follow are heard and change nothing, so that a recording is finished all the
same. One of them ends the wait for whoever shall read a FIFO, which may be for ever. The exit
status tells the first: 128 + its number, as shells do.

Where an exception would be lost, inside a function that C calls, it is raised a moment later. Where
a library swallowed it, it is raised again, until a command says that it has :func:`taken` it.
"""

import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from drivers.atomic_file import is_waiting_for_a_reader
from drivers.callbacks import inside_callback

ENDING = tuple(
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
)

_A_MOMENT_S = 0.005
_SWALLOWED_S = 2.0
"""Time after which an interruption that nobody took or is handling was swallowed."""

_received: list[int] = []
_open = threading.Event()
"""Set while an interruption is to be raised, or to be raised again if it was swallowed."""
_due = threading.Event()
"""Set by the timer, so that its signal is told from one of an impatient operator."""
_sending = threading.Lock()
"""Held while the timer decides and sends: no signal of its own comes after the handlers went."""


def _raise_interrupt() -> None:
    raise KeyboardInterrupt


_react: list[Callable[[], None]] = [_raise_interrupt]


def received() -> signal.Signals | None:
    """The first signal that asked for an end; None while none did."""
    return signal.Signals(_received[0]) if _received else None


def taken() -> None:
    """Say that an interruption was caught and what follows is the way to an end in order."""
    _open.clear()


def _hear(number: int, frame: FrameType | None) -> None:
    _received.append(number)
    again = (_due.is_set() and _open.is_set()) or is_waiting_for_a_reader()
    _due.clear()
    if len(_received) > 1 and not again:
        return
    if _react[-1] is not _raise_interrupt:
        _open.clear()
        _react[-1]()
    elif inside_callback(frame):
        _raise_later(_A_MOMENT_S)
    else:
        _raise_later(_SWALLOWED_S)
        if not _is_handled():
            _raise_interrupt()


def _is_handled() -> bool:
    """Whether the main thread is in a ``finally`` or the like that the interruption led to."""
    error = sys.exc_info()[1]
    while error is not None and not isinstance(error, KeyboardInterrupt):
        error = error.__context__
    return error is not None


def _raise_later(after_s: float) -> None:
    def again() -> None:
        with _sending:
            if not _open.is_set():
                return
            _due.set()
            if hasattr(signal, "pthread_kill"):
                # To the main thread itself: it may sleep, and wakes up for its own signals only.
                signal.pthread_kill(threading.main_thread().ident or 0, _received[0])
            else:
                signal.raise_signal(_received[0])

    _open.set()
    timer = threading.Timer(after_s, again)
    timer.daemon = True
    timer.start()


@contextmanager
def _not_lost() -> Iterator[None]:
    """Postpone what was raised where nothing can catch it, such as while an object is deleted."""
    former = sys.unraisablehook

    def hook(lost: "sys.UnraisableHookArgs") -> None:
        if issubclass(lost.exc_type, KeyboardInterrupt) and _received:
            _raise_later(_A_MOMENT_S)
        else:
            former(lost)

    sys.unraisablehook = hook
    try:
        yield
    finally:
        sys.unraisablehook = former


def ignored_from_now_on() -> None:
    """All is done and the exit status stands; freeing torch and Qt takes a moment."""
    for number in ENDING:
        signal.signal(number, signal.SIG_IGN)


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
        # CPython remembers an interruption that came out of a text which was executed, as by
        # dataclasses, and ends the process by SIGINT although it was caught: until the next text.
        exec("")
        with _sending:
            _open.clear()
        for number, handler in former.items():
            if handler is not signal.SIG_IGN:
                signal.signal(number, handler)


@contextmanager
def ending_by(react: Callable[[], None]) -> Iterator[None]:
    """What a signal does meanwhile, instead of raising: such as closing the window."""
    _react.append(react)
    try:
        if _received:
            _open.clear()
            react()  # it came a moment before
        yield
    finally:
        _react.pop()


def exit_status() -> int:
    """The status of a program that a signal ended; of Ctrl-C where none was heard."""
    return 128 + int(_received[0] if _received else signal.SIGINT)
