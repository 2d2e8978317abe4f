"""Validation of a network in training on whole held-out frames."""

from typing import Any

import torch
from torch import nn

from drivers.timing import ReadoutDirection
from models.dataset.sequences import Sequence
from models.encoding import srgb_encode
from models.flow import FLOW_SCALE
from models.metrics import psnr_db
from models.training.clips import Clips, collated, on_device


def validate(
    network: nn.Module,
    sequences: list[Sequence],
    frames: int,
    clips: int,
    device: torch.device,
) -> dict[str, Any]:
    """Quality on whole frames, one clip of each of the first sequences; fields of :class:`Point`.

    sRGB-encoded PSNR, mean of the clips.
    """
    some = sequences[:clips]
    # Whole frames are looked at, so any crop will do.
    reader = Clips(some, frames, (FLOW_SCALE, FLOW_SCALE))
    whole, thirds, row_gain = [], [], []
    for sequence in some:
        newest = len(sequence) - 1
        clip = reader.whole(sequence, newest, newest - 1)
        batch = on_device(collated([[clip]]), device)
        with torch.no_grad():
            light = network(batch.observation)
        given = light.shape[1]
        inside = (..., *sequence.info.inside)
        target = srgb_encode(batch.target[:, -given:][inside])
        error = (srgb_encode(light.float()[inside]) - target).square().mean((0, 1, 2, 4))
        if sequence.info.direction is ReadoutDirection.BOTTOM_UP:
            error = error.flip(0)
        gained = batch.observation.light[:, -given:][inside]
        baseline = (srgb_encode(gained) - target).square().mean()
        whole.append(psnr_db(float(error.mean())))
        thirds.append([psnr_db(float(part.mean())) for part in error.tensor_split(3)])
        row_gain.append(psnr_db(float(baseline)))
    top, middle, bottom = (sum(values) / len(values) for values in zip(*thirds, strict=True))
    return {
        "psnr_db": sum(whole) / len(whole),
        "psnr_db_thirds": (top, middle, bottom),
        "row_gain_psnr_db": sum(row_gain) / len(row_gain),
    }
