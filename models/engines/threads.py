"""The number of computing threads, decided here only."""

import os

import torch


def compute_threads() -> int:
    """Half of the cores.

    The other half captures, finds motion, draws and, on the virtual rig, renders: a
    thread that waits for a busy core holds all of them up at every barrier. On two
    cores ``live`` restored 53 frames a second with one thread and 44 with two.
    """
    return max(1, (os.cpu_count() or 1) // 2)


def use_torch_threads() -> None:
    """Set the number of threads of torch for this thread and those started later."""
    torch.set_num_threads(compute_threads())
