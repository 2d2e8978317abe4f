"""Starting the processes that producers live in."""

import contextlib
import multiprocessing
import time
from collections.abc import Callable
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from typing import Any

from drivers.errors import InstrumentError
from ngs.own_packages import found_first_in_children

CONTEXT = multiprocessing.get_context("spawn")
"""A fresh interpreter for each process: a forked one would inherit locks held by threads."""

BEGIN_S = 60.0
"""A fresh interpreter takes half a second, many times that where memory or cores are short."""


def spawned(name: str, target: Callable[..., None], *arguments: Any) -> SpawnProcess:
    """A running process that ends with this one at the latest."""
    process = CONTEXT.Process(target=target, args=arguments, name=name, daemon=True)
    with found_first_in_children():
        process.start()
    return process


def tell_begin(program: Connection) -> None:
    """The first word of a child, before any foreign code: that it runs, and since when."""
    with contextlib.suppress(OSError):  # the program may be no more
        program.send(time.monotonic())


def await_begin(process: SpawnProcess, child: Connection, purpose: str) -> float:
    """Since when the process runs, in s of the monotonic clock, once it has said so.

    Raises :class:`InstrumentError` where it cannot begin, which is no producer's fault.
    """
    try:
        if wait([child, process.sentinel], BEGIN_S) and child.poll():
            return float(child.recv())
    except (EOFError, OSError):
        pass  # it ended before it began
    process.join(1.0)
    how = f"not within {BEGIN_S:g} s" if process.is_alive() else f"status {process.exitcode}"
    raise InstrumentError(
        f"no process could be begun {purpose} ({how}); this computer is short of memory, open "
        "files or processes: close other programs"
    )
