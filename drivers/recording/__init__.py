"""Recordings on disk: frames of one or two cameras, their index and description.

A recording is a folder with ``recording.json``, and a Zarr v3 array and an index per
camera. Writing is crash-safe; frames are read by number or replayed as a camera. Reading
writes nothing: :mod:`drivers.recording.completion` alone changes a recording.

Its names are imported when they are first asked for: the command line needs one enumeration.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from drivers.recording.description import (
        RecordedCamera,
        RecordingInfo,
        describe_camera,
    )
    from drivers.recording.recording import (
        RecordedStream,
        Recording,
        is_recording,
        open_recording,
    )

_HOMES = {
    "RecordedCamera": "description",
    "RecordedStream": "recording",
    "Recording": "recording",
    "RecordingInfo": "description",
    "describe_camera": "description",
    "is_recording": "recording",
    "open_recording": "recording",
}

__all__ = [
    "RecordedCamera",
    "RecordedStream",
    "Recording",
    "RecordingInfo",
    "describe_camera",
    "is_recording",
    "open_recording",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
