"""Scores one restored frame against its global-shutter truth."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from drivers.code_encoding import Encoding
from drivers.frame import Frame
from drivers.srgb import LUMINANCE_WEIGHTS
from models.dataset.sequences import Sequence
from models.encoding import srgb_encode
from models.evaluation.code_errors import CodeErrors, code_errors
from models.evaluation.markers import Markers, corner_errors_px, detect_markers
from models.metrics import (
    FRAME_METRICS,
    blur_length_px,
    host_array,
    readout_third,
    squared_error,
    static_region,
)

BLUR_EDGES_PX = (0.0, 0.5, 2.0, 5.0, 10.0, float("inf"))
"""Pixels are told apart by the length of their blur vector in the RSGR frame."""


@dataclass(frozen=True, slots=True)
class Picture:
    """One picture in all forms that metrics need.

    ``light`` and ``encoded`` are clipped to [0, 1], on the device; ``grey`` is
    8 bit sRGB-encoded luminance ``(rows, columns)``, on the host.
    """

    light: Tensor
    encoded: Tensor
    grey: NDArray[np.uint8]

    @classmethod
    def of(cls, light: Tensor) -> "Picture":
        """From linear light of any range."""
        clipped = light.float().clamp(0.0, 1.0)
        luminance = clipped
        if clipped.ndim == 3:
            luminance = clipped @ torch.tensor(LUMINANCE_WEIGHTS, device=light.device)
        return cls(clipped, srgb_encode(clipped), _codes(srgb_encode(luminance)))

    def screen(self) -> NDArray[np.uint8]:
        """8 bit sRGB codes on the host, shaped like the light."""
        return _codes(self.encoded)


def _codes(encoded: Tensor) -> NDArray[np.uint8]:
    """8 bit codes of encoded values in [0, 1], on the host."""
    codes: NDArray[np.uint8] = (host_array(encoded) * 255.0).round().astype(np.uint8)
    return codes


@dataclass(frozen=True, slots=True)
class Truth:
    """A GS frame and the masks for scoring the restored frame.

    ``third`` is that of the readout, ``(rows,)``; ``unsaturated`` is where the
    raw codes carry a ramp, ``blur_px`` the RSGR blur length, None for a frame
    without neighbours; ``static`` where nothing moved since the frame before,
    None for the first; ``markers`` is None in sequences that have none. ``inside`` are the
    rows and columns where GS means something.
    """

    picture: Picture
    third: Tensor
    unsaturated: Tensor
    blur_px: NDArray[np.float32] | None
    static: Tensor | None
    markers: Markers | None
    inside: tuple[slice, slice]


def truths(sequence: Sequence, device: torch.device) -> Iterator[tuple[Frame, Truth]]:
    """Every RSGR frame of a sequence, in order, with its truth.

    Raises :class:`InstrumentError` like the sequence's reader.
    """
    timing = sequence.info.timing
    third = torch.from_numpy(readout_third(timing)).to(device)
    for before, (frame, picture), after in _with_neighbours(_pairs(sequence, device)):
        neighbour = after or before
        blur_px = None
        if neighbour is not None:
            interval_ns = neighbour[0].metadata.start_time_ns - frame.metadata.start_time_ns
            blur_px = blur_length_px(picture.grey, neighbour[1].grey, interval_ns / 1e3, timing)
        yield (
            frame,
            Truth(
                picture=picture,
                third=third,
                unsaturated=torch.from_numpy(_unsaturated(frame, sequence)).to(device),
                blur_px=blur_px,
                static=_static(picture, before[1]) if before else None,
                markers=detect_markers(picture.grey) if sequence.info.has_markers else None,
                inside=sequence.info.inside,
            ),
        )


_Pair: TypeAlias = tuple[Frame, Picture]


def _pairs(sequence: Sequence, device: torch.device) -> Iterator[_Pair]:
    for index in range(len(sequence)):
        light = torch.from_numpy(sequence.target(index)).to(device)
        yield sequence.frame(index), Picture.of(light)


def _with_neighbours(pairs: Iterable[_Pair]) -> Iterator[tuple[_Pair | None, _Pair, _Pair | None]]:
    """Each pair with its neighbours; holds three pairs at most."""
    before: _Pair | None = None
    current: _Pair | None = None
    for after in pairs:
        if current is not None:
            yield before, current, after
        before, current = current, after
    if current is not None:
        yield before, current, None


def _unsaturated(frame: Frame, sequence: Sequence) -> NDArray[np.bool_]:
    radiometry = sequence.info.radiometry
    saturated: NDArray[np.bool_] = np.asarray(frame.pixels >= radiometry.saturation_dn)
    if saturated.ndim == 3:
        saturated = np.asarray(saturated.any(axis=2))
    if radiometry.pixel_format.bayer is not None:
        # Demosaicing spreads a clipped code over its neighbours.
        spread = cv2.dilate(saturated.astype(np.uint8), np.ones((3, 3), np.uint8))
        saturated = spread > 0
    return np.asarray(~saturated)


def _static(picture: Picture, before: Picture) -> Tensor:
    region = static_region(host_array(picture.encoded), host_array(before.encoded))
    return torch.from_numpy(region).to(picture.light.device)


@dataclass(frozen=True, slots=True)
class BinnedError:
    """Sum of squared errors and number of pixels, both float64 per bin of blur length."""

    squared_error: NDArray[np.float64]
    pixels: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class FrameScore:
    """Errors of one restored frame.

    Mean squared errors are on encoded values but for ``mse_linear``;
    ``mse_thirds`` are of the readout's thirds; ``mse_unsaturated`` is None where
    every pixel was clipped. ``metrics`` are :data:`models.metrics.FRAME_METRICS` by name.
    ``flicker`` is the sum of squared differences between the restored and the true
    change since the frame before, over ``static_pixels``. ``corner_errors_px`` goes by
    marker number. ``codes`` are errors by a protocol, None where none was asked for.
    """

    mse: float
    mse_linear: float
    mse_thirds: tuple[float, float, float]
    mse_unsaturated: float | None
    metrics: dict[str, float]
    by_blur: BinnedError | None
    flicker: float
    static_pixels: int
    corner_errors_px: dict[int, float]
    codes: CodeErrors | None


def score_frame(
    restored: Picture,
    truth: Truth,
    restored_before: Picture | None,
    truth_before: Truth | None,
    code_encoding: Encoding | None = None,
) -> FrameScore:
    """Score a restored frame; the frames before are None at a sequence's start.

    ``code_encoding`` is that of 8 bit codes which a protocol compares; None without one.
    """
    inside = truth.inside
    rows, _ = inside
    error = squared_error(restored.encoded, truth.picture.encoded)[inside]
    linear = squared_error(restored.light, truth.picture.light)[inside]
    per_row = error.mean(dim=1)
    flicker, static_pixels = 0.0, 0
    if truth.static is not None and restored_before is not None and truth_before is not None:
        change = restored.encoded - restored_before.encoded
        true_change = truth.picture.encoded - truth_before.picture.encoded
        unsteady = squared_error(change, true_change)[inside][truth.static[inside]]
        flicker, static_pixels = float(unsteady.sum()), unsteady.numel()
    top, middle, bottom = (float(per_row[truth.third[rows] == third].mean()) for third in range(3))
    unsaturated = error[truth.unsaturated[inside]]
    return FrameScore(
        mse=float(per_row.mean()),
        mse_linear=float(linear.mean()),
        mse_thirds=(top, middle, bottom),
        mse_unsaturated=float(unsaturated.mean()) if unsaturated.numel() else None,
        metrics={
            name: metric.of(restored.encoded[inside], truth.picture.encoded[inside])
            for name, metric in FRAME_METRICS.items()
        },
        by_blur=None if truth.blur_px is None else _by_blur(error, truth.blur_px[inside]),
        flicker=flicker,
        static_pixels=static_pixels,
        corner_errors_px={}
        if truth.markers is None
        else corner_errors_px(detect_markers(restored.grey), truth.markers),
        codes=None
        if code_encoding is None
        else code_errors(restored.light, truth.picture.light, code_encoding, truth.third, inside),
    )


def _by_blur(error: Tensor, blur_px: NDArray[np.float32]) -> BinnedError:
    bins = np.digitize(blur_px, BLUR_EDGES_PX[1:-1]).ravel()
    count = len(BLUR_EDGES_PX) - 1
    return BinnedError(
        np.bincount(bins, error.cpu().numpy().ravel(), minlength=count).astype(np.float64),
        np.bincount(bins, minlength=count).astype(np.float64),
    )
