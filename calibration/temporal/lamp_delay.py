"""Exposure delay between two cameras from a blinking lamp.

A lamp that goes on during an exposure shows where the exposure ends; one that goes off shows
where it starts. The lamp's rate is no multiple of the frame rate, so its edges pass through
all exposures. The collected light over the lamp's phase gives the windows of both cameras:

    RSGR row r: [t, t + T_r],  GS: [t + delay, t + delay + T_GS]

for a frame that begins at t by the RSGR camera's clock. The known T_r of many rows give the
scale for all other times.

See docs/physics.md, "Two cameras".
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from drivers.errors import InstrumentError
from drivers.timing import SensorTiming

LEAST_PAIRS = 40
_LEAST_SWING = 0.2
_LEAST_EDGES = 5
"""Least frames of each camera with an edge of the lamp in their exposure."""

_MOST_MISFIT = 0.03
_APART_TIMES, _APART = 6.0, 0.02
"""A GS signal that misses the lamp by more, in times what is usual and in swings, is another's."""
_MOST_LEFT_OUT = 0.1
_BANDS = 40
_SEARCH_HZ = (3.0, 400.0)
_CANDIDATES = 6
_DUTIES = (0.3, 0.5, 0.7)
_STEPS = 40

Numbers = NDArray[np.float64]


@dataclass(frozen=True)
class LitPair:
    """Mean light of each RSGR row, ``(rows,)``, and of the GS picture, of one frame pair.

    Any scale, the same in all pairs. NaN where the light is so weak that rounding to codes
    biases it. ``time_us`` is the start of the RSGR frame by that camera's clock.
    """

    rsgr: Numbers
    gs: float
    time_us: float


class LampDelay(BaseModel):
    """Result of :func:`lamp_delay`; errors are one standard error.

    ``gs_exposure_us`` is the effective GS exposure, measured with the lamp. ``misfit`` is
    the root mean square distance from the model, as a share of the lamp's swing. ``left_out``
    are pairs whose GS picture shows the lamp as at another instant than the RSGR picture.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    delay_us: float
    delay_error_us: float
    gs_exposure_us: float
    gs_exposure_error_us: float
    lamp_period_us: float
    lamp_on_us: float
    pairs: int
    rsgr_edges: int
    gs_edges: int
    misfit: float
    left_out: int = 0


@dataclass(frozen=True)
class _Signals:
    """Signals of bands of RSGR rows, ``(pairs, bands)``, and of GS, ``(pairs,)``, 0 to 1.

    A signal is 0 where the light is not known.
    """

    time_us: Numbers
    rsgr: Numbers
    rsgr_known: NDArray[np.bool_]
    exposure_us: Numbers
    gs: Numbers
    gs_known: NDArray[np.bool_]


def lamp_delay(pairs: Sequence[LitPair], timing: SensorTiming, gs_exposure_us: float) -> LampDelay:
    """Evaluate pairs of an evenly blinking lamp, or of a scene that it lights.

    ``timing`` holds the effective exposures of the RSGR rows. ``gs_exposure_us`` need not be
    exact. Raises :class:`InstrumentError` if the light does not allow a measurement.
    """
    if len(pairs) < LEAST_PAIRS:
        raise InstrumentError(
            f"{len(pairs)} frame pairs are too few, {LEAST_PAIRS} are needed; record longer"
        )
    seen = _swings(pairs, timing)
    edges = [int(((signal > 0.1) & (signal < 0.9)).sum()) for signal in (seen.rsgr[:, 0], seen.gs)]
    if min(edges) < _LEAST_EDGES:
        raise InstrumentError(
            f"the lamp switches during {edges[0]} RSGR and {edges[1]} GS exposures, "
            f"{_LEAST_EDGES} of each are needed; let it blink at a rate that is no multiple or "
            "fraction of the frame rate, or expose longer"
        )
    best: tuple[float, Numbers, Numbers] | None = None
    for period_us, middle_us in _periods(seen, gs_exposure_us):
        for duty in _DUTIES:
            on_us = duty * period_us
            first = np.array([period_us, middle_us - on_us / 2, on_us, 0.0, gs_exposure_us])
            fit = _solve(lambda p: _misfits(seen, p), first)
            if best is None or fit[0] < best[0]:
                best = fit
    assert best is not None  # there are candidates
    # One camera alone tells uneven light from pairs of other instants.
    rows = _misfits(seen, best[1])[: -len(seen.gs)]
    _check_light(float(np.sqrt(rows @ rows / max(1.0, seen.rsgr_known.mean(axis=1).sum()))))
    seen, best, left_out = _without_other_instants(seen, best)
    _, found, covariance = best
    left = _misfits(seen, found)
    told = int(seen.rsgr_known.sum() + seen.gs_known.sum())
    misfit = float(np.sqrt(left @ left / told))
    _check_light(misfit)
    errors = np.sqrt(np.diag(covariance)) * misfit
    return LampDelay(
        delay_us=float(found[3]),
        delay_error_us=float(errors[3]),
        gs_exposure_us=float(found[4]),
        gs_exposure_error_us=float(errors[4]),
        lamp_period_us=float(found[0]),
        lamp_on_us=float(found[2]),
        pairs=len(pairs),
        rsgr_edges=edges[0],
        gs_edges=edges[1],
        misfit=misfit,
        left_out=left_out,
    )


def _check_light(misfit: float) -> None:
    if misfit > _MOST_MISFIT:
        raise InstrumentError(
            f"the light misses that of an evenly blinking lamp by {misfit:.1%} of its swing, limit "
            f"{_MOST_MISFIT:.0%}; use a lamp that goes on and off at once and evenly, no other "
            "changing light, and a camera that tells the time of its frames"
        )


_Fit: TypeAlias = tuple[float, Numbers, Numbers]
"""Cost, parameters, and inverse of J'J."""


def _without_other_instants(seen: _Signals, best: _Fit) -> tuple[_Signals, _Fit, int]:
    """Leave out pairs whose GS signal misses the model by far more than the others do.

    The worst spoil the fit in which others look right, so it is done again without them. Raises
    :class:`InstrumentError` where they are many.
    """
    pairs, at_first = len(seen.gs), int(seen.gs_known.sum())
    while True:
        apart = np.abs(_misfits(seen, best[1])[-pairs:])
        typical = float(np.median(apart[seen.gs_known]))
        known = seen.gs_known & (apart <= max(_APART_TIMES * typical, _APART))
        left_out = at_first - int(known.sum())
        if np.array_equal(known, seen.gs_known):
            return seen, best, left_out
        if left_out > _MOST_LEFT_OUT * pairs:
            raise InstrumentError(
                f"{left_out} of {pairs} GS pictures show the lamp as at another instant than the "
                "RSGR pictures they are paired with; look at losses and triggers, and measure "
                "again on a less busy computer"
            )
        seen = replace(seen, gs_known=known)
        best = _solve(partial(_misfits, seen), best[1])


def _swings(pairs: Sequence[LitPair], timing: SensorTiming) -> _Signals:
    """Signals of all pairs, rows averaged in bands, each scaled to 0 to 1.

    Raises :class:`InstrumentError` if the light hardly changes.
    """
    row_us = timing.row_exposure_us()
    bands = np.array_split(np.argsort(row_us, kind="stable"), min(_BANDS, timing.rows))
    exposure_us = np.array([row_us[band].mean() for band in bands])
    rows = np.array([pair.rsgr for pair in pairs], np.float64)
    rsgr = np.stack([rows[:, band].mean(axis=1) for band in bands], axis=1)
    gs = np.array([pair.gs for pair in pairs], np.float64)
    for name, signal in (("RSGR", np.nan_to_num(rsgr).mean(axis=1)), ("GS", np.nan_to_num(gs))):
        swing = float(np.ptp(signal)) / max(float(signal.max()), 1e-9)
        if swing < _LEAST_SWING:
            raise InstrumentError(
                f"the light of the {name} camera changes by {swing:.0%}, {_LEAST_SWING:.0%} are "
                "needed; put a blinking lamp before both cameras and darken the room"
            )
    time_us = np.array([pair.time_us for pair in pairs])
    known = np.isfinite(rsgr), np.isfinite(gs)
    return _Signals(
        time_us - time_us[0], _ranged(rsgr), known[0], exposure_us, _ranged(gs), known[1]
    )


def _ranged(signal: Numbers) -> Numbers:
    # A band without any known value gets the signal 0.
    low = np.where(np.isfinite(signal), signal, np.inf).min(axis=0)
    high = np.where(np.isfinite(signal), signal, -np.inf).max(axis=0)
    return np.asarray(np.nan_to_num((signal - low) / np.maximum(high - low, 1e-12)))


def _periods(seen: _Signals, gs_exposure_us: float) -> list[tuple[float, float]]:
    """Likely periods of the lamp, and the middle of its time on, in us, best first.

    From the least-squares spectrum of all bands together. A single band is sampled at the
    frame rate, so aliases of the lamp's rate fit as well. The bands' exposures end at
    different times, which excludes the aliases.
    """
    # Every fifth band and GS are enough to exclude aliases.
    signals = np.column_stack([seen.rsgr[:, ::5], seen.gs])
    lengths_us = np.append(seen.exposure_us[::5], gs_exposure_us)
    signals = signals - signals.mean(axis=0)
    middles = (seen.time_us[:, None] + lengths_us / 2) * 1e-6
    step_hz = 1.0 / (8.0 * (np.ptp(seen.time_us) * 1e-6))
    rates = np.arange(*_SEARCH_HZ, step_hz)
    power = np.zeros(len(rates))
    phase = np.zeros(len(rates))
    for place, rate in enumerate(rates):
        wave = np.exp(-2j * np.pi * rate * middles) * np.sinc(rate * lengths_us * 1e-6)
        overlap = np.sum(signals * wave)
        power[place] = np.abs(overlap) ** 2 / np.sum(np.abs(wave) ** 2)
        phase[place] = np.angle(overlap)
    peaks = np.flatnonzero((power[1:-1] >= power[:-2]) & (power[1:-1] >= power[2:])) + 1
    chosen = peaks[np.argsort(power[peaks])[::-1][:_CANDIDATES]]
    return [(1e6 / rates[peak], -phase[peak] / (2 * np.pi * rates[peak]) * 1e6) for peak in chosen]


def _lit_us(start_us: Numbers, end_us: Numbers, lamp: Numbers) -> Numbers:
    """Time the lamp is on in each window; ``lamp`` is (period, start, time on)."""
    period_us, first_us, on_us = lamp

    def until(time_us: Numbers) -> Numbers:
        turns, rest = np.divmod(time_us - first_us, period_us)
        return np.asarray(turns * on_us + np.minimum(rest, on_us))

    return until(end_us) - until(start_us)


def _misfits(seen: _Signals, parameters: Numbers) -> Numbers:
    """Distances of all signals from the model, 1-D; gain and offset are fitted per signal.

    ``parameters``: the lamp's period, start and time on, the delay, the GS exposure.
    """
    lamp, delay_us, gs_exposure_us = parameters[:3], parameters[3], parameters[4]
    start = seen.time_us[:, None]
    rsgr = _lit_us(start, start + seen.exposure_us, lamp) / seen.exposure_us
    begin = seen.time_us + delay_us
    gs = _lit_us(begin, begin + gs_exposure_us, lamp) / gs_exposure_us
    # All RSGR bands together weigh as much as the GS picture.
    share = 1.0 / np.sqrt(seen.rsgr.shape[1])
    return np.concatenate(
        [
            share * _unexplained(seen.rsgr, rsgr, seen.rsgr_known).ravel(),
            _unexplained(seen.gs, gs, seen.gs_known),
        ]
    )


def _unexplained(signal: Numbers, model: Numbers, known: NDArray[np.bool_]) -> Numbers:
    """Residuals of the best straight line from model to signal, per column.

    They are 0 where the signal is not known.
    """
    count = np.maximum(known.sum(axis=0), 1)
    centred = np.where(known, model - (model * known).sum(axis=0) / count, 0.0)
    rest = np.where(known, signal - (signal * known).sum(axis=0) / count, 0.0)
    gain = np.sum(centred * rest, axis=0) / np.maximum(np.sum(centred**2, axis=0), 1e-12)
    return np.asarray(rest - np.maximum(gain, 0.0) * centred)


def _solve(
    misfits: Callable[[Numbers], Numbers], parameters: Numbers
) -> tuple[float, Numbers, Numbers]:
    """Cost, parameters and inverse of J'J of a Levenberg-Marquardt least-squares fit."""
    steps_us = np.array([0.05, 1.0, 1.0, 1.0, 1.0])
    left = misfits(parameters)
    cost, damping = float(left @ left), 1e-2
    normal = np.eye(len(parameters))
    for _ in range(_STEPS):
        slopes = np.stack(
            [
                (misfits(parameters + step) - misfits(parameters - step)) / (2 * step.sum())
                for step in np.diag(steps_us)
            ],
            axis=1,
        )
        normal, down = slopes.T @ slopes, slopes.T @ left
        normal += 1e-12 * np.eye(len(parameters))
        for _ in range(8):
            change = np.linalg.solve(normal + damping * np.diag(np.diag(normal)), -down)
            tried = parameters + change
            ahead = misfits(tried)
            if tried[0] > 0 and 0 < tried[2] < tried[0] and float(ahead @ ahead) < cost:
                break
            damping *= 4
        else:
            break
        gained = cost - float(ahead @ ahead)
        parameters, left, cost, damping = tried, ahead, cost - gained, damping / 8
        if gained < 1e-9 * cost:
            break
    return cost, parameters, np.asarray(np.linalg.inv(normal))
