"""Output lines that signal the exposure.

Names are those of the GenICam Standard Features Naming Convention (SFNC 2.7, "Digital
I/O Control") and of :mod:`drivers.genicam.makers`. No function here locks: the caller
holds its camera's lock (see :mod:`drivers.genicam.nodes`).
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from drivers.errors import SettingRefusedError
from drivers.genicam import nodes
from drivers.genicam.makers.dialect import OutputDialect
from drivers.genicam.makers.table import MAKERS
from drivers.genicam.nodes import NodeMap

OFF = "off"


DIALECTS = tuple(dialect for maker in MAKERS for dialect in maker.outputs)


@dataclass(frozen=True, slots=True)
class LineOutput:
    """One line of one camera that can carry ``signal``."""

    line: str
    signal: str
    dialect: OutputDialect


@dataclass(frozen=True, slots=True)
class OutputCapabilities:
    """Lines that can signal the exposure, and what each line offers, for error texts."""

    outputs: tuple[LineOutput, ...]
    found: Mapping[str, tuple[str, ...]]

    @property
    def lines(self) -> tuple[str, ...]:
        """Names of the lines, each once, in the camera's order."""
        return tuple(dict.fromkeys(output.line for output in self.outputs))

    def output(self, line: str) -> LineOutput | None:
        """How ``line`` signals the exposure; None if it cannot."""
        return next((output for output in self.outputs if output.line == line), None)

    def explain(self) -> str:
        """Text of the camera's lines and the signals they offer."""
        found = "; ".join(
            f"{line} offers {', '.join(values) or 'no output'}"
            for line, values in self.found.items()
        )
        looked_for = ", ".join(dict.fromkeys(dialect.selector for dialect in DIALECTS))
        return found or f"looked for nodes {looked_for}: the camera has none"


def probe(node_map: NodeMap) -> OutputCapabilities:
    """Lines and signals of the camera; selects every line in turn, at the end the former one."""
    outputs: list[LineOutput] = []
    found: dict[str, tuple[str, ...]] = {}
    for dialect in DIALECTS:
        for line in nodes.offered(node_map, dialect.selector):
            with _selected(node_map, dialect, line) as selected:
                if not selected or not _can_be_output(node_map, dialect):
                    found.setdefault(line, ())
                    continue
                # Some cameras offer the signals of a line only when it is an output.
                offered = nodes.offered(node_map, dialect.source)
            found[line] = offered
            signal = next((name for name in dialect.signals if name in offered), None)
            if signal is not None:
                outputs.append(LineOutput(line, signal, dialect))
    return OutputCapabilities(tuple(outputs), found)


def configure(node_map: NodeMap, capabilities: OutputCapabilities, line: str) -> str:
    """Let ``line`` signal the exposure, or no line for ``"off"``; returns the line read back.

    The line stays selected: some cameras apply a source only to the selected line. Raises
    :class:`SettingRefusedError` listing the lines and their signals.
    """
    if line == OFF:
        for output in capabilities.outputs:
            _silence(node_map, output)
        return read(node_map, capabilities)
    chosen = capabilities.output(line)
    if chosen is None:
        raise SettingRefusedError(
            f"line {line} of this camera cannot tell of the exposure; {capabilities.explain()}"
        )
    dialect = chosen.dialect
    nodes.set_choice(node_map, (dialect.selector,), line, "line")
    _make_output(node_map, dialect)
    nodes.set_choice(node_map, (dialect.source,), chosen.signal, "signal")
    if dialect.switch is not None and nodes.find(node_map, dialect.switch) is not None:
        nodes.put(node_map, dialect.switch, True)
    now = read(node_map, capabilities)
    if now != line:
        raise SettingRefusedError(
            f"line {line} was told to carry {chosen.signal} but reads back otherwise; "
            f"{capabilities.explain()}"
        )
    return now


def read(node_map: NodeMap, capabilities: OutputCapabilities) -> str:
    """The line that signals the exposure now, ``"off"`` if none does.

    If several do, the selected line is preferred.
    """
    telling: list[str] = []
    for output in capabilities.outputs:
        former = _text(node_map, output.dialect.selector)
        with _selected(node_map, output.dialect, output.line) as selected:
            source = _text(node_map, output.dialect.source) if selected else ""
            if source == output.signal and _is_output(node_map, output.dialect):
                telling.insert(0 if former == output.line else len(telling), output.line)
    return telling[0] if telling else OFF


def _silence(node_map: NodeMap, output: LineOutput) -> None:
    with _selected(node_map, output.dialect, output.line) as selected:
        source = nodes.find(node_map, output.dialect.source) if selected else None
        if source is None or nodes.read_text(source) != output.signal:
            return
        for value in output.dialect.silent:
            if nodes.takes_now(source, value):
                nodes.write(source, value)
                return
        mode = None if output.dialect.mode is None else nodes.find(node_map, output.dialect.mode)
        if mode is not None and nodes.takes_now(mode, "Input"):
            nodes.write(mode, "Input")


@contextmanager
def _selected(node_map: NodeMap, dialect: OutputDialect, line: str) -> Iterator[bool]:
    """Select a line in the ``with`` block; yields False if that is not possible now."""
    selector = nodes.find(node_map, dialect.selector)
    if selector is None:
        yield False
        return
    former = nodes.read_text(selector)
    if former != line and not nodes.takes_now(selector, line):
        yield False
        return
    try:
        nodes.write(selector, line)
    except SettingRefusedError:  # for any reason: this line cannot be selected
        yield False
        return
    try:
        yield True
    finally:
        if former != line and nodes.takes_now(selector, former):
            nodes.write(selector, former)


def _can_be_output(node_map: NodeMap, dialect: OutputDialect) -> bool:
    """Whether the selected line is an output, or can be made one."""
    if dialect.mode is None or _is_output(node_map, dialect):
        return True
    node = nodes.find(node_map, dialect.mode)
    # Without a mode node, a line with a source is an output.
    if node is None:
        return nodes.find(node_map, dialect.source) is not None
    return any(nodes.takes_now(node, value) for value in dialect.mode_values)


def _is_output(node_map: NodeMap, dialect: OutputDialect) -> bool:
    if dialect.mode is None or nodes.find(node_map, dialect.mode) is None:
        return True
    return _text(node_map, dialect.mode) in dialect.mode_values


def _make_output(node_map: NodeMap, dialect: OutputDialect) -> None:
    node = None if dialect.mode is None else nodes.find(node_map, dialect.mode)
    if node is None or dialect.mode is None:
        return
    # Hikrobot: a strobe line signals the exposure, a plain output a constant level.
    for value in dialect.mode_values:
        if nodes.read_text(node) == value:
            return
        if nodes.takes_now(node, value):
            nodes.set_choice(node_map, (dialect.mode,), value, "direction of the line")
            return


def _text(node_map: NodeMap, name: str) -> str:
    node = nodes.find(node_map, name)
    return nodes.text_if_readable(node)
