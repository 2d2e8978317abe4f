"""Trigger generators inside cameras, as data: timers, counters and makers' own.

A generator is usable where ``TriggerSource`` offers its signal and the nodes
that set its rhythm exist; a timer or counter must also be able to restart
itself, else it gives one pulse and no rhythm. Times are microseconds (SFNC 2.7,
"Counter and Timer Control").
"""

import re
from dataclasses import dataclass
from enum import Enum

from drivers.camera import NumericControl
from drivers.genicam import nodes
from drivers.genicam.nodes import NodeMap, Step


class RhythmNode(Enum):
    """What the node that sets the rhythm counts."""

    FREQUENCY_HZ = "Hz"
    PERIOD_US = "us"


@dataclass(frozen=True, slots=True)
class GeneratorDialect:
    """How one kind of generator is set going.

    ``signal`` is a pattern of the TriggerSource value; its first group names
    the instance for ``selector``. ``stop_nodes`` are set to Off first,
    ``required`` must be offered, and the first of ``restart_nodes`` to offer
    ``signal`` itself is set to it, so that the generator runs on.
    """

    name: str
    signal: str
    rhythm_nodes: tuple[str, ...]
    rhythm: RhythmNode
    selector: str | None = None
    stop_nodes: tuple[str, ...] = ()
    required: tuple[tuple[str, str], ...] = ()
    delay_nodes: tuple[str, ...] = ()
    start_command: str | None = None
    restart_nodes: tuple[str, ...] = ()


GENERATORS: tuple[GeneratorDialect, ...] = (
    GeneratorDialect(
        name="Basler periodic signal",
        signal=r"(PeriodicSignal\d+)",
        rhythm_nodes=("BslPeriodicSignalPeriod",),
        rhythm=RhythmNode.PERIOD_US,
        selector="BslPeriodicSignalSelector",
    ),
    GeneratorDialect(
        name="Allied Vision fixed rate",
        signal=r"(FixedRate)",
        rhythm_nodes=("AcquisitionFrameRateAbs", "AcquisitionFrameRate"),
        rhythm=RhythmNode.FREQUENCY_HZ,
    ),
    GeneratorDialect(
        name="SFNC timer",
        signal=r"(Timer\d+)End",
        rhythm_nodes=("TimerDuration", "TimerDurationAbs"),
        rhythm=RhythmNode.PERIOD_US,
        selector="TimerSelector",
        stop_nodes=("TimerTriggerSource",),
        delay_nodes=("TimerDelay", "TimerDelayAbs"),
        start_command="TimerReset",
        restart_nodes=("TimerTriggerSource",),
    ),
    GeneratorDialect(
        name="counter of a 1 MHz clock (FLIR / Teledyne)",
        signal=r"(Counter\d+)End",
        rhythm_nodes=("CounterDuration",),
        rhythm=RhythmNode.PERIOD_US,
        selector="CounterSelector",
        stop_nodes=("CounterTriggerSource", "CounterResetSource"),
        required=(("CounterEventSource", "MHzTick"),),
        delay_nodes=("CounterDelay",),
        start_command="CounterReset",
        restart_nodes=("CounterTriggerSource", "CounterResetSource"),
    ),
)


@dataclass(frozen=True, slots=True)
class InternalTrigger:
    """One usable generator of one camera; ``signal`` is its name in TriggerSource."""

    dialect: GeneratorDialect
    signal: str
    instance: str

    @property
    def keeps_frame_rate(self) -> bool:
        """Whether its rhythm is the camera's own frame rate."""
        return self.dialect.rhythm is RhythmNode.FREQUENCY_HZ

    def start(self, node_map: NodeMap, rate_hz: float | None) -> tuple[Step, ...]:
        """Set the rhythm (None: as it is) and let the generator run; returns the writes.

        A timer is reset while nothing triggers it, which starts it, and only
        then told to restart itself: with a trigger source set a reset would
        merely arm it (SFNC 2.7, TimerReset), and nothing would give the first
        pulse.
        """
        steps = [*self._select(node_map)]
        for name in self.dialect.stop_nodes:
            if "Off" in nodes.offered(node_map, name):
                steps.append(nodes.put(node_map, name, "Off"))
        for name, value in self.dialect.required:
            steps.append(nodes.put(node_map, name, value))
        delay = nodes.find(node_map, *self.dialect.delay_nodes)
        if delay is not None and nodes.is_writable(delay):
            shortest = nodes.control_of(delay, "us").minimum
            steps.append(nodes.put(node_map, nodes.name_of(delay), shortest))
        if rate_hz is not None:
            steps.append(self._set_rhythm(node_map, rate_hz))
        if self.dialect.start_command is not None:
            command = nodes.find(node_map, self.dialect.start_command)
            if command is not None:
                steps.append(nodes.put(node_map, nodes.name_of(command), "execute"))
        restart = _first_offering(node_map, self.dialect.restart_nodes, self.signal)
        if restart is not None:
            steps.append(nodes.put(node_map, restart, self.signal))
        return tuple(steps)

    def refuse_beforehand(self, node_map: NodeMap, rate_hz: float) -> None:
        """Raise :class:`SettingRefusedError` where the rate is already known to be out of range.

        A rhythm that is the frame rate has its true range only once it is in use.
        """
        if not self.keeps_frame_rate and nodes.find(node_map, *self.dialect.rhythm_nodes):
            self.rate_control(node_map).check("trigger rate", rate_hz)

    def set_rate_hz(self, node_map: NodeMap, rate_hz: float) -> float:
        """Change the rhythm and return it read back; :class:`SettingRefusedError` with limits."""
        self._select(node_map)
        self._set_rhythm(node_map, rate_hz)
        return self._rate_hz(node_map)

    def read_rate_hz(self, node_map: NodeMap) -> float:
        """The present rhythm in Hz; selects the generator where another one is selected."""
        self._select(node_map)
        return self._rate_hz(node_map)

    def rate_control(self, node_map: NodeMap) -> NumericControl:
        """Range of the rhythm in Hz as the device states it now."""
        self._select(node_map)
        control = nodes.control_of(self._rhythm_node(node_map), self.dialect.rhythm.value)
        if self.keeps_frame_rate:
            return control
        delay_us = self._delay_us(node_map)
        return NumericControl(
            minimum=_rate_hz(control.maximum + delay_us),
            maximum=_rate_hz(control.minimum + delay_us),
            increment=0.0,
            unit="Hz",
        )

    def _select(self, node_map: NodeMap) -> tuple[Step, ...]:
        if self.dialect.selector is None:
            return ()
        selector = nodes.find(node_map, self.dialect.selector)
        if selector is None or nodes.read_text(selector) == self.instance:
            return ()
        return (nodes.put(node_map, self.dialect.selector, self.instance),)

    def _rhythm_node(self, node_map: NodeMap) -> nodes.Node:
        return nodes.require(node_map, *self.dialect.rhythm_nodes)

    def _delay_us(self, node_map: NodeMap) -> float:
        delay = nodes.find(node_map, *self.dialect.delay_nodes)
        return 0.0 if delay is None else nodes.read_number(delay)

    def _rate_hz(self, node_map: NodeMap) -> float:
        value = nodes.read_number(self._rhythm_node(node_map))
        if self.keeps_frame_rate:
            return value
        return _rate_hz(value + self._delay_us(node_map))

    def _set_rhythm(self, node_map: NodeMap, rate_hz: float) -> Step:
        name = nodes.name_of(self._rhythm_node(node_map))
        self.rate_control(node_map).check("trigger rate", rate_hz)
        value = rate_hz
        if not self.keeps_frame_rate:
            value = 1e6 / rate_hz - self._delay_us(node_map)
            control = nodes.control_of(self._rhythm_node(node_map), "us")
            value = control.nearest(value)
        unit = self.dialect.rhythm.value
        read_back = nodes.set_number(node_map, (name,), value, "trigger period or rate", unit)
        return Step(name, f"{value:.7g}", f"{read_back:.7g}")


def find_internal_triggers(
    node_map: NodeMap, offered: tuple[str, ...]
) -> tuple[InternalTrigger, ...]:
    """Generators usable as one of the ``offered`` trigger sources, in order of GENERATORS.

    Reads only; nothing is selected or set.
    """
    found = []
    for dialect in GENERATORS:
        for signal in offered:
            match = re.fullmatch(dialect.signal, signal)
            if match and _usable(node_map, dialect, signal, match.group(1)):
                found.append(InternalTrigger(dialect, signal, match.group(1)))
    return tuple(found)


def _usable(node_map: NodeMap, dialect: GeneratorDialect, signal: str, instance: str) -> bool:
    if not any(nodes.is_implemented(nodes.lookup(node_map, name)) for name in dialect.rhythm_nodes):
        return False
    selector = nodes.lookup(node_map, dialect.selector) if dialect.selector else None
    if nodes.is_implemented(selector) and instance not in nodes.implemented_symbolics(selector):
        return False
    if any(value not in nodes.offered(node_map, name) for name, value in dialect.required):
        return False
    return (
        not dialect.restart_nodes
        or _first_offering(node_map, dialect.restart_nodes, signal) is not None
    )


def _first_offering(node_map: NodeMap, names: tuple[str, ...], value: str) -> str | None:
    return next((name for name in names if value in nodes.offered(node_map, name)), None)


def _rate_hz(period_us: float) -> float:
    """Frequency of a period; one of no length, which some devices allow, counts as 1 us."""
    return 1e6 / max(period_us, 1.0)
