"""Kinds of names in which makers' cameras differ."""

from dataclasses import dataclass
from enum import Enum


class RateUnit(Enum):
    """Unit of the node that sets the rate: frequency or period."""

    FREQUENCY_HZ = "Hz"
    PERIOD_US = "us"


@dataclass(frozen=True, slots=True, kw_only=True)
class GeneratorDialect:
    """How to start one kind of trigger generator inside a camera. Times are in microseconds.

    ``signal`` is a pattern of the TriggerSource value; its first group names
    the instance for ``selector``. ``stop_nodes`` are set to Off first and
    ``required`` must be offered. The first of ``restart_nodes`` that offers
    ``signal`` is set to it, so that the generator restarts itself.
    """

    name: str
    signal: str
    rate_nodes: tuple[str, ...]
    rate_unit: RateUnit
    selector: str | None = None
    stop_nodes: tuple[str, ...] = ()
    required: tuple[tuple[str, str], ...] = ()
    delay_nodes: tuple[str, ...] = ()
    start_command: str | None = None
    restart_nodes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TriggerDialect:
    """Names of the frame trigger and of what belongs to it.

    ``source`` takes a signal, ``software``, or one of ``no_signal``. ``mode`` is On while
    triggers are waited for; None where ``source`` alone decides that.
    """

    source: str
    software: str
    no_signal: tuple[str, ...]
    activation: str
    delay_nodes: tuple[str, ...]
    software_command: str
    mode: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputDialect:
    """Names of the output lines and of the signal that rises when an exposure starts.

    ``mode`` is the node that makes the selected line an output by one of ``mode_values``,
    None if the lines are always outputs. ``signals`` are values of ``source``, best first.
    ``switch`` is the node that turns the output on, if there is one.
    """

    selector: str
    source: str
    signals: tuple[str, ...]
    mode: str | None = None
    mode_values: tuple[str, ...] = ("Output",)
    switch: str | None = None
    silent: tuple[str, ...] = ("Off",)


@dataclass(frozen=True, slots=True)
class LinkLimitDialect:
    """A node for the most a camera sends, in bytes/s; it counts while ``mode`` is ``in_force``."""

    node: str
    mode: str
    in_force: str


@dataclass(frozen=True, slots=True)
class LinearRule:
    """A rule: each of ``nodes`` that a camera has is set to the first of ``wanted`` it offers.

    A node behind selectors (LUTEnable, TriggerOverlap ...) is set for each of
    their values; the device description names the selectors. ``moot`` names a
    switch and the value at which these nodes have no effect.
    """

    nodes: tuple[str, ...]
    wanted: tuple[str, ...]
    moot: tuple[str, str] | None = None


MINIMUM = "minimum"
"""Wanted value of a number whose neutral value is the lowest the device offers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MakerDialect:
    """Names that one maker's cameras use beside the standard's, and what to know of them.

    The shutter mode is an enumeration, one of ``shutter_nodes``, that takes one of
    ``global_reset``, ``rolling`` or ``global_shutter``; or one of ``shutter_switches``, true
    for global reset. ``condition`` is a text on when global reset is available, ``caution``
    what else to know of it, ``rolling_caution`` what to know of rolling shutter while
    triggered.

    ``line_time_nodes`` and ``readout_time_nodes`` hold microseconds. ``readout_mode_nodes``
    change the line time, or tell that it changed.

    ``packet_commands`` and ``packet_switches`` let the maker's producer find the largest
    packets that arrive; they are nodes of the producer, not of the camera.
    """

    maker: str
    shutter_nodes: tuple[str, ...] = ()
    global_reset: tuple[str, ...] = ()
    rolling: tuple[str, ...] = ()
    global_shutter: tuple[str, ...] = ()
    shutter_switches: tuple[str, ...] = ()
    condition: str = ""
    caution: str = ""
    rolling_caution: str = ""
    trigger: TriggerDialect | None = None
    generators: tuple[GeneratorDialect, ...] = ()
    outputs: tuple[OutputDialect, ...] = ()
    linear: tuple[LinearRule, ...] = ()
    line_time_nodes: tuple[str, ...] = ()
    readout_time_nodes: tuple[str, ...] = ()
    readout_mode_nodes: tuple[str, ...] = ()
    link_limits: tuple[LinkLimitDialect, ...] = ()
    packet_commands: tuple[str, ...] = ()
    packet_switches: tuple[str, ...] = ()
