"""What ``recording.json`` says when a session begins to record."""

import platform
import time
from datetime import UTC, datetime
from importlib.metadata import version

from app.session.camera_set import CameraSet
from app.session.config import SessionConfig
from app.session.recorder import RecordingRequest
from app.session.restoring_conditions import radiometry_in_use
from app.session.status import TimingInUse
from drivers.camera import Camera
from drivers.recording.description import RecordedCamera, RecordingInfo, describe_camera
from drivers.rig.rig import Rig
from drivers.timing import TimingSource

_PACKAGES = ("neural-global-shutter", "acquire-zarr", "harvesters", "numpy")


def recording_info(
    cameras: CameraSet,
    config: SessionConfig,
    request: RecordingRequest,
    timing: TimingInUse,
    *,
    shutter_proven: bool | None,
) -> RecordingInfo:
    """Cameras as they are now, with the timing in use and the black level of ``config``."""
    described = {"rsgr": _rsgr(cameras.at(0), config, timing, shutter_proven)}
    rig = cameras.rig
    if rig is not None:
        described["gs"] = _gs(cameras.at(1), rig, config)
    return RecordingInfo(
        started=datetime.now(UTC),
        started_host_time_ns=time.monotonic_ns(),
        cameras=described,
        compression=request.compression,
        note=request.note,
        wiring=None if rig is None or not rig.wiring else rig.wiring.value,
        calibration=None if config.rig is None else config.rig.model_dump(mode="json"),
        versions={
            "python": platform.python_version(),
            **{name: version(name) for name in _PACKAGES},
        },
    )


def _rsgr(
    camera: Camera, config: SessionConfig, timing: TimingInUse, shutter_proven: bool | None
) -> RecordedCamera:
    return describe_camera(
        camera,
        timing=timing.sensor,
        timing_source=timing.source,
        black_level_dn=radiometry_in_use(camera, config, 0).black_level_dn,
        shutter_proven=shutter_proven,
    )


def _gs(camera: Camera, rig: Rig, config: SessionConfig) -> RecordedCamera:
    timing = rig.gs_timing()
    return describe_camera(
        camera,
        timing=timing,
        timing_source=TimingSource.UNKNOWN if timing is None else camera.row_timing.source,
        black_level_dn=radiometry_in_use(camera, config, 1).black_level_dn,
    )
