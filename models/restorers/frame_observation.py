"""What a network sees of developed frames; put together here for restoring and training alike."""

from collections.abc import Sequence

import torch
from torch import Tensor

from models.flow import FLOW_SCALE
from models.networks.observation import Observation, noise_level, planes_of, saturation_mask
from models.restorers.motion import Movement
from models.restorers.restorer import Restored


def observe_frames(
    developed: Sequence[Restored],
    exposure_ratio: Tensor,
    exposure_us: float,
    movement: Movement | None,
) -> Observation:
    """The observation of consecutive row-gained frames, the newest last; a batch of one.

    ``exposure_ratio`` is T_r / T0 of each row, ``(rows,)``, ``exposure_us`` T0;
    ``movement`` leads to the newest, None where it is not known.
    """
    light = torch.stack([planes_of(each.light) for each in developed])
    ratio = exposure_ratio[None]
    if movement is None:
        rows, columns = (-(-size // FLOW_SCALE) for size in light.shape[-2:])
        still = torch.zeros((1, 3, rows, columns), device=light.device)
        flow_px, confidence, share = still[:, :2], still[:, 2:], 0.0
    else:
        flow_px, confidence = movement.flow.flow_px[None], movement.flow.confidence[None, None]
        share = exposure_us / movement.interval_us
    return Observation(
        light=light[None],
        saturated=torch.stack([saturation_mask(each.saturated) for each in developed])[None],
        exposure_ratio=ratio,
        exposure_share=torch.full((1,), share, device=light.device),
        noise=noise_level(light[-1:], ratio),
        flow_px=flow_px.contiguous(),
        confidence=confidence.contiguous(),
    )
