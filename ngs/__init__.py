"""Neural Global Shutter for scripts and notebooks: cameras, recordings, datasets, restorers.

Provisional until version 1.0: names may change with a note in the changelog. Every name
here is the object that the program itself uses; ``help(ngs.open_camera)`` tells more.
Nothing heavy is loaded before it is used.

A camera (:func:`open_camera`, :class:`CameraOptions`, :class:`ExposureSettings`) fills
the memory that it is given:

>>> from pathlib import Path
>>> import numpy as np
>>> import ngs
>>> camera = ngs.open_camera("virtual:rsgr", ngs.CameraOptions(scene=Path("chart")))
>>> achieved = camera.configure(ngs.ExposureSettings(exposure_us=2000.0, fps=50.0))
>>> achieved.exposure_us
2000.0
>>> form = camera.frame_format
>>> codes = np.empty(form.shape, form.pixel_format.dtype)
>>> camera.start()
>>> metadata = camera.grab(codes, timeout_s=10.0)
>>> camera.stop()
>>> camera.close()
>>> metadata.sequence
0

A session (:class:`Session`, :class:`SessionConfig`, :class:`RecordingRequest`) streams,
restores and records in threads of its own:

>>> import tempfile, time
>>> folder = Path(tempfile.mkdtemp()) / "recording"
>>> config = ngs.SessionConfig("virtual:rsgr", size_px=(320, 240), model="row-gain")
>>> with ngs.Session(config) as session:
...     session.start()
...     session.start_recording(ngs.RecordingRequest(folder, frames=5))
...     while session.status().recording.recording:
...         time.sleep(0.05)

A recording (:func:`open_recording`) gives its frames by number:

>>> recording = ngs.open_recording(folder)
>>> rsgr = recording.stream("rsgr")
>>> frames = list(rsgr.read(range(3)))
>>> isinstance(frames[0], ngs.Frame), frames[0].pixels.shape
(True, (240, 320))

A restorer (:func:`open_restorer`, :class:`FrameConditions`, :class:`SensorTiming`,
:class:`Radiometry`, :func:`pixel_format`) gives linear light, 1.0 = the saturated
global-shutter signal:

>>> restorer = ngs.open_restorer("row-gain")
>>> timing = ngs.SensorTiming(exposure_us=4000.0, line_time_us=6.0, rows=240)
>>> radiometry = ngs.Radiometry(ngs.pixel_format("Mono8"), black_level_dn=4.0, saturation_dn=255.0)
>>> conditions = ngs.FrameConditions(timing, radiometry)
>>> restorer.restore(frames, conditions).light.shape
torch.Size([240, 320])

A dataset (:func:`open_dataset`) of RSGR / GS pairs, one split at a time; here of an empty
folder, so that there is something to refuse:

>>> try:
...     ngs.open_dataset(folder.parent / "dataset", "test")
... except ngs.InstrumentError as error:
...     print(type(error).__name__)
InstrumentError

A calibration (:func:`read_rig`) of ``ngs calibrate`` is refused in the same way:

>>> try:
...     ngs.read_rig(folder / "rig.json")
... except ngs.InstrumentError as error:
...     print(str(error).partition("rig.json ")[2])
cannot be read: No such file or directory
"""

import importlib
from typing import TYPE_CHECKING, Any

from ngs import own_packages

if TYPE_CHECKING:
    from app.session.config import SessionConfig
    from app.session.recorder import RecordingRequest
    from app.session.session import Session
    from calibration.rig_calibration import read_rig
    from drivers.addresses import CameraOptions, open_camera
    from drivers.camera_settings import ExposureSettings
    from drivers.errors import InstrumentError
    from drivers.frame import Frame
    from drivers.frame_conditions import FrameConditions
    from drivers.pixel_format import pixel_format
    from drivers.radiometry import Radiometry
    from drivers.recording import open_recording
    from drivers.timing import SensorTiming
    from models.dataset.sequences import open_dataset
    from models.restorers.registry import open_restorer

__all__ = [
    "CameraOptions",
    "ExposureSettings",
    "Frame",
    "FrameConditions",
    "InstrumentError",
    "Radiometry",
    "RecordingRequest",
    "SensorTiming",
    "Session",
    "SessionConfig",
    "open_camera",
    "open_dataset",
    "open_recording",
    "open_restorer",
    "pixel_format",
    "read_rig",
]

_HOMES = {
    "CameraOptions": "drivers.addresses",
    "ExposureSettings": "drivers.camera_settings",
    "Frame": "drivers.frame",
    "FrameConditions": "drivers.frame_conditions",
    "InstrumentError": "drivers.errors",
    "Radiometry": "drivers.radiometry",
    "RecordingRequest": "app.session.recorder",
    "SensorTiming": "drivers.timing",
    "Session": "app.session.session",
    "SessionConfig": "app.session.config",
    "open_camera": "drivers.addresses",
    "open_dataset": "models.dataset.sequences",
    "open_recording": "drivers.recording",
    "open_restorer": "models.restorers.registry",
    "pixel_format": "drivers.pixel_format",
    "read_rig": "calibration.rig_calibration",
}
"""The module each name is taken from when it is first used."""

own_packages.find_first()


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'ngs' has no attribute {name!r}")
    in_the_way = own_packages.already_imported()
    if in_the_way:
        raise ImportError(in_the_way)
    value = getattr(importlib.import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
