"""Trigger generators inside cameras: timers, counters and makers' own.

A generator is usable if ``TriggerSource`` offers its signal and the nodes that
set its rate exist. A timer or counter must also be able to restart itself, else
it gives one pulse only. Times are microseconds (SFNC 2.7, "Counter and Timer
Control").
"""

import re
from dataclasses import dataclass

from drivers.camera_settings import NumericControl
from drivers.genicam import nodes
from drivers.genicam.makers.dialect import GeneratorDialect, RateUnit
from drivers.genicam.makers.table import MAKERS, STANDARD
from drivers.genicam.nodes import NodeMap, Step

GENERATORS = tuple(generator for maker in (*MAKERS[1:], STANDARD) for generator in maker.generators)
"""A maker's own generators come first: they take less than the standard's timer."""


@dataclass(frozen=True, slots=True)
class InternalTrigger:
    """One usable generator of one camera; ``signal`` is its name in TriggerSource."""

    dialect: GeneratorDialect
    signal: str
    instance: str

    @property
    def keeps_frame_rate(self) -> bool:
        """Whether its rate is the camera's own frame rate."""
        return self.dialect.rate_unit is RateUnit.FREQUENCY_HZ

    def start(self, node_map: NodeMap, rate_hz: float | None) -> tuple[Step, ...]:
        """Set the rate (None: keep it) and start the generator; returns the writes.

        A timer without a trigger source starts when it is reset. Only then is it
        set to restart itself. With a trigger source set, a reset would only arm
        it (SFNC 2.7, TimerReset), and there would be no first pulse.
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
            steps.append(self._set_rate(node_map, rate_hz))
        if self.dialect.start_command is not None:
            command = nodes.find(node_map, self.dialect.start_command)
            if command is not None:
                steps.append(nodes.put(node_map, nodes.name_of(command), "execute"))
        restart = _first_offering(node_map, self.dialect.restart_nodes, self.signal)
        if restart is not None:
            steps.append(nodes.put(node_map, restart, self.signal))
        return tuple(steps)

    def refuse_beforehand(self, node_map: NodeMap, rate_hz: float) -> None:
        """Raise :class:`SettingRefusedError` if the rate is known to be out of range.

        The true range of the frame rate is known only when it is in use: no check then.
        """
        if not self.keeps_frame_rate and nodes.find(node_map, *self.dialect.rate_nodes):
            self.rate_control(node_map).check("trigger rate", rate_hz)

    def set_rate_hz(self, node_map: NodeMap, rate_hz: float) -> float:
        """Set the rate, return it read back; raises :class:`SettingRefusedError` with limits."""
        self._select(node_map)
        self._set_rate(node_map, rate_hz)
        return self._rate_hz(node_map)

    def read_rate_hz(self, node_map: NodeMap) -> float:
        """The present rate in Hz; selects the generator if another one is selected."""
        self._select(node_map)
        return self._rate_hz(node_map)

    def rate_control(self, node_map: NodeMap) -> NumericControl:
        """Range of the rate in Hz as the device states it now."""
        self._select(node_map)
        control = nodes.control_of(self._rate_node(node_map), self.dialect.rate_unit.value)
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

    def _rate_node(self, node_map: NodeMap) -> nodes.Node:
        return nodes.require(node_map, *self.dialect.rate_nodes)

    def _delay_us(self, node_map: NodeMap) -> float:
        delay = nodes.find(node_map, *self.dialect.delay_nodes)
        return 0.0 if delay is None else nodes.read_number(delay)

    def _rate_hz(self, node_map: NodeMap) -> float:
        value = nodes.read_number(self._rate_node(node_map))
        if self.keeps_frame_rate:
            return value
        return _rate_hz(value + self._delay_us(node_map))

    def _set_rate(self, node_map: NodeMap, rate_hz: float) -> Step:
        name = nodes.name_of(self._rate_node(node_map))
        self.rate_control(node_map).check("trigger rate", rate_hz)
        value = rate_hz
        if not self.keeps_frame_rate:
            value = 1e6 / rate_hz - self._delay_us(node_map)
            control = nodes.control_of(self._rate_node(node_map), "us")
            value = control.nearest(value)
        unit = self.dialect.rate_unit.value
        read_back = nodes.set_number(node_map, (name,), value, "trigger period or rate", unit)
        return Step(name, f"{value:.7g}", f"{read_back:.7g}")


def find_internal_triggers(
    node_map: NodeMap, offered: tuple[str, ...]
) -> tuple[InternalTrigger, ...]:
    """Generators that can be one of the ``offered`` trigger sources, in order of GENERATORS.

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
    if not any(nodes.is_implemented(nodes.lookup(node_map, name)) for name in dialect.rate_nodes):
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
    """Frequency of a period; a period of 0, which some devices allow, counts as 1 us."""
    return 1e6 / max(period_us, 1.0)
