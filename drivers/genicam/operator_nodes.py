"""Nodes that an operator sets at opening, and whether they keep the value.

The settings that follow, such as trigger, shutter and rate, and the linear state write nodes too.
What an operator asked for is not lost silently there.

No function here locks: the caller holds its camera's lock (see :mod:`drivers.genicam.nodes`).
"""

from collections.abc import Iterable
from dataclasses import dataclass

from drivers.genicam import nodes
from drivers.genicam.linear_state import is_same_value
from drivers.genicam.nodes import NodeMap


@dataclass(frozen=True, slots=True)
class _Written:
    """A node, the value it read after the write, and the values of its selectors then."""

    name: str
    value: str
    selected: tuple[str, ...]


class OperatorNodes:
    """Writes nodes, given as (name, value as text), and tells which have another value later.

    Raises :class:`SettingRefusedError` for a node or value that the camera refuses.
    """

    def __init__(self, node_map: NodeMap, settings: Iterable[tuple[str, str]]) -> None:
        self._node_map = node_map
        written = []
        for name, text in settings:
            value = nodes.set_node_text(node_map, name, text)
            written.append(_Written(name, value, _selected(node_map, name)))
        # The last write of a node counts, for each part that its selectors choose. What a
        # command leaves cannot be read.
        last = {(each.name, each.selected): each for each in written if each.value}
        self._written = tuple(last.values())

    def changed(self) -> tuple[str, ...]:
        """A line for each node that reads another value now; those not selected now are not read.

        A selector that was set only chose what came after it.
        """
        lines = []
        for each in self._written:
            node = nodes.find(self._node_map, each.name)
            if node is None or nodes.selects(node):
                continue
            if _selected(self._node_map, each.name) != each.selected:
                continue
            now = nodes.text_if_readable(node)
            if now and not is_same_value(now, each.value):
                lines.append(
                    f"{each.name} was set to {each.value}, and is {now} now: ngs or the camera "
                    "changed it; where ngs has an option for it, use that"
                )
        return tuple(lines)


def _selected(node_map: NodeMap, name: str) -> tuple[str, ...]:
    return tuple(map(nodes.read_text, nodes.selectors_of(nodes.require(node_map, name))))
