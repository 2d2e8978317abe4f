"""What ``recording.json`` says when a session begins to record."""

import platform
import time
from datetime import UTC, datetime
from importlib.metadata import version

from app.session.recorder import RecordingRequest
from app.session.session import Session
from drivers.recording.description import RecordedCamera, RecordingInfo, describe_camera
from drivers.timing import TimingSource

_PACKAGES = ("neural-global-shutter", "acquire-zarr", "harvesters", "numpy")


def recording_info(session: Session, request: RecordingRequest) -> RecordingInfo:
    """Cameras as they are now, with the timing and black level the session works with."""
    cameras = {"rsgr": _rsgr(session)}
    if session.camera_count > 1:
        gs_timing = None if session.rig is None else session.rig.gs_timing()
        told = session.camera_at(1).row_timing.source
        cameras["gs"] = describe_camera(
            session.camera_at(1),
            line_time_us=None if gs_timing is None else gs_timing.line_time_us,
            timing_source=TimingSource.UNKNOWN if gs_timing is None else told,
            black_level_dn=session.radiometry(1).black_level_dn,
        )
    return RecordingInfo(
        started=datetime.now(UTC),
        started_host_time_ns=time.monotonic_ns(),
        cameras=cameras,
        compression=request.compression,
        note=request.note,
        wiring=None if session.rig is None or not session.rig.wiring else session.rig.wiring.value,
        calibration=None
        if session.config.rig is None
        else session.config.rig.model_dump(mode="json"),
        pretrigger_s=request.pretrigger_s,
        versions={
            "python": platform.python_version(),
            **{name: version(name) for name in _PACKAGES},
        },
    )


def _rsgr(session: Session) -> RecordedCamera:
    timing = session.timing()
    return describe_camera(
        session.camera,
        line_time_us=None if timing.sensor is None else timing.sensor.line_time_us,
        timing_source=timing.source,
        black_level_dn=session.radiometry().black_level_dn,
        shutter_proven=session.shutter_proven,
    )
