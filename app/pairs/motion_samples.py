"""What the measures of motion compare: frames of both cameras on the RSGR camera's pixels."""

from collections.abc import Sequence

from app.pairs.pair_view import PairView
from calibration.temporal.frame_lag import LAGS, LagSample
from calibration.temporal.moving_cells import MovingSample
from drivers.pixel_format import Pixels
from models.frame_light import grey

REACH = max(LAGS)
"""GS frames needed before and after the partner of an RSGR frame."""


def lag_sample(view: PairView, rsgr: Pixels, gs: Sequence[Pixels]) -> LagSample:
    """Of the codes of an RSGR frame and of the GS frames of :data:`LAGS` around its partner."""
    seen = [view.gs(codes) for codes in gs]
    aligned = view.aligned(rsgr, seen[LAGS.index(0)])
    return LagSample(
        aligned.rsgr,
        tuple(grey(each.light) for each in seen),
        aligned.valid & ~aligned.clipped,
        aligned.noise,
    )


def moving_sample(
    view: PairView, lag: LagSample, before: Pixels, after: Pixels, interval_us: float
) -> MovingSample:
    """The same pair with the codes of the RSGR frames before and after it."""
    (earlier, _), (later, _) = view.rsgr(before), view.rsgr(after)
    return MovingSample(earlier, lag.rsgr, later, lag.gs[LAGS.index(0)], lag.usable, interval_us)
