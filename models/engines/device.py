"""The device that computes: a GPU where torch can use one, else the CPU."""

import torch


def best_device() -> torch.device:
    """CUDA where there is one, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def multiplies_bf16(device: torch.device) -> bool:
    """Whether the hardware multiplies in bfloat16; where it does not, fp32 is faster."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported())
    # Not in every version of torch; without it nothing is known.
    told: dict[str, object] = getattr(torch.cpu, "get_capabilities", dict)()
    return bool(told.get("avx512_bf16") or told.get("amx_bf16"))


def accelerator() -> str | None:
    """Name of the GPU torch can use, None where there is none."""
    if not torch.cuda.is_available():
        return None
    return f"{torch.cuda.get_device_name()}, CUDA {torch.version.cuda}"
