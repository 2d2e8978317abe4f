"""Errors of 8 bit codes, which published protocols compare (:mod:`models.evaluation.protocol`)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from drivers.code_encoding import Encoding
from models.encoding import srgb_encode
from models.evaluation.protocol import Protocol
from models.metrics import mean_psnr_db, squared_error


class CodeErrors(NamedTuple):
    """Mean squared errors of a frame's 8 bit codes over 255; thirds in the order of readout."""

    whole: float
    top: float
    middle: float
    bottom: float


@dataclass(frozen=True, slots=True)
class ProtocolScore:
    """PSNR by a protocol, in dB, the mean of the frames'."""

    protocol: str
    psnr_db: float
    psnr_db_top: float
    psnr_db_middle: float
    psnr_db_bottom: float


def code_errors(
    light: Tensor, target: Tensor, encoding: Encoding, third: Tensor, inside: tuple[slice, slice]
) -> CodeErrors:
    """Errors of a restored frame as 8 bit codes; both are linear light, clipped to [0, 1].

    ``third`` is that of each row, ``inside`` are the rows and columns that count.
    """
    given, wanted = (_codes(each, encoding) for each in (light, target))
    per_row = squared_error(given, wanted)[inside].mean(dim=1)
    thirds = (float(per_row[third[inside[0]] == number].mean()) for number in range(3))
    return CodeErrors(float(per_row.mean()), *thirds)


def score(protocol: Protocol, frames: Sequence[CodeErrors]) -> ProtocolScore:
    """The mean over frames."""
    return ProtocolScore(
        protocol.value, *(mean_psnr_db(each) for each in zip(*frames, strict=True))
    )


def _codes(light: Tensor, encoding: Encoding) -> Tensor:
    encoded = srgb_encode(light) if encoding is Encoding.SRGB else light
    return torch.round(encoded * 255.0) / 255.0
