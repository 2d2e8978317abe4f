"""Shutter modes: the nodes that put a sensor into global reset.

Their names are those of :mod:`drivers.genicam.makers`.

The mode node proves nothing. Some sensors use global reset whenever they are
triggered although the node reads rolling; some ignore the setting. Only images
prove the mode (see the calibration of the line time).

No function here locks: the caller holds its camera's lock (see :mod:`drivers.genicam.nodes`).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from drivers.camera_settings import ShutterMode, TriggerSource
from drivers.errors import ShutterUnavailableError
from drivers.genicam import nodes, trigger
from drivers.genicam.makers.dialect import MakerDialect
from drivers.genicam.makers.table import MAKERS
from drivers.genicam.nodes import NodeMap, Step
from drivers.genicam.trigger import TriggerRequest, TriggerState


@dataclass(frozen=True, slots=True)
class _Spelling:
    """One way to name the modes: ``node`` takes one of ``values`` for each mode."""

    node: str
    values: Mapping[ShutterMode, tuple[str, ...]]


def _spellings() -> tuple[_Spelling, ...]:
    """Every node of every maker with every value of every maker: cameras combine them freely."""
    values: dict[ShutterMode, list[str]] = {
        ShutterMode.GLOBAL_RESET: [],
        ShutterMode.ROLLING: [],
        ShutterMode.GLOBAL: [],
    }
    for maker in MAKERS:
        values[ShutterMode.GLOBAL_RESET] += maker.global_reset
        values[ShutterMode.ROLLING] += maker.rolling
        values[ShutterMode.GLOBAL] += maker.global_shutter
    modes = {mode: tuple(dict.fromkeys(names)) for mode, names in values.items()}
    switch = {ShutterMode.GLOBAL_RESET: ("true",), ShutterMode.ROLLING: ("false",)}
    enumerations = dict.fromkeys(node for maker in MAKERS for node in maker.shutter_nodes)
    switches = dict.fromkeys(node for maker in MAKERS for node in maker.shutter_switches)
    return (
        *(_Spelling(node, modes) for node in enumerations),
        *(_Spelling(node, switch) for node in switches),
    )


_SPELLINGS = _spellings()


@dataclass(frozen=True, slots=True)
class ShutterOffer:
    """One mode of a camera, the node and value that set it, and its condition."""

    mode: ShutterMode
    node: str
    value: str
    available_now: bool
    condition: str = ""
    caution: str = ""


@dataclass(frozen=True, slots=True)
class ShutterCapabilities:
    """Shutter modes of a camera; ``found`` are the shutter nodes that exist and their values."""

    offers: tuple[ShutterOffer, ...]
    looked_for: tuple[str, ...]
    found: Mapping[str, tuple[str, ...]]

    @property
    def modes(self) -> tuple[ShutterMode, ...]:
        """Modes the camera has in some state, each once."""
        return tuple(dict.fromkeys(offer.mode for offer in self.offers))

    def offer(self, mode: ShutterMode) -> ShutterOffer | None:
        """How to set ``mode`` on this camera; None if it has no such mode."""
        return next((offer for offer in self.offers if offer.mode is mode), None)

    def explain(self) -> str:
        """Text of the nodes searched for and the values of those that exist."""
        found = "; ".join(
            f"{node} offers {', '.join(values) or 'nothing'}" for node, values in self.found.items()
        )
        return f"looked for nodes {', '.join(self.looked_for)}: {found or 'the camera has none'}"


@dataclass(frozen=True, slots=True)
class ShutterReport:
    """What :func:`apply` wrote and what the camera reads back afterwards."""

    mode: ShutterMode
    node: str
    value: str
    trigger: TriggerState
    steps: tuple[Step, ...]
    warnings: tuple[str, ...]


def probe(node_map: NodeMap, custom: tuple[str, str] | None = None) -> ShutterCapabilities:
    """Which shutter modes the camera has; changes nothing on the device.

    ``custom`` is the node and value of global reset on a camera of an unknown
    maker; it is searched first. A custom node that the camera lacks raises
    :class:`SettingRefusedError` with the nearest names.
    """
    spellings = _SPELLINGS if custom is None else (_custom(node_map, *custom), *_SPELLINGS)
    offers: dict[tuple[ShutterMode, str], ShutterOffer] = {}
    found: dict[str, tuple[str, ...]] = {}
    for spelling in spellings:
        node = nodes.lookup(node_map, spelling.node)
        if not nodes.is_implemented(node):
            continue
        offered = found[spelling.node] = nodes.values_of(node)
        for mode, wanted in spelling.values.items():
            value = _offered_value(offered, wanted)
            if value is not None:
                offers.setdefault((mode, spelling.node), _offer(node, spelling.node, mode, value))
    looked_for = tuple(dict.fromkeys(spelling.node for spelling in spellings))
    return ShutterCapabilities(tuple(offers.values()), looked_for, found)


def read_mode(node_map: NodeMap, custom: tuple[str, str] | None = None) -> ShutterMode:
    """The mode that the mode nodes read now; UNKNOWN if no known node gives one.

    If nodes disagree, global reset is returned: a Basler ace may read rolling
    while its global-reset switch is on.
    """
    said = []
    for offer in probe(node_map, custom).offers:
        node = nodes.lookup(node_map, offer.node)
        if nodes.text_if_readable(node) == offer.value:
            said.append(offer.mode)
    if ShutterMode.GLOBAL_RESET in said:
        return ShutterMode.GLOBAL_RESET
    return said[0] if said else ShutterMode.UNKNOWN


def apply(
    node_map: NodeMap,
    mode: ShutterMode,
    request: TriggerRequest,
    custom: tuple[str, str] | None = None,
) -> ShutterReport:
    """Set trigger, then shutter mode, of a stopped camera, and read everything back.

    The trigger comes first because many cameras offer global reset only while it
    is on. Raises :class:`ShutterUnavailableError` naming the nodes searched for and
    their values, if possible before anything is changed, and
    :class:`SettingRefusedError` if the trigger is not available.
    """
    before = probe(node_map, custom)
    if before.offer(mode) is None:
        raise ShutterUnavailableError(
            f"this camera offers no {_spoken(mode)} shutter; {before.explain()}; "
            f"{_other_shutter_nodes(node_map, before)}"
            "if the maker has its own name for it, give node and value"
        )
    triggered = trigger.configure(node_map, request)
    offer = _available_offer(node_map, mode, custom, triggered.state)
    steps = [nodes.put(node_map, offer.node, offer.value)]
    steps += _follow_by_switches(node_map, offer.node, mode)
    for step in steps:
        if step.read_back != step.asked:
            raise ShutterUnavailableError(
                f"{step.node} was set to {step.asked} but reads back {step.read_back}; "
                f"{before.explain()}"
            )
    state = trigger.read(node_map)
    warnings = [*triggered.warnings]
    if (state.source, state.signal) != (triggered.state.source, triggered.state.signal):
        warnings.append(
            f"setting the shutter changed the trigger from {triggered.state.source} "
            f"to {state.source}"
        )
    if offer.caution and (mode is ShutterMode.GLOBAL_RESET or state.source != TriggerSource.OFF):
        warnings.append(offer.caution)
    return ShutterReport(
        mode=read_mode(node_map, custom),
        node=offer.node,
        value=steps[0].read_back,
        trigger=state,
        steps=(*triggered.steps, *steps),
        warnings=tuple(warnings),
    )


def _available_offer(
    node_map: NodeMap, mode: ShutterMode, custom: tuple[str, str] | None, state: TriggerState
) -> ShutterOffer:
    """The offer of ``mode`` that is available now that the trigger is set."""
    capabilities = probe(node_map, custom)
    for offer in capabilities.offers:
        if offer.mode is mode and offer.available_now:
            return offer
    wanted = next(offer for offer in capabilities.offers if offer.mode is mode)
    raise ShutterUnavailableError(
        f"{wanted.node} = {wanted.value} cannot be set now "
        f"({wanted.condition or 'locked in the present state'}; trigger source: {state.source}); "
        f"stop the acquisition and choose a trigger; {capabilities.explain()}"
    )


def _follow_by_switches(node_map: NodeMap, node: str, mode: ShutterMode) -> list[Step]:
    """Set the switches that some models have beside the mode ``node``."""
    steps = []
    for name in (name for maker in MAKERS for name in maker.shutter_switches if name != node):
        switch = nodes.find(node_map, name)
        if switch is not None and nodes.is_writable(switch):
            steps.append(nodes.put(node_map, name, mode is ShutterMode.GLOBAL_RESET))
    return steps


def _offered_value(offered: tuple[str, ...], wanted: tuple[str, ...]) -> str | None:
    """The camera's spelling of the first of ``wanted`` that it offers.

    A node without a list of values, such as a text, takes the first as it is.
    """
    if not offered:
        return wanted[0]
    spelled = {_plain(value): value for value in offered}
    return next((spelled[_plain(value)] for value in wanted if _plain(value) in spelled), None)


def _offer(node: nodes.Node, name: str, mode: ShutterMode, value: str) -> ShutterOffer:
    maker = _maker_of(name, mode, value)
    condition = caution = ""
    if maker is not None and mode is ShutterMode.GLOBAL_RESET:
        condition, caution = maker.condition, maker.caution
    elif maker is not None and mode is ShutterMode.ROLLING:
        caution = maker.rolling_caution
    return ShutterOffer(mode, name, value, nodes.takes_now(node, value), condition, caution)


def _maker_of(node: str, mode: ShutterMode, value: str) -> MakerDialect | None:
    """The first maker that uses this node with this value, else that uses the node."""
    users = [maker for maker in MAKERS if node in (*maker.shutter_nodes, *maker.shutter_switches)]
    for maker in users:
        values = maker.global_reset if mode is ShutterMode.GLOBAL_RESET else maker.rolling
        if node in maker.shutter_switches or _plain(value) in map(_plain, values):
            return maker
    return next(iter(users), None)


def _custom(node_map: NodeMap, name: str, value: str) -> _Spelling:
    """The user's node; the names of its other values tell their modes."""
    node = nodes.require_implemented(node_map, name)
    values = {ShutterMode.GLOBAL_RESET: (value,)}
    for other in nodes.values_of(node):
        for mode, word in ((ShutterMode.ROLLING, "rolling"), (ShutterMode.GLOBAL, "global")):
            if word in other.lower() and "reset" not in other.lower() and other != value:
                values.setdefault(mode, (other,))
    return _Spelling(name, values)


def _other_shutter_nodes(node_map: NodeMap, capabilities: ShutterCapabilities) -> str:
    """For the error text if no known node exists: nodes with shutter-like names."""
    if capabilities.found:
        return ""
    found = [
        f"{name} (offers {', '.join(values)})"
        for name, node in nodes.implemented_features(node_map)
        if re.search("shutter|globalreset", name.lower()) and (values := nodes.values_of(node))
    ]
    return f"its other shutter nodes: {', '.join(found)}; " if found else ""


def _plain(value: str) -> str:
    """A name for comparison: makers write GlobalResetRelease or "Global Reset Release"."""
    return re.sub(r"[\s_]", "", value).lower()


def _spoken(mode: ShutterMode) -> str:
    return mode.value.replace("_", " ")
