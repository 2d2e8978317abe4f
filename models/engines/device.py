"""The device that computes: a GPU where torch can use one, else the CPU."""

import torch


def best_device() -> torch.device:
    """CUDA where there is one, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def accelerator() -> str | None:
    """Name of the GPU torch can use, None where there is none."""
    if not torch.cuda.is_available():
        return None
    return f"{torch.cuda.get_device_name()}, CUDA {torch.version.cuda}"
