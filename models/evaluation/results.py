"""Results of an evaluation, one per restorer, and the material they were measured on."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from models.evaluation.code_errors import ProtocolScore, score
from models.evaluation.example_crops import Example
from models.evaluation.markers import score_markers
from models.evaluation.protocol import Protocol
from models.evaluation.scoring import BLUR_EDGES_PX, FrameScore
from models.metrics import (
    FRAME_METRICS,
    flicker_levels,
    mean_psnr_db,
    pooled_psnr_db,
    psnr_db,
    standard_error,
)
from models.restorers.restorer_state import RestorerState

RATIO_EDGES = (1.0, 1.5, 2.0, 3.0, 4.0, 6.0, math.inf)
"""Sequences are told apart by T_bottom / T0."""


@dataclass(frozen=True, slots=True)
class Range:
    """Frames or pixels of one range of motion or exposure ratio.

    ``upper`` is None where the range is open; ``share`` is that of all pixels
    or frames. PSNR is pooled over pixels, and a mean over frames; None where
    nothing lies in the range.
    """

    lower: float
    upper: float | None
    share: float
    psnr_db: float | None


@dataclass(frozen=True, slots=True)
class Result:
    """One restorer on one split.

    ``psnr_db`` is the mean of the frames' PSNR on sRGB-encoded values,
    saturated pixels included; ``psnr_db_unsaturated`` is the same without them,
    ``psnr_db_linear`` in linear light. ``metrics`` are the means of
    :data:`models.metrics.FRAME_METRICS` over frames. ``psnr_db_top``, ``_middle`` and
    ``_bottom`` are the thirds read first, next and last. ``delta_db`` is the
    mean gain over row gain, ``delta_db_standard_error`` its standard error over
    sequences, ``worst_delta_db`` the frame that fared worst against row gain.
    ``flicker`` is the temporal standard deviation of static regions in 8 bit
    screen levels, None without any. ``by_motion`` tells pixels apart by blur
    length in px, ``by_exposure_ratio`` frames by T_bottom / T0.
    ``markers_found`` and the corner errors are those of
    :class:`models.evaluation.markers.MarkerScore`. ``ms_per_frame`` is the median time of
    one call with codes on the host and light on the device, device synchronised.
    ``params``, ``macs_per_megapixel`` and ``converged`` are None without a network.
    ``by_protocol`` is None unless one was asked for.
    """

    restorer: str
    split: str
    psnr_db: float
    psnr_db_pooled: float
    psnr_db_linear: float
    psnr_db_unsaturated: float | None
    metrics: dict[str, float]
    psnr_db_top: float
    psnr_db_middle: float
    psnr_db_bottom: float
    delta_db: float
    delta_db_standard_error: float | None
    worst_delta_db: float
    flicker: float | None
    by_motion: tuple[Range, ...]
    by_exposure_ratio: tuple[Range, ...]
    markers_found: float | None
    corner_error_px: float | None
    corner_error_change_px: float | None
    params: int | None
    macs_per_megapixel: float | None
    ms_per_frame: float
    device: str
    converged: bool | None
    by_protocol: ProtocolScore | None

    def document(self) -> dict[str, Any]:
        """Plain values for JSON; ``metrics`` stand among the others by their names.

        ``by_protocol`` stands there only if a protocol was asked for.
        """
        values = asdict(self)
        del values["metrics"]
        if self.by_protocol is None:
            del values["by_protocol"]
        return values | self.metrics


@dataclass(frozen=True, slots=True)
class Material:
    """What the restorers were evaluated on."""

    split: str
    origin: str
    sequences: int
    frames: int
    sources: int
    sizes: tuple[str, ...]
    pixel_formats: tuple[str, ...]
    exposure_ratio: tuple[float, float]
    temporal_dark_noise_e: tuple[float, float] | None
    mean_blur_px: float | None
    marker_sequences: int
    markers_in_gs: int
    cpu_threads: int


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Results in the order of the table, the material, and crops for visual comparison."""

    results: tuple[Result, ...]
    material: Material
    examples: tuple[Example, ...]

    def document(self) -> dict[str, Any]:
        """Plain values for JSON: ``results`` and ``material``."""
        return {
            "results": [result.document() for result in self.results],
            "material": asdict(self.material),
        }


Scores = Sequence[Sequence[FrameScore]]
"""Scores of every sequence's frames, in order."""


def summarise(
    restorer: str,
    split: str,
    scores: Scores,
    row_gain: Scores,
    exposure_ratios: Sequence[float],
    markers_in_gs: int,
    state: RestorerState,
    macs_per_megapixel: float | None,
    ms_per_frame: float,
    protocol: Protocol | None,
) -> Result:
    """Summarise the scores of one restorer; ``exposure_ratios`` are by sequence."""
    frames = [score for sequence in scores for score in sequence]
    errors = [score.mse for score in frames]
    unsaturated = [score.mse_unsaturated for score in frames if score.mse_unsaturated is not None]
    deltas = [
        [
            psnr_db(own.mse) - psnr_db(reference.mse)
            for own, reference in zip(own_scores, reference_scores, strict=True)
        ]
        for own_scores, reference_scores in zip(scores, row_gain, strict=True)
    ]
    flat_deltas = [delta for sequence in deltas for delta in sequence]
    markers = score_markers(
        [score.corner_errors_px for score in frames],
        [score.corner_errors_px for sequence in row_gain for score in sequence],
        markers_in_gs,
    )
    top, middle, bottom = (
        mean_psnr_db([score.mse_thirds[third] for score in frames]) for third in range(3)
    )
    return Result(
        restorer=restorer,
        split=split,
        psnr_db=mean_psnr_db(errors),
        psnr_db_pooled=pooled_psnr_db(errors),
        psnr_db_linear=mean_psnr_db([score.mse_linear for score in frames]),
        psnr_db_unsaturated=mean_psnr_db(unsaturated) if unsaturated else None,
        metrics={
            name: sum(score.metrics[name] for score in frames) / len(frames)
            for name in FRAME_METRICS
        },
        psnr_db_top=top,
        psnr_db_middle=middle,
        psnr_db_bottom=bottom,
        delta_db=sum(flat_deltas) / len(flat_deltas),
        delta_db_standard_error=standard_error(deltas),
        worst_delta_db=min(flat_deltas),
        flicker=flicker_levels(
            sum(score.flicker for score in frames), sum(score.static_pixels for score in frames)
        ),
        by_motion=_by_motion(frames),
        by_exposure_ratio=_by_exposure_ratio(scores, exposure_ratios),
        markers_found=markers.found,
        corner_error_px=markers.corner_error_px,
        corner_error_change_px=markers.corner_error_change_px,
        params=state.params,
        macs_per_megapixel=macs_per_megapixel,
        ms_per_frame=ms_per_frame,
        device=state.device,
        converged=state.converged,
        by_protocol=None
        if protocol is None
        else score(protocol, [frame.codes for frame in frames if frame.codes is not None]),
    )


def _by_motion(frames: Sequence[FrameScore]) -> tuple[Range, ...]:
    moving = [score.by_blur for score in frames if score.by_blur is not None]
    bins = len(BLUR_EDGES_PX) - 1
    squared_error = sum((binned.squared_error for binned in moving), np.zeros(bins))
    pixels = sum((binned.pixels for binned in moving), np.zeros(bins))
    return tuple(
        Range(
            *_bounds(BLUR_EDGES_PX, position),
            share=float(count / pixels.sum()) if count else 0.0,
            psnr_db=psnr_db(float(squared_error[position] / count)) if count else None,
        )
        for position, count in enumerate(pixels)
    )


def _by_exposure_ratio(scores: Scores, exposure_ratios: Sequence[float]) -> tuple[Range, ...]:
    errors: list[list[float]] = [[] for _ in RATIO_EDGES[1:]]
    positions = np.digitize(exposure_ratios, RATIO_EDGES[1:-1])
    for sequence, position in zip(scores, positions, strict=True):
        errors[position].extend(score.mse for score in sequence)
    frames = sum(len(its_errors) for its_errors in errors)
    return tuple(
        Range(
            *_bounds(RATIO_EDGES, position),
            share=len(its_errors) / frames,
            psnr_db=mean_psnr_db(its_errors) if its_errors else None,
        )
        for position, its_errors in enumerate(errors)
    )


def _bounds(edges: tuple[float, ...], position: int) -> tuple[float, float | None]:
    upper = edges[position + 1]
    return edges[position], upper if math.isfinite(upper) else None
