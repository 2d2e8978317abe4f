"""Starting the processes that producers live in."""

import multiprocessing
from collections.abc import Callable
from multiprocessing.context import SpawnProcess
from typing import Any

from ngs.own_packages import found_first_in_children

CONTEXT = multiprocessing.get_context("spawn")
"""A fresh interpreter for each process: a forked one would inherit locks held by threads."""


def spawned(name: str, target: Callable[..., None], *arguments: Any) -> SpawnProcess:
    """A running process that ends with this one at the latest."""
    process = CONTEXT.Process(target=target, args=arguments, name=name, daemon=True)
    with found_first_in_children():
        process.start()
    return process
