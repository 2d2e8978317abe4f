"""What lies on disk: frames of one or two cameras, their index, and what is known of both.

A folder with ``recording.json``, a Zarr v3 array and an index per camera. Written
crash-safe, read by number, replayed as a camera.
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
