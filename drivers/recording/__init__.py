"""Recordings on disk: frames of one or two cameras, their index and description.

A recording is a folder with ``recording.json``, and a Zarr v3 array and an index per
camera. Writing is crash-safe; frames are read by number or replayed as a camera. Reading
writes nothing: :mod:`drivers.recording.completion` alone changes a recording.
"""

from drivers.recording.description import (
    RecordedCamera,
    RecordingInfo,
    describe_camera,
)
from drivers.recording.recording import RecordedStream, Recording, is_recording, open_recording

__all__ = [
    "RecordedCamera",
    "RecordedStream",
    "Recording",
    "RecordingInfo",
    "describe_camera",
    "is_recording",
    "open_recording",
]
