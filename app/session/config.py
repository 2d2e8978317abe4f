"""What a session is asked to do; checked before any device is touched."""

from dataclasses import dataclass, field, replace
from pathlib import Path

from calibration.rig_calibration import RigCalibration
from drivers.addresses import CameraOptions
from drivers.camera_settings import ExposureSettings
from drivers.rig.wiring import WiringRequest
from drivers.timing import ReadoutDirection

DEFAULT_CAMERA = "virtual:rsgr"
DEFAULT_MODEL = "row-gain"
DEFAULT_FPS = 60.0
RING_SECONDS = 2.0
RING_BUDGET_BYTES = 1 << 30
CATCH_UP_S = 0.5
"""What a ring keeps free of a pre-trigger: frames come while its first ones are written."""


@dataclass(frozen=True, slots=True)
class SessionConfig:
    """Cameras, first settings and what is known of them.

    ``model`` None restores nothing; ``engine`` None computes it by the fastest.
    ``line_time_us``, ``readout`` and ``black_level_dn`` override what the camera says.
    ``size_px`` (width, height) asks for a region centred on the sensor, None for a
    side leaves it whole. ``pretrigger_s`` of frames are kept for recordings that
    reach back, and ``ring_seconds`` beside for slow readers, within
    ``ring_budget_bytes`` per camera. ``recordings`` is where the window puts recordings,
    None the user's folder of films. What ``rig`` says of the cameras goes before options
    and the cameras' own word. ``gs_options`` are nodes, shutter node and description of the GS
    camera, None where they are those of ``options``; ``gs_settings`` are exposure, gain and pixel
    format in which it does not follow the RSGR camera. ``inputs`` are files that it was read from.
    """

    camera: str = DEFAULT_CAMERA
    gs_camera: str | None = None
    wiring: WiringRequest = field(default_factory=WiringRequest)
    settings: ExposureSettings = field(default_factory=ExposureSettings)
    size_px: tuple[int | None, int | None] | None = None
    options: CameraOptions = field(default_factory=CameraOptions)
    gs_options: CameraOptions | None = None
    gs_settings: ExposureSettings = field(default_factory=ExposureSettings)
    model: str | None = DEFAULT_MODEL
    engine: str | None = None
    line_time_us: float | None = None
    readout: ReadoutDirection | None = None
    black_level_dn: float | None = None
    rig: RigCalibration | None = None
    pretrigger_s: float = 0.0
    recordings: Path | None = None
    ring_seconds: float = RING_SECONDS
    ring_budget_bytes: int = RING_BUDGET_BYTES
    inputs: tuple[Path, ...] = ()

    @property
    def options_of_gs(self) -> CameraOptions:
        """Options to open the GS camera with; both cameras look at one scene."""
        own = self.gs_options
        if own is None:
            return self.options
        return replace(
            self.options,
            shutter_node=own.shutter_node,
            node_settings=own.node_settings,
            description=own.description,
        )
