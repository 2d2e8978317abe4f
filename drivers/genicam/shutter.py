"""Shutter modes: the nodes that put a sensor into global reset, by maker.

The mode node proves nothing. Some sensors use global reset whenever they are
triggered although the node reads rolling; some ignore the setting. Only images
prove the mode (see the calibration of the line time).

No function here locks: the caller holds its camera's lock (see :mod:`drivers.genicam.nodes`).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from drivers.camera import ShutterMode, TriggerSource
from drivers.errors import ShutterUnavailableError
from drivers.genicam import nodes, trigger
from drivers.genicam.nodes import NodeMap, Step
from drivers.genicam.trigger import TriggerRequest, TriggerState


@dataclass(frozen=True, slots=True)
class ShutterDialect:
    """Makers' names of the shutter modes: ``node`` takes ``values[mode]``.

    ``node`` is an enumeration or a switch (``"true"`` / ``"false"``). ``companion``
    is a switch that some models also need for global reset. ``condition`` is a text
    on when global reset is available, ``caution`` what else to know of it,
    ``rolling_caution`` what to know of rolling shutter while triggered.
    """

    makers: str
    node: str
    values: Mapping[ShutterMode, str]
    companion: str | None = None
    condition: str = ""
    caution: str = ""
    rolling_caution: str = ""


WHILE_TRIGGERED = "offered only while the trigger is on"
WHILE_STOPPED = "changed only while no frames are acquired"
IMX_ALWAYS_RESETS = (
    "sensors such as IMX290 and IMX236 do global reset whenever they are triggered, "
    "even if the node says otherwise"
)

DIALECTS: tuple[ShutterDialect, ...] = (
    ShutterDialect(
        makers="SFNC: FLIR / Teledyne, IDS, Allied Vision GigE, Daheng, Basler dart, Hikrobot",
        node="SensorShutterMode",
        values={
            ShutterMode.GLOBAL_RESET: "GlobalReset",
            ShutterMode.ROLLING: "Rolling",
            ShutterMode.GLOBAL: "Global",
        },
        condition=WHILE_TRIGGERED,
    ),
    ShutterDialect(
        makers="Allied Vision Alvium",
        node="SensorShutterMode",
        values={
            ShutterMode.GLOBAL_RESET: "GlobalResetShutter",
            ShutterMode.ROLLING: "RollingShutter",
            ShutterMode.GLOBAL: "GlobalShutter",
        },
        condition=WHILE_TRIGGERED,
        caution="a smaller region is not read faster in this mode",
    ),
    ShutterDialect(
        makers="Basler ace (USB, GigE, Camera Link)",
        node="ShutterMode",
        values={
            ShutterMode.GLOBAL_RESET: "GlobalResetRelease",
            ShutterMode.ROLLING: "Rolling",
            ShutterMode.GLOBAL: "Global",
        },
        companion="GlobalResetReleaseModeEnable",
        condition=WHILE_STOPPED,
    ),
    ShutterDialect(
        makers="Basler ace, two models without ShutterMode",
        node="GlobalResetReleaseModeEnable",
        values={ShutterMode.GLOBAL_RESET: "true", ShutterMode.ROLLING: "false"},
        condition=WHILE_STOPPED,
    ),
    ShutterDialect(
        makers="Hikrobot",
        node="ShutterMode",
        values={
            ShutterMode.GLOBAL_RESET: "GlobalReset",
            ShutterMode.ROLLING: "Rolling",
            ShutterMode.GLOBAL: "Global",
        },
        condition=WHILE_TRIGGERED,
    ),
    ShutterDialect(
        makers="Balluff / MATRIX VISION",
        node="mvShutterMode",
        values={
            ShutterMode.GLOBAL_RESET: "mvGlobalReset",
            ShutterMode.ROLLING: "mvRollingShutter",
            ShutterMode.GLOBAL: "mvGlobalShutter",
        },
        condition=WHILE_TRIGGERED,
        rolling_caution=(
            "any trigger makes this sensor do global reset, even if the node says rolling"
        ),
    ),
    ShutterDialect(
        makers="The Imaging Source",
        node="TriggerOperation",
        values={ShutterMode.GLOBAL_RESET: "GlobalResetRelease"},
        condition=WHILE_TRIGGERED,
        rolling_caution=IMX_ALWAYS_RESETS,
    ),
    ShutterDialect(
        makers="The Imaging Source",
        node="TriggerGlobalResetRelease",
        values={ShutterMode.GLOBAL_RESET: "true", ShutterMode.ROLLING: "false"},
        condition=WHILE_TRIGGERED,
        rolling_caution=IMX_ALWAYS_RESETS,
    ),
)


@dataclass(frozen=True, slots=True)
class ShutterOffer:
    """One mode of a camera, the node and value that set it, and its condition."""

    mode: ShutterMode
    node: str
    value: str
    available_now: bool
    condition: str = ""
    caution: str = ""
    companion: str | None = None


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
    dialects = DIALECTS if custom is None else (_custom_dialect(node_map, *custom), *DIALECTS)
    offers: dict[tuple[ShutterMode, str], ShutterOffer] = {}
    found: dict[str, tuple[str, ...]] = {}
    for dialect in dialects:
        node = nodes.lookup(node_map, dialect.node)
        if not nodes.is_implemented(node):
            continue
        values = found[dialect.node] = nodes.values_of(node)
        for mode, wanted in dialect.values.items():
            value = next((value for value in values if _plain(value) == _plain(wanted)), None)
            if not values:
                value = wanted
            if value is not None:
                offers.setdefault((mode, dialect.node), _offer(node, dialect, mode, value))
    looked_for = tuple(dict.fromkeys(dialect.node for dialect in dialects))
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
    companion = nodes.find(node_map, offer.companion) if offer.companion else None
    if companion is not None and nodes.is_writable(companion):
        wanted = mode is ShutterMode.GLOBAL_RESET
        steps.append(nodes.put(node_map, nodes.name_of(companion), wanted))
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


def _offer(
    node: nodes.Node, dialect: ShutterDialect, mode: ShutterMode, value: str
) -> ShutterOffer:
    is_reset = mode is ShutterMode.GLOBAL_RESET
    is_rolling = mode is ShutterMode.ROLLING
    return ShutterOffer(
        mode=mode,
        node=dialect.node,
        value=value,
        available_now=nodes.takes_now(node, value),
        condition=dialect.condition if is_reset else "",
        caution=dialect.caution if is_reset else dialect.rolling_caution if is_rolling else "",
        companion=dialect.companion,
    )


def _custom_dialect(node_map: NodeMap, name: str, value: str) -> ShutterDialect:
    """The dialect of the user's node; the names of its other values tell their modes."""
    node = nodes.require_implemented(node_map, name)
    values = {ShutterMode.GLOBAL_RESET: value}
    for other in nodes.values_of(node):
        for mode, word in ((ShutterMode.ROLLING, "rolling"), (ShutterMode.GLOBAL, "global")):
            if word in other.lower() and "reset" not in other.lower() and other != value:
                values.setdefault(mode, other)
    return ShutterDialect("named by the user", name, values)


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
