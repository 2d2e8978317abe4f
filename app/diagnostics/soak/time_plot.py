"""Figures over time as drawings for a page: points, ticks and names; the template draws them."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

WIDTH, HEIGHT = 640, 250
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 628, 34, 208
_COLOURS = ("#1f6f8b", "#b7791f", "#2e7d4f", "#c0392b")
_MOST_COLUMNS = 280
"""Of more samples the least and the largest of each column are drawn: no peak is lost."""
_TICKS = 6

Values = Sequence[float | None]


@dataclass(frozen=True, slots=True)
class Tick:
    """A number on an axis, and where."""

    place: float
    text: str


@dataclass(frozen=True, slots=True)
class Curve:
    """A name with its colour, and lines of points; a line ends where a value is missing."""

    name: str
    colour: str
    name_x: float
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TimePlot:
    """A drawing 640 wide and 250 high. ``shaded_to`` is where the part that is judged begins."""

    title: str
    unit: str
    time_unit: str
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    curves: tuple[Curve, ...]
    shaded_to: float | None

    left, right, top, bottom = _LEFT, _RIGHT, _TOP, _BOTTOM
    width, height = WIDTH, HEIGHT


def time_plot(
    title: str,
    unit: str,
    seconds: Sequence[float],
    values: Mapping[str, Values],
    *,
    from_zero: bool = True,
    shaded_to_s: float | None = None,
) -> TimePlot:
    """Plot ``values``, by name, against ``seconds``; the axis begins at 0 where ``from_zero``.

    Nothing is drawn of what has no values at all.
    """
    known = [value for each in values.values() for value in each if value is not None]
    low, high = (min(known), max(known)) if known else (0.0, 0.0)
    # A figure that stands still is a straight line, not its last digit as large as the plot.
    margin = max(0.05 * (high - low), 0.01 * abs(high), 1e-9)
    low, high = (min(0.0, low) if from_zero else low - margin), high + margin
    if high - low < 1e-6:
        high = low + 1.0
    y_ticks = list(nice_ticks(low, high))
    low, high = min(low, y_ticks[0]), max(high, y_ticks[-1])
    time_unit, unit_s = _time_unit(seconds[-1])
    end = seconds[-1] / unit_s

    def x(value: float) -> float:
        return _LEFT + (_RIGHT - _LEFT) * value / end

    def y(value: float) -> float:
        return _BOTTOM - (_BOTTOM - _TOP) * (value - low) / (high - low)

    times = [x(each / unit_s) for each in seconds]
    name_x, curves = float(_LEFT), []
    for (name, each), colour in zip(values.items(), _COLOURS, strict=False):
        lines = tuple(_lines(times, [None if value is None else y(value) for value in each]))
        if lines:
            curves.append(Curve(name, colour, name_x, lines))
            name_x += 26 + 7.2 * len(name)
    return TimePlot(
        title=title,
        unit=unit,
        time_unit=time_unit,
        x_ticks=tuple(Tick(x(each), _text(each, end)) for each in nice_ticks(0.0, end)),
        y_ticks=tuple(Tick(y(each), _text(each, high - low)) for each in y_ticks),
        curves=tuple(curves),
        shaded_to=None if shaded_to_s is None else x(min(end, shaded_to_s / unit_s)),
    )


def nice_ticks(low: float, high: float) -> Iterator[float]:
    """Round numbers from ``low`` to ``high``: steps of 1, 2 or 5 times a power of ten.

    >>> list(nice_ticks(0, 65)), list(nice_ticks(-1.2, 1.7))
    ([0, 20, 40, 60], [-1.0, -0.5, 0.0, 0.5, 1.0, 1.5])
    """
    step = _step(high - low)
    for number in range(math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9) + 1):
        yield number * step


def _step(span: float) -> float:
    rough = span / _TICKS
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(each for each in (1, 2, 5, 10) if each * power >= rough * 0.999) * power
    return round(step) if step >= 1 else step


def _text(value: float, span: float) -> str:
    """With as many places as tell one tick from the next."""
    places = max(0, -math.floor(math.log10(_step(span)) + 1e-9))
    return f"{value:.{places}f}"


def _time_unit(seconds: float) -> tuple[str, float]:
    """A unit in which a run has a handful of ticks, and its length in s."""
    if seconds <= 180:
        return "s", 1.0
    return ("min", 60.0) if seconds <= 3 * 3600 else ("h", 3600.0)


def _lines(times: Sequence[float], values: Values) -> Iterator[str]:
    """Points of each unbroken line."""
    line: list[str] = []
    for place, value in _thinned(times, values):
        if value is None:
            if line:
                yield " ".join(line)
            line = []
        else:
            line.append(f"{place:.1f},{value:.1f}")
    if line:
        yield " ".join(line)


def _thinned(times: Sequence[float], values: Values) -> Iterator[tuple[float, float | None]]:
    """All, or the least and the largest of each column in the order in which they came."""
    if len(times) <= 2 * _MOST_COLUMNS:
        yield from zip(times, values, strict=True)
        return
    for column in range(_MOST_COLUMNS):
        begin, end = (len(times) * each // _MOST_COLUMNS for each in (column, column + 1))
        there = [
            (value, number) for number in range(begin, end) if (value := values[number]) is not None
        ]
        if not there:
            yield times[begin], None
            continue
        for number in sorted({min(there)[1], max(there)[1]}):
            yield times[number], values[number]
