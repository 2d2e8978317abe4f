"""How many threads compute: decided here alone."""

import os

import torch


def use_torch_threads() -> None:
    """Let torch compute on half of the cores, in threads to come as in this one.

    The other half captures, draws and, on the virtual rig, renders: a torch
    thread that waits for a busy core holds all of them up at every barrier.
    """
    torch.set_num_threads(max(1, _cores() // 2))


def openvino_threads() -> int:
    """Threads OpenVINO computes with: every core.

    They share work out in small pieces and sleep when there is none, so that a
    busy core holds nothing up.
    """
    return 1


def _cores() -> int:
    return os.cpu_count() or 1
