"""Starting the processes that producers live in."""

import multiprocessing
import sys
import threading
from collections.abc import Callable
from multiprocessing.context import SpawnProcess
from types import ModuleType
from typing import Any

CONTEXT = multiprocessing.get_context("spawn")
"""A fresh interpreter for each process: a forked one would inherit locks held by threads."""

_hiding = threading.Lock()


def spawned(name: str, target: Callable[..., None], *arguments: Any) -> SpawnProcess:
    """A running process that ends with this one at the latest.

    A spawned process imports the program's main module first, by which a user's script without
    ``if __name__ == "__main__"`` would run twice. Nothing in it is needed: it is hidden.
    """
    process = CONTEXT.Process(target=target, args=arguments, name=name, daemon=True)
    with _hiding:
        main = sys.modules["__main__"]
        sys.modules["__main__"] = ModuleType("__main__")
        try:
            process.start()
        finally:
            sys.modules["__main__"] = main
    return process
