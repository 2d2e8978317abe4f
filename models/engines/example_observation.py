"""A fixed observation for measuring and checking engines: a moving texture."""

import numpy as np
import torch

from models.flow import FLOW_SCALE
from models.networks.observation import Observation, noise_level

_MOTION_PX = (6.0, -2.0)
_LONGEST_RATIO = 4.0
_EXPOSURE_SHARE = 0.1
_NOISE = 0.01


def example_observation(
    frames: int, channels: int, rows: int, columns: int, device: torch.device
) -> Observation:
    """Plane waves in all directions, with noise and a clipped corner, running to the right."""
    rng = np.random.default_rng(0)
    y_px, x_px = np.mgrid[0:rows, 0:columns].astype(np.float32)
    light = np.empty((frames, channels, rows, columns), np.float32)
    waves = rng.uniform([0.02, 0.0, 0.0], [0.8, 2 * np.pi, 2 * np.pi], (12, 3))
    for frame in range(frames):
        x, y = (
            place - (frame - frames + 1) * step
            for place, step in zip((x_px, y_px), _MOTION_PX, strict=True)
        )
        picture = np.full((rows, columns), 0.45, np.float32)
        for number, direction, phase in waves.astype(np.float32):
            along = np.cos(direction) * x + np.sin(direction) * y
            picture += 0.06 * np.cos(number * along + phase)
        light[frame] = picture + rng.normal(0, _NOISE, (channels, rows, columns))
    saturated = np.zeros((frames, 1, rows, columns), np.float32)
    saturated[..., : rows // 8, : columns // 8] = 1.0
    light[..., : rows // 8, : columns // 8] = 1.0
    ratio = torch.linspace(1.0, _LONGEST_RATIO, rows)[None]
    half = (-(-rows // FLOW_SCALE), -(-columns // FLOW_SCALE))
    planes = torch.from_numpy(light)
    observation = Observation(
        light=planes[None],
        saturated=torch.from_numpy(saturated)[None],
        exposure_ratio=ratio,
        exposure_share=torch.tensor([_EXPOSURE_SHARE]),
        noise=noise_level(planes[-1:], ratio),
        flow_px=torch.tensor(_MOTION_PX)[None, :, None, None].expand(1, 2, *half).contiguous(),
        confidence=torch.full((1, 1, *half), 0.9),
    )
    return Observation(*(each.to(device) for each in observation))
