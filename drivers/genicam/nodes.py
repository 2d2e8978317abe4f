"""Reading and writing GenApi nodes, the features of a device.

All access to a node map goes through this module. So GenApi's access modes,
interface types and exceptions are handled in one place, and every refusal reaches
the operator as one line with value, limit, unit and next step.

Node maps are not thread-safe: two threads on one map freeze the process. No
function here locks; the caller holds its camera's lock around every call.
Exceptions of the port (a lost device) pass through unchanged.
"""

import difflib
import math
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias, TypeVar

from genicam import genapi, gentl

from drivers.camera_settings import NumericControl
from drivers.errors import SettingRefusedError
from drivers.genicam.binding_errors import one_line

Value = TypeVar("Value")
Node: TypeAlias = Any
"""A typed GenApi node (IInteger, IFloat, IEnumeration ...); the binding carries no types."""


class NodeMap(Protocol):
    """The methods of ``genicam.genapi.NodeMap`` that are used here."""

    @property
    def nodes(self) -> Iterable[Node]:
        """Every node of the description, registers included."""

    def get_node(self, key: str) -> Node:
        """The node of that name; raises ``LogicalErrorException`` if there is none."""


@dataclass(frozen=True, slots=True)
class Step:
    """One write to the device: the node, the value asked for and the value read back."""

    node: str
    asked: str
    read_back: str


_READABLE = (genapi.EAccessMode.RO, genapi.EAccessMode.RW)
_WRITABLE = (genapi.EAccessMode.WO, genapi.EAccessMode.RW)
_ALIVE_NODE = "Width"
"""A register that every camera has and lets read at any time."""
_ALIVE_READS = 3
"""Reads that have to fail in turn: a single one is lost on a busy network now and then."""
_NUMBERS = (genapi.EInterfaceType.intfIInteger, genapi.EInterfaceType.intfIFloat)
_KINDS = {
    getattr(genapi.EInterfaceType, f"intfI{name.title()}"): name
    for name in (
        *("integer", "float", "boolean", "enumeration"),
        *("string", "command", "register", "category"),
    )
}
_ACCESS = {getattr(genapi.EAccessMode, name): name for name in ("RO", "RW", "WO", "NA", "NI")}
_TRUE = ("1", "true", "on", "yes")
_FALSE = ("0", "false", "off", "no")


def lookup(node_map: NodeMap, name: str) -> Node | None:
    """The node of that name in any state, None if the description has none.

    A heading is no feature: some descriptions have a category called Gain.
    """
    try:
        node = node_map.get_node(name)
    except (genapi.LogicalErrorException, genapi.AccessException):
        return None  # the latter of a producer's module that brings no description
    return None if _interface(node) == genapi.EInterfaceType.intfICategory else node


def find(node_map: NodeMap, *names: str) -> Node | None:
    """The first of ``names`` that is available now, else None."""
    for name in names:
        node = lookup(node_map, name)
        if node is not None and is_available(node):
            return node
    return None


def require(node_map: NodeMap, *names: str) -> Node:
    """Like :func:`find`; raises :class:`SettingRefusedError` with the reason if there is none."""
    node = find(node_map, *names)
    if node is not None:
        return node
    implemented = require_implemented(node_map, *names)
    raise SettingRefusedError(
        f"node {name_of(implemented)} is not available in the camera's present state; "
        "set what it depends on first, such as a mode, a selector or the trigger"
    )


def require_implemented(node_map: NodeMap, *names: str) -> Node:
    """The first of ``names`` the device has, available or not.

    Raises :class:`SettingRefusedError` with the nearest names where it has none.
    """
    for name in names:
        node = lookup(node_map, name)
        if is_implemented(node):
            return node
    suggestion = nearest_names(node_map, names[0])
    raise SettingRefusedError(
        f"the camera has no node {' or '.join(names)}; "
        + (
            f"did you mean {', '.join(suggestion)}?"
            if suggestion
            else "look up its name in the camera's manual"
        )
    )


def why_no_answer(node_map: NodeMap) -> str:
    """Why a register read no longer gets through to the device; empty while one does.

    The one sign of a lost camera. No frames for hours may be a trigger's doing, and what
    a producer says of the access status while we hold the device differs among them.
    """
    failure = ""
    for _ in range(_ALIVE_READS):
        try:
            # Past the cache: what was read before proves nothing.
            require(node_map, _ALIVE_NODE).get_value(False, True)
        except (SettingRefusedError, genapi.GenericException, gentl.GenericException) as error:
            failure = f"reading {_ALIVE_NODE}: {one_line(error)}"
        else:
            return ""
    return failure


def nearest_names(node_map: NodeMap, name: str) -> tuple[str, ...]:
    """Up to three names of implemented features that resemble ``name``, closest first."""
    by_lower_case = {found.lower(): found for found, _ in implemented_features(node_map)}
    close = difflib.get_close_matches(name.lower(), by_lower_case, n=3, cutoff=0.6)
    return tuple(by_lower_case[match] for match in close)


def implemented_features(node_map: NodeMap) -> Iterator[tuple[str, Node]]:
    """Name and node of every feature for users that the device has."""
    for node in node_map.nodes:
        if node.node.is_feature() and is_implemented(node):
            yield name_of(node), node


def name_of(node: Node) -> str:
    """The node's name as a person writes it, without its namespace."""
    return str(node.node.name)


def kind_of(node: Node) -> str:
    """What the node holds: ``integer``, ``enumeration``, ``category`` and so on."""
    return _KINDS.get(_interface(node), "other")


def access_of(node: Node) -> str:
    """Its access in the device's present state: ``RO``, ``RW``, ``WO``, ``NA`` or ``NI``."""
    return _ACCESS.get(node.get_access_mode(), "NA")


def is_implemented(node: Node | None) -> bool:
    """Whether the device has the feature at all, available now or not."""
    return node is not None and node.get_access_mode() != genapi.EAccessMode.NI


def is_available(node: Node) -> bool:
    """Whether the feature can be read or written in the device's present state."""
    return node.get_access_mode() in (*_READABLE, *_WRITABLE)


def is_readable(node: Node) -> bool:
    """Whether the feature can be read now."""
    return node.get_access_mode() in _READABLE


def is_writable(node: Node) -> bool:
    """Whether the feature can be written now."""
    return node.get_access_mode() in _WRITABLE


def symbolics(node: Node) -> tuple[str, ...]:
    """Values an enumeration offers now, in the order of the description."""
    return tuple(entry.symbolic for entry in node.entries if is_available(entry))


def implemented_symbolics(node: Node) -> tuple[str, ...]:
    """Values an enumeration offers now or in another state of the device."""
    return tuple(entry.symbolic for entry in node.entries if is_implemented(entry))


def offered(node_map: NodeMap, name: str) -> tuple[str, ...]:
    """Values of an enumeration in any state of the device; empty where it is not implemented."""
    node = lookup(node_map, name)
    return implemented_symbolics(node) if is_implemented(node) else ()


def values_of(node: Node) -> tuple[str, ...]:
    """Values of an enumeration or a switch in any state of the device; empty for other nodes."""
    if _interface(node) == genapi.EInterfaceType.intfIEnumeration:
        return implemented_symbolics(node)
    return ("true", "false") if _interface(node) == genapi.EInterfaceType.intfIBoolean else ()


def takes_now(node: Node, value: str) -> bool:
    """Whether the node can be written now and, if an enumeration, offers ``value`` now."""
    if _interface(node) == genapi.EInterfaceType.intfIEnumeration:
        return is_writable(node) and value in symbolics(node)
    return is_writable(node)


def read_text(node: Node) -> str:
    """The node's value as text, read from the device rather than from GenApi's cache.

    A switch reads ``true`` or ``false``. An enumeration value without a name in the
    description reads as its number. A float reads with the seven digits of single
    precision, even if the description displays fewer.
    """
    kind = _interface(node)
    if kind == genapi.EInterfaceType.intfIFloat:
        return f"{read_number(node):.7g}"
    with _refusals(node, "be read"):
        if kind == genapi.EInterfaceType.intfIEnumeration:
            number = node.get_int_value(False, True)
            names = (entry.symbolic for entry in node.entries if entry.numeric_value == number)
            return str(next(names, number))
        text = str(node.to_string(False, True))
    if kind == genapi.EInterfaceType.intfIBoolean:
        return "true" if text == "1" else "false"
    return text


def read_number(node: Node) -> float:
    """The value of an integer or float node, read from the device."""
    with _refusals(node, "be read"):
        return float(node.get_value(False, True))


def number_if_readable(node: Node | None) -> float | None:
    """:func:`read_number`, or None where there is none: it costs this node, not the camera."""
    return _if_readable(node, read_number, None)


def text_if_readable(node: Node | None) -> str:
    """:func:`read_text`, or empty where there is none: it costs this node, not the camera."""
    return _if_readable(node, read_text, "")


def number_of(node_map: NodeMap, *names: str) -> float | None:
    """The number of the first of ``names`` that is available now; None where there is none."""
    return number_if_readable(find(node_map, *names))


def text_of(node_map: NodeMap, *names: str) -> str:
    """The text of the first of ``names`` that is available now; empty where there is none."""
    return text_if_readable(find(node_map, *names))


def _if_readable(node: Node | None, read: Callable[[Node], Value], otherwise: Value) -> Value:
    if node is None:
        return otherwise
    try:
        return read(node) if is_readable(node) else otherwise
    except SettingRefusedError:
        return otherwise
    except gentl.GenericException:
        if why_no_answer(node.node.node_map):
            raise
        return otherwise  # the device answers: this register it has not


def control_of(node: Node, unit: str) -> NumericControl:
    """Range and increment of an integer or float node as the device states them now.

    An increment of 0 means that any value in the range is allowed.
    """
    with _refusals(node, "tell its range"):
        fixed = node.inc_mode == genapi.EIncMode.fixedIncrement
        return NumericControl(
            minimum=float(node.min),
            maximum=float(node.max),
            increment=float(node.inc) if fixed else 0.0,
            unit=unit,
        )


def control_if_number(node: Node, unit: str = "") -> NumericControl | None:
    """:func:`control_of` for an integer or float node, None for any other."""
    return control_of(node, unit) if _interface(node) in _NUMBERS else None


def selectors_of(node: Node) -> tuple[Node, ...]:
    """Enumerations that select this node, by the description, and are writable now."""
    return tuple(
        selector
        for selector in node.node.selecting_features
        if _interface(selector) == genapi.EInterfaceType.intfIEnumeration
        and is_writable(selector)
        and is_readable(selector)
    )


def selects(node: Node) -> bool:
    """Whether this node selects others, by the description."""
    return bool(node.node.selected_features)


def numeric_control(node_map: NodeMap, *names: str, unit: str) -> NumericControl | None:
    """Range of the first available node of ``names``; None where the camera tells none."""
    return _if_readable(find(node_map, *names), lambda node: control_of(node, unit), None)


def set_number(
    node_map: NodeMap, names: tuple[str, ...], value: float, name_for_people: str, unit: str
) -> float:
    """Set the first available node of ``names`` and return the value read back.

    A float is rounded to the nearest value on its grid, as devices do. An integer
    off its grid is refused, because a region or a count must be exact. Raises
    :class:`SettingRefusedError` with the limits.
    """
    node = require(node_map, *names)
    require_writable(node)
    control = control_of(node, unit)
    control.check(name_for_people, value)
    if _interface(node) == genapi.EInterfaceType.intfIInteger:
        _check_on_grid(control, name_for_people, value)
        write(node, int(value))
    else:
        write(node, control.nearest(value))
    return read_number(node) if is_readable(node) else value


def set_choice(
    node_map: NodeMap, names: tuple[str, ...], symbolic: str, name_for_people: str
) -> str:
    """Set the first available enumeration of ``names`` and return the value read back.

    Raises :class:`SettingRefusedError` naming what is offered.
    """
    node = require(node_map, *names)
    if _interface(node) != genapi.EInterfaceType.intfIEnumeration:
        raise SettingRefusedError(
            f"node {name_of(node)} offers no choice of values; name an enumeration"
        )
    offers = symbolics(node)
    if symbolic not in offers:
        later = symbolic in implemented_symbolics(node)
        raise SettingRefusedError(
            f"{name_for_people} {symbolic} is not offered by node {name_of(node)}"
            f"{' in the present state' if later else ''}; "
            f"choose from: {', '.join(offers) or 'nothing at present'}"
        )
    require_writable(node)
    write(node, symbolic)
    return read_text(node) if is_readable(node) else symbolic


def set_node_text(node_map: NodeMap, name: str, text: str) -> str:
    """Set any node from text and return its value read back as text.

    Numbers are decimal or 0x hexadecimal. Switches are true/false, on/off, yes/no
    or 1/0. A command takes ``execute`` and returns an empty text. Raises
    :class:`SettingRefusedError` for an unknown, unavailable or locked node, an
    unknown choice, a number out of range or a text that is no number.
    """
    node = require(node_map, name)
    kind = _interface(node)
    if kind == genapi.EInterfaceType.intfIEnumeration:
        return set_choice(node_map, (name,), text, "value")
    if kind in _NUMBERS:
        set_number(node_map, (name,), _number(name, text), name, _unit_of(node))
        return read_text(node) if is_readable(node) else text
    require_writable(node)
    if kind == genapi.EInterfaceType.intfIBoolean:
        write(node, _switch(name, text))
    elif kind == genapi.EInterfaceType.intfIString:
        _check_length(node, text)
        write(node, text)
    elif kind == genapi.EInterfaceType.intfICommand:
        if text.lower() not in ("execute", *_TRUE):
            raise SettingRefusedError(f"node {name} is a command; write {name}=execute")
        execute(node)
        return ""
    else:
        raise SettingRefusedError(f"node {name} holds no single value; name a feature inside it")
    return read_text(node) if is_readable(node) else text


def put(node_map: NodeMap, name: str, value: float | bool | str) -> Step:
    """Set a node of any type as :func:`set_node_text` does; returns the write as a step."""
    text = str(value).lower() if isinstance(value, bool) else f"{value}"
    return Step(name, text, set_node_text(node_map, name, text))


def require_writable(node: Node) -> None:
    """Raise :class:`SettingRefusedError` unless the node can be written now."""
    if not is_writable(node):
        raise SettingRefusedError(
            f"node {name_of(node)} cannot be written in the camera's present state; "
            "stop the acquisition, or set what locks it (an automatic, a mode) first"
        )


def write(node: Node, value: float | bool | str) -> None:
    """Write a value of the node's own type; a refusal becomes :class:`SettingRefusedError`."""
    with _refusals(node, f"take {value}"):
        node.value = value


def execute(node: Node) -> None:
    """Execute a command node; does not wait until it is done."""
    with _refusals(node, "be executed"):
        node.execute()


@contextmanager
def _refusals(node: Node, what: str) -> Iterator[None]:
    """Turn GenApi's own exceptions, and only those, into one line for the operator."""
    try:
        yield
    except genapi.GenericException as refusal:
        reason = re.split(r"[. ]*: \w+ thrown in node", str(refusal))[0]
        raise SettingRefusedError(
            f"node {name_of(node)} cannot {what}: {reason}; read its state and range again"
        ) from refusal


def _interface(node: Node) -> int:
    return int(node.node.principal_interface_type)


def _unit_of(node: Node) -> str:
    return str(node.unit) if hasattr(node, "unit") else ""


def _check_on_grid(control: NumericControl, name_for_people: str, value: float) -> None:
    step = control.increment or 1.0
    if (value - control.minimum) % step == 0:
        return
    nearest = control.nearest(value)
    below = nearest if nearest < value else nearest - step
    neighbours = [f"{edge:.10g}" for edge in (below, below + step) if edge <= control.maximum]
    raise SettingRefusedError(
        f"{name_for_people} {value:.10g} {control.unit} is no step of {step:.10g} {control.unit} "
        f"from {control.minimum:.10g}; nearest: {', '.join(neighbours)}"
    )


def _number(name: str, text: str) -> float:
    try:
        value = int(text, 16) if text.lower().startswith("0x") else _exact(text)
    except ValueError:
        raise SettingRefusedError(
            f"'{text}' is no number; node {name} takes a decimal or 0x hexadecimal number"
        ) from None
    # What no register holds need not be exact; Python cannot even print it as a float.
    return math.inf if isinstance(value, int) and abs(value) >= 2**64 else value


def _exact(text: str) -> float:
    """The number as int if the text is an integer: a float would round 64-bit registers."""
    try:
        return int(text)
    except ValueError:
        return float(text)


def _switch(name: str, text: str) -> bool:
    if text.lower() in _TRUE:
        return True
    if text.lower() in _FALSE:
        return False
    raise SettingRefusedError(f"'{text}' is no switch position; node {name} takes true or false")


def _check_length(node: Node, text: str) -> None:
    limit = int(node.max_length)
    if len(text) > limit:
        raise SettingRefusedError(
            f"text of {len(text)} characters is longer than the {limit} characters of "
            f"node {name_of(node)}; shorten it"
        )
