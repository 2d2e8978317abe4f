"""The linear, fixed state of a camera, in which its codes are linear in the light.

Gamma, look-up tables, automatics, sharpening and the like change the relation
between light and code, and some cameras power up with them on. The tables of
:mod:`drivers.genicam.makers` list what is set. What cannot be set becomes a warning.

No function here locks: the caller holds its camera's lock (see :mod:`drivers.genicam.nodes`).
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

from drivers.errors import SettingRefusedError
from drivers.genicam import nodes
from drivers.genicam.makers.dialect import MINIMUM
from drivers.genicam.makers.table import MAKERS
from drivers.genicam.nodes import Node, NodeMap

RULES = tuple(rule for maker in MAKERS for rule in maker.linear)


@dataclass(frozen=True, slots=True)
class LinearReport:
    """``changed``: (node, value before, value read back); a selected node as ``Node[value]``."""

    changed: tuple[tuple[str, str, str], ...]
    warnings: tuple[str, ...]


def make_linear(node_map: NodeMap) -> LinearReport:
    """Put a stopped camera into the linear, fixed state, and read every value back.

    Call it after trigger and shutter are set, because some nodes exist only then.
    A refusal by the camera is not raised: it becomes a warning with the value that
    stays. Selectors are restored.
    """
    changed: list[tuple[str, str, str]] = []
    warnings: list[str] = []
    for rule in RULES:
        if rule.moot is not None and _reads(node_map, *rule.moot):
            continue
        for name in rule.nodes:
            try:
                _apply_rule(node_map, name, rule.wanted, changed, warnings)
            except SettingRefusedError as refusal:
                warnings.append(f"{name} stays as it is: {refusal}")
    return LinearReport(tuple(changed), tuple(warnings))


def _apply_rule(
    node_map: NodeMap,
    name: str,
    wanted: tuple[str, ...],
    changed: list[tuple[str, str, str]],
    warnings: list[str],
) -> None:
    node = nodes.lookup(node_map, name)
    if node is None:
        return
    for selected in _visit(nodes.selectors_of(node)):
        if not nodes.is_readable(node):
            continue
        label = f"{name}[{', '.join(selected)}]" if selected else name
        was = nodes.read_text(node)
        now, refusal = _settle(node_map, name, was, wanted)
        if now != was:
            changed.append((label, was, now))
        if refusal:
            warnings.append(f"{label} stays {now}: {refusal}")


def _settle(node_map: NodeMap, name: str, was: str, wanted: tuple[str, ...]) -> tuple[str, str]:
    """Set the node to the first of ``wanted`` it offers; returns value read back and refusal."""
    node = nodes.require(node_map, name)
    if any(is_same_value(was, value) for value in wanted):
        return was, ""
    if not nodes.is_writable(node):
        return was, "it cannot be written in the camera's present state"
    value = _first_offered(node, wanted)
    if value is None or is_same_value(was, value):
        return was, "" if value else f"it offers no {' or '.join(wanted)}"
    try:
        now = nodes.set_node_text(node_map, name, value)
    except SettingRefusedError as refusal:
        return nodes.read_text(node), str(refusal)
    return now, "" if is_same_value(now, value) else f"it was set to {value}"


def _first_offered(node: Node, wanted: tuple[str, ...]) -> str | None:
    control = nodes.control_if_number(node)
    if control is not None:
        if MINIMUM in wanted:
            return f"{control.minimum}"
        within = (text for text in wanted if control.minimum <= float(text) <= control.maximum)
        return next(within, None)
    offered = {value.lower(): value for value in nodes.values_of(node)}
    return next((offered[text.lower()] for text in wanted if text.lower() in offered), None)


def is_same_value(read: str, wanted: str) -> bool:
    """Whether a value read is the one wanted; numbers within the device's own rounding.

    >>> is_same_value("8.0001", "8"), is_same_value("off", "Off"), is_same_value("On", "Off")
    (True, True, False)
    """
    try:
        return math.isclose(float(read), float(wanted), rel_tol=1e-3, abs_tol=1e-6)
    except ValueError:
        return read.lower() == wanted.lower()


def _visit(selectors: tuple[Node, ...]) -> Iterator[tuple[str, ...]]:
    """Select every combination in turn and yield its values; restore the selectors at the end."""
    if not selectors:
        yield ()
        return
    first, *others = selectors
    before = nodes.read_text(first)
    try:
        for value in nodes.symbolics(first):
            nodes.write(first, value)
            for rest in _visit(tuple(others)):
                yield (value, *rest)
    finally:
        nodes.write(first, before)


def _reads(node_map: NodeMap, name: str, value: str) -> bool:
    node = nodes.find(node_map, name)
    return nodes.text_if_readable(node) == value
