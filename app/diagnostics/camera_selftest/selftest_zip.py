"""The zip to send with a question: what was found, and the cameras' nodes to replay."""

import json
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_core import from_json, to_json

from app.diagnostics.camera_selftest.camera_under_test import CameraUnderTest
from app.diagnostics.camera_selftest.private_words import PrivateWords
from app.diagnostics.camera_selftest.selftest_report import SelftestReport
from drivers.atomic_file import whole_file
from drivers.errors import InstrumentError
from drivers.genicam.node_snapshot import NodeSnapshot, replayed_map
from drivers.input_file import first_fault, read_input, words, zip_member

_ABOUT = """{program}: selftest of a camera.

page.html          the verdicts
figures.json       the same for programs
log.txt            every step in order
*/description.xml  the camera's own description
*/nodes.json       what every node read, and the registers behind; developers can replay it
*/picture.png      a frame, only where --pictures allowed it

{private}
"""
_WITHOUT = (
    "Serial numbers, user-given names, network addresses and the home folder's name are left out."
)
_WITH = "Serial numbers and network addresses are in it, as --serial-numbers allowed."

_MOST_BYTES = 1 << 30
"""With pictures of two cameras."""


def write_zip(
    path: Path,
    report: SelftestReport,
    page: str,
    log: Sequence[str],
    cameras: Sequence[CameraUnderTest],
    words: PrivateWords,
) -> None:
    """Write it, whole or not at all; ``words`` are left out of everything but the pictures."""
    private = _WITH if report.private else _WITHOUT
    texts = {
        "README.txt": _ABOUT.format(program=report.program, private=private),
        "page.html": page,
        "figures.json": _json(
            {
                "version": 1,
                "created": report.created,
                "program": report.program,
                "machine": report.machine,
                "cameras": dict(report.cameras),
                "interrupted": report.interrupted,
                "steps": [result.document() for result in report.results],
            }
        ),
        "log.txt": "\n".join(log) + "\n",
    }
    with whole_file(path) as file, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in texts.items():
            archive.writestr(name, words.left_out(text))
        for camera in cameras:
            for name, content in camera.files.items():
                archive.writestr(name, content)
            if camera.snapshot is not None:
                for name, text in _snapshot_files(camera.snapshot, words).items():
                    archive.writestr(f"{camera.name}/{name}", text)


def _snapshot_files(snapshot: NodeSnapshot, words: PrivateWords) -> dict[str, str]:
    document = snapshot.model_dump(mode="json")
    description = document.pop("description")
    registers = document.pop("registers")
    for each in registers:
        each["data"] = words.left_out_of_registers(each["data"])
    told = json.loads(words.left_out(_json(document)))
    return {
        "description.xml": words.left_out(description),
        "nodes.json": _json({**told, "registers": registers}),
    }


def _json(value: Any) -> str:
    return to_json(value, indent=1, inf_nan_mode="null").decode() + "\n"


def read_snapshot(path: Path, camera: str = "rsgr") -> NodeSnapshot:
    """The nodes of a camera in a zip; :func:`drivers.genicam.node_snapshot.replayed_map` takes it.

    Raises :class:`InstrumentError` where the file is none of ours or has no such camera.
    """
    try:
        archive = read_input(path, _MOST_BYTES)
        described = zip_member(archive, f"{camera}/description.xml").decode()
        nodes = from_json(zip_member(archive, f"{camera}/nodes.json"))
        snapshot = NodeSnapshot.model_validate({**nodes, "description": described})
        replayed_map(snapshot)
    except (OSError, TypeError, ValueError, InstrumentError) as error:
        reason = first_fault(error) if isinstance(error, ValidationError) else words(error)
        raise InstrumentError(
            f"{path} has no nodes of the camera {camera!r} ({reason}); give a zip that "
            "ngs selftest camera wrote"
        ) from error
    return snapshot
