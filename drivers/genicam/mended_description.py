"""Descriptions that refer to nodes which they do not have.

GenApi refuses such a description as a whole. Here the missing nodes are added as ones that the
camera does not implement: a formula that needs one is not implemented either, all else works.
"""

import re
from pathlib import Path
from xml.etree import ElementTree

from genicam import genapi

from drivers.genicam.description_file import read_camera_description

_NEVER = "NeverImplemented"
_REFERENCE = re.compile(r"p[A-Z]\w*")
_END = "</RegisterDescription"


class MendingNodeMap(genapi.NodeMap):  # type: ignore[misc]
    """A node map that loads a description although it refers to nodes that it does not have.

    ``missing`` are their names. What else is broken raises as in GenApi.
    """

    missing: tuple[str, ...]

    def __init__(self) -> None:
        super().__init__()
        self._note(())

    def load_xml_from_file(self, file_path: str) -> None:
        """Load a description, packed or not."""
        try:
            super().load_xml_from_file(file_path)
        except genapi.GenericException:
            self._load_mended(read_camera_description(Path(file_path)))

    def load_xml_from_string(self, description: str) -> None:
        """Load a description from its text."""
        try:
            super().load_xml_from_string(description)
        except genapi.GenericException:
            self._load_mended(description)

    def _load_mended(self, description: str) -> None:
        mended, missing = mend(description)
        super().load_xml_from_string(mended)
        self._note(missing)

    def _note(self, missing: tuple[str, ...]) -> None:
        # Setting an attribute of GenApi's node maps sets a node of the camera.
        object.__setattr__(self, "missing", missing)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What an operator should know of the description."""
        if not self.missing:
            return ()
        names = ", ".join(self.missing)
        return (
            f"the camera's description refers to {names}, which it does not have: settings that "
            "need it are not offered; update the firmware",
        )


def mend(description: str) -> tuple[str, tuple[str, ...]]:
    """The description with the nodes that it lacks added, and their names in order.

    Unchanged where none is missing, or where it is no XML.
    """
    try:
        elements = list(ElementTree.fromstring(description.encode()).iter())
    except ElementTree.ParseError:
        return description, ()
    there = {element.get("Name") for element in elements}
    missing: dict[str, str] = {}
    for element in elements:
        for child in element:
            name = (child.text or "").strip()
            if _REFERENCE.fullmatch(_tag(child)) and name and name not in there:
                missing.setdefault(name, _node(name, _tag(child), _tag(element)))
    if not missing:
        return description, ()
    added = f'<Integer Name="{_NEVER}"><Value>0</Value></Integer>' + "".join(missing.values())
    before, end, after = description.rpartition(_END)
    return before + added + end + after, tuple(missing)


def _node(name: str, reference: str, owner: str) -> str:
    """A node that is not implemented, of the kind that a reference of its ``owner`` needs."""
    if reference == "pPort":
        return f'<Port Name="{name}"/>'
    kind, value = ("String", "") if owner == "String" else ("Integer", "0")
    return (
        f'<{kind} Name="{name}"><pIsImplemented>{_NEVER}</pIsImplemented>'
        f"<Value>{value}</Value></{kind}>"
    )


def _tag(element: ElementTree.Element) -> str:
    """The element's name without its namespace."""
    return element.tag.rpartition("}")[2]
