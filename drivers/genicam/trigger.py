"""Triggers: what starts an exposure, and the nodes that set it, by maker.

Names are those of the GenICam Standard Features Naming Convention (SFNC 2.7,
"Trigger", "Counter and Timer Control") and of :mod:`drivers.genicam.makers`. No
function here locks: the caller holds its camera's lock (see :mod:`drivers.genicam.nodes`).
"""

from dataclasses import dataclass

from drivers.camera_settings import NumericControl, Trigger, TriggerSource
from drivers.errors import SettingRefusedError
from drivers.genicam import nodes
from drivers.genicam.internal_trigger import InternalTrigger, find_internal_triggers
from drivers.genicam.makers.dialect import TriggerDialect
from drivers.genicam.makers.table import MAKERS
from drivers.genicam.nodes import NodeMap, Step

FRAME_SELECTORS = ("FrameStart", "ExposureStart")
"""Triggers that start one exposure; a camera offers one of them."""

GATING_SELECTORS = ("Acquisition", "Frame", "Exposure", "Line")
"""First words of the triggers that block frames while they are on."""

DIALECTS = tuple(maker.trigger for maker in MAKERS if maker.trigger is not None)
"""The standard's first."""

FRAME_RATE = ("AcquisitionFrameRate", "AcquisitionFrameRateAbs")
FRAME_RATE_SWITCHES = (
    ("AcquisitionFrameRateEnable", "true", "false"),
    ("AcquisitionFrameRateMode", "Basic", "Off"),
)
"""Nodes that enable the camera's frame rate: name, value for on, value for off."""


@dataclass(frozen=True, slots=True)
class TriggerRequest:
    """The trigger asked for; None leaves a setting as it is.

    ``rate_hz`` acts where the camera makes the rhythm: internal and off. None
    leaves a setting as it is.
    """

    source: Trigger = TriggerSource.AUTO
    rate_hz: float | None = None
    activation: str | None = None
    delay_us: float | None = None


@dataclass(frozen=True, slots=True)
class TriggerCapabilities:
    """Trigger sources of a camera, read without changing it.

    ``offered`` is whether it has a trigger at all.
    ``named`` are the device's own names of lines and other signals.
    """

    selectors: tuple[str, ...]
    internal: tuple[InternalTrigger, ...]
    software: bool
    named: tuple[str, ...]
    activations: tuple[str, ...]
    delay_us: NumericControl | None
    dialect: TriggerDialect
    offered: bool

    @property
    def sources(self) -> tuple[Trigger, ...]:
        """Everything that may be asked for as ``TriggerRequest.source``, best first."""
        kinds = {
            TriggerSource.INTERNAL: bool(self.internal),
            TriggerSource.SOFTWARE: self.software,
            TriggerSource.OFF: True,
        }
        return (*(kind for kind, offered in kinds.items() if offered), *self.named)

    def signal_of(self, source: Trigger) -> str:
        """The value of the source's node that one of :attr:`sources`, not off, stands for."""
        if source == TriggerSource.INTERNAL:
            return self.internal[0].signal
        return self.dialect.software if source == TriggerSource.SOFTWARE else source


@dataclass(frozen=True, slots=True)
class TriggerState:
    """The trigger as the device reads back.

    ``source`` is never ``AUTO``; ``signal`` is the device's own name of it, empty when off.
    ``rate_hz`` is None where the camera does not make the rhythm or does not tell.
    """

    source: Trigger
    signal: str
    selector: str
    rate_hz: float | None
    activation: str
    delay_us: float | None


@dataclass(frozen=True, slots=True)
class TriggerReport:
    """State after :func:`configure`, every write made, and warnings of what is not available."""

    state: TriggerState
    steps: tuple[Step, ...]
    warnings: tuple[str, ...]


def probe(node_map: NodeMap) -> TriggerCapabilities:
    """Trigger sources of the camera's frame trigger; changes nothing on the device."""
    dialect = _dialect(node_map)
    offered = nodes.offered(node_map, dialect.source)
    internal = find_internal_triggers(node_map, offered)
    taken = {dialect.software, *dialect.no_signal, *(trigger.signal for trigger in internal)}
    selectors = nodes.offered(node_map, "TriggerSelector")
    return TriggerCapabilities(
        selectors=tuple(name for name in FRAME_SELECTORS if name in selectors),
        internal=internal,
        software=dialect.software in offered,
        named=tuple(signal for signal in offered if signal not in taken),
        activations=nodes.offered(node_map, dialect.activation),
        delay_us=nodes.numeric_control(node_map, *dialect.delay_nodes, unit="us"),
        dialect=dialect,
        offered=_offers(node_map, dialect),
    )


def read(node_map: NodeMap) -> TriggerState:
    """The selected trigger's present state, read back from the device."""
    dialect = _dialect(node_map)
    delay = nodes.find(node_map, *dialect.delay_nodes)
    selector = _text(node_map, "TriggerSelector")
    activation = _text(node_map, dialect.activation)
    delay_us = nodes.read_number(delay) if delay is not None else None
    if not _is_on(node_map, dialect):
        return TriggerState(
            TriggerSource.OFF, "", selector, _frame_rate_hz(node_map), activation, delay_us
        )
    signal = _text(node_map, dialect.source)
    internal = _internal(node_map, signal)
    source: Trigger = signal
    if internal:
        source = TriggerSource.INTERNAL
    elif signal == dialect.software:
        source = TriggerSource.SOFTWARE
    rate_hz = internal.read_rate_hz(node_map) if internal else None
    return TriggerState(source, signal, selector, rate_hz, activation, delay_us)


def configure(node_map: NodeMap, request: TriggerRequest) -> TriggerReport:
    """Set the trigger of a stopped camera and read it back.

    Order: selector, mode, source, then what depends on them. Every other trigger
    that would stop frames is switched off. Raises :class:`SettingRefusedError`
    naming the sources or limits offered; a request known to be impossible is
    refused before anything is changed.
    """
    capabilities = probe(node_map)
    steps: list[Step] = []
    warnings: list[str] = []
    source = _resolve(capabilities, request.source, warnings)
    _refuse_beforehand(node_map, capabilities, source, request)
    _switch_off(node_map, capabilities, source != TriggerSource.OFF, steps)
    if source == TriggerSource.OFF:
        # It acts once there is a trigger again, and is read back until then.
        if request.delay_us is not None:
            steps.append(_set_delay(node_map, capabilities.dialect, request.delay_us))
        if request.rate_hz is not None:
            steps += _set_frame_rate(node_map, request.rate_hz)
        return TriggerReport(read(node_map), tuple(steps), tuple(warnings))
    if not (source == TriggerSource.INTERNAL and capabilities.internal[0].keeps_frame_rate):
        # Left on, the free-running rate would cap the triggered one on some cameras.
        steps += _switch_frame_rate(node_map, on=False)
    dialect = capabilities.dialect
    steps += _select_signal(node_map, dialect, capabilities.signal_of(source))
    if request.activation is not None:
        if source in (TriggerSource.INTERNAL, TriggerSource.SOFTWARE):
            warnings.append(
                f"{dialect.activation} {request.activation} is left aside: it acts on lines, "
                f"and the trigger source is {source}"
            )
        else:
            steps.append(nodes.put(node_map, dialect.activation, request.activation))
    if request.delay_us is not None:
        steps.append(_set_delay(node_map, dialect, request.delay_us))
    if source == TriggerSource.INTERNAL:
        steps += capabilities.internal[0].start(node_map, request.rate_hz)
    return TriggerReport(read(node_map), tuple(steps), tuple(warnings))


def set_rate(node_map: NodeMap, rate_hz: float) -> float:
    """Set the camera's own rate, also while it streams, and return it read back in Hz.

    Raises :class:`SettingRefusedError` with the limits, or if the triggers come
    from outside the camera.
    """
    state = read(node_map)
    if state.source == TriggerSource.OFF:
        _set_frame_rate(node_map, rate_hz)
    else:
        internal = _internal(node_map, state.signal)
        if internal is None:
            raise SettingRefusedError(
                f"{rate_hz:g} Hz cannot be set in the camera: its triggers come from "
                f"{state.signal}; change the rate there or choose the internal trigger"
            )
        internal.set_rate_hz(node_map, rate_hz)
    return read(node_map).rate_hz or rate_hz


def rate_control(node_map: NodeMap) -> NumericControl | None:
    """Range of the camera's own rate in Hz in its present state; None if it has none."""
    state = read(node_map)
    if state.source == TriggerSource.OFF:
        return nodes.numeric_control(node_map, *FRAME_RATE, unit="Hz")
    internal = _internal(node_map, state.signal)
    return internal.rate_control(node_map) if internal else None


def send_software_trigger(node_map: NodeMap) -> None:
    """Start one exposure; raises :class:`SettingRefusedError` if that is not offered."""
    nodes.execute(nodes.require(node_map, _dialect(node_map).software_command))


def _dialect(node_map: NodeMap) -> TriggerDialect:
    """The names of this camera's trigger; the standard's where it has none."""
    return next((each for each in DIALECTS if _offers(node_map, each)), DIALECTS[0])


def _offers(node_map: NodeMap, dialect: TriggerDialect) -> bool:
    return nodes.is_implemented(nodes.lookup(node_map, dialect.mode or dialect.source))


def _is_on(node_map: NodeMap, dialect: TriggerDialect) -> bool:
    """Whether frames wait for triggers."""
    if dialect.mode is not None:
        return _text(node_map, dialect.mode) == "On"
    return _text(node_map, dialect.source) not in ("", *dialect.no_signal)


def _resolve(capabilities: TriggerCapabilities, source: Trigger, warnings: list[str]) -> Trigger:
    if source == TriggerSource.AUTO:
        if capabilities.offered and (capabilities.internal or capabilities.software):
            return TriggerSource.INTERNAL if capabilities.internal else TriggerSource.SOFTWARE
        warnings.append(
            "the camera offers neither an internal nor a software trigger by any known name: "
            "it runs free; its own trigger nodes can be set by name"
        )
        return TriggerSource.OFF
    offered = capabilities.sources if capabilities.offered else (TriggerSource.OFF,)
    if source not in offered:
        raise SettingRefusedError(
            f"trigger source {source} is not offered by this camera; "
            f"choose from: {', '.join(offered)}"
        )
    return source


def _refuse_beforehand(
    node_map: NodeMap, capabilities: TriggerCapabilities, source: Trigger, request: TriggerRequest
) -> None:
    if request.delay_us is not None and capabilities.delay_us is not None:
        capabilities.delay_us.check("trigger delay", request.delay_us)
    if source == TriggerSource.INTERNAL and request.rate_hz is not None:
        capabilities.internal[0].refuse_beforehand(node_map, request.rate_hz)


def _switch_off(
    node_map: NodeMap, capabilities: TriggerCapabilities, keep_one: bool, steps: list[Step]
) -> None:
    """Switch off every trigger that would stop frames, and select the chosen one again."""
    dialect = capabilities.dialect
    if not capabilities.offered:
        return
    if dialect.mode is None:
        if not keep_one and _is_on(node_map, dialect):
            offered = nodes.offered(node_map, dialect.source)
            free = next((value for value in dialect.no_signal if value in offered), "")
            steps.append(nodes.put(node_map, dialect.source, free))
        return
    selector = nodes.find(node_map, "TriggerSelector")
    if selector is None or not nodes.is_writable(selector):
        if not keep_one and _is_on(node_map, dialect):
            steps.append(nodes.put(node_map, dialect.mode, "Off"))
        return
    chosen = next(iter(capabilities.selectors), nodes.read_text(selector))
    gating = [name for name in nodes.symbolics(selector) if name.startswith(GATING_SELECTORS)]
    for name in (*(name for name in gating if name != chosen), chosen):
        nodes.write(selector, name)
        if (name != chosen or not keep_one) and _is_on(node_map, dialect):
            steps.append(Step("TriggerSelector", name, nodes.read_text(selector)))
            steps.append(nodes.put(node_map, dialect.mode, "Off"))
    steps.append(Step("TriggerSelector", chosen, nodes.read_text(selector)))


def _select_signal(node_map: NodeMap, dialect: TriggerDialect, signal: str) -> list[Step]:
    if dialect.mode is None:
        return [nodes.put(node_map, dialect.source, signal)]
    steps = [nodes.put(node_map, dialect.mode, "On")]
    source = nodes.require(node_map, dialect.source)
    if nodes.read_text(source) == signal:
        return [*steps, Step(dialect.source, signal, signal)]
    if nodes.is_writable(source):
        return [*steps, nodes.put(node_map, dialect.source, signal)]
    # FLIR / Teledyne lock the source while the trigger is on.
    steps.append(nodes.put(node_map, dialect.mode, "Off"))
    steps.append(nodes.put(node_map, dialect.source, signal))
    return [*steps, nodes.put(node_map, dialect.mode, "On")]


def _set_delay(node_map: NodeMap, dialect: TriggerDialect, delay_us: float) -> Step:
    name = nodes.name_of(nodes.require(node_map, *dialect.delay_nodes))
    read_back = nodes.set_number(node_map, (name,), delay_us, "trigger delay", "us")
    return Step(name, f"{delay_us:.7g}", f"{read_back:.7g}")


def _set_frame_rate(node_map: NodeMap, rate_hz: float) -> list[Step]:
    steps = _switch_frame_rate(node_map, on=True)
    name = nodes.name_of(nodes.require(node_map, *FRAME_RATE))
    read_back = nodes.set_number(node_map, (name,), rate_hz, "frame rate", "Hz")
    return [*steps, Step(name, f"{rate_hz:.7g}", f"{read_back:.7g}")]


def _switch_frame_rate(node_map: NodeMap, *, on: bool) -> list[Step]:
    steps = []
    for name, value_on, value_off in FRAME_RATE_SWITCHES:
        value = value_on if on else value_off
        node = nodes.find(node_map, name)
        if node is not None and nodes.takes_now(node, value) and nodes.read_text(node) != value:
            steps.append(nodes.put(node_map, name, value))
    return steps


def _internal(node_map: NodeMap, signal: str) -> InternalTrigger | None:
    return next(iter(find_internal_triggers(node_map, (signal,))), None)


def _frame_rate_hz(node_map: NodeMap) -> float | None:
    node = nodes.find(node_map, *FRAME_RATE)
    return None if node is None else nodes.read_number(node)


def _text(node_map: NodeMap, name: str) -> str:
    node = nodes.find(node_map, name)
    return nodes.text_if_readable(node)
