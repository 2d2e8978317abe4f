"""Addresses of replays: the part after ``replay:``.

``/path/to/images`` · ``/path/to/recording`` · ``/path/to/recording#gs`` ·
``/path/to/recording#rsgr?speed=2&frames=100:400``
"""

import re
from pathlib import Path
from urllib.parse import parse_qsl

from drivers.camera import Camera
from drivers.errors import InstrumentError, UnknownCameraError
from drivers.recording import is_recording, open_recording
from drivers.recording.frame_selection import frame_range
from drivers.replay.image_folder import ImageReplay
from drivers.replay.playback_clock import Speed
from drivers.replay.recorded_camera import RecordingReplay

_FORM = "replay:FOLDER#CAMERA?speed=2&frames=100:400"


def open_replay(address: str, target: str) -> Camera:
    """The camera that plays ``target``, the part of ``address`` after its scheme.

    Raises :class:`UnknownCameraError` for a folder with nothing to play, and
    :class:`InstrumentError` for options that are not possible.
    """
    folder, camera, options = _parts(target)
    if not is_recording(folder):
        if camera or options:
            raise UnknownCameraError(
                f"{folder} is no recording: a camera, speed or frames can be chosen of a recording "
                "alone; give replay:FOLDER, and --fps for its rate"
            )
        return ImageReplay(address, folder)
    recording = open_recording(folder)
    stream = recording.stream(camera)
    if not len(stream):
        raise InstrumentError(f"{folder} has no frame of {stream.name}; ngs info tells what it has")
    frames = frame_range(options.pop("frames", ":"), len(stream))
    speed = _speed(options.pop("speed", "1"))
    if options:
        raise InstrumentError(
            f"{address} asks for {', '.join(options)}; a replay knows speed and frames: {_FORM}"
        )
    return RecordingReplay(address, recording, stream, frames, speed)


def _parts(target: str) -> tuple[Path, str | None, dict[str, str]]:
    """Folder, camera and options; the folder's own name may contain ``#`` and ``?``."""
    whole = Path(target).expanduser()
    if whole.is_dir():
        return whole, None, {}
    match = re.fullmatch(r"(.+?)(?:#([\w-]+))?(?:\?([^?#/]*))?", target, re.DOTALL)
    assert match is not None  # an address without target is refused before
    folder, camera, options = match.groups()
    return Path(folder).expanduser(), camera, dict(parse_qsl(options or "", True))


def _speed(text: str) -> Speed:
    if text == "max":
        return None
    try:
        speed = float(text)
    except ValueError:
        speed = 0.0
    if not 0.01 <= speed <= 100:
        raise InstrumentError(
            f"speed {text!r} is not between 0.01 and 100 times the recorded, nor max; {_FORM}"
        )
    return speed
