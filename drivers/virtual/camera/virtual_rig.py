"""The virtual rig: two cameras, one clock, one trigger wire, one scene."""

import threading
from functools import lru_cache
from pathlib import Path

from drivers.errors import InstrumentError
from drivers.virtual.camera.acquisition import OutputPulse
from drivers.virtual.camera.camera_models import MODELS, RSGR, SENSOR_COLUMNS, SENSOR_ROWS
from drivers.virtual.camera.feature_table import Value
from drivers.virtual.camera.gentl import ErrorCode, GenTLError
from drivers.virtual.camera.rig_clock import CLOCK
from drivers.virtual.camera.virtual_camera import VirtualCamera
from drivers.virtual.scene.flicker import FlickeringScene
from drivers.virtual.scene.footage_scene import open_footage
from drivers.virtual.scene.frozen import StillScene
from drivers.virtual.scene.named_scenes import named_scene
from drivers.virtual.scene.scene import Scene

_POWER_UP: dict[str, Value] = {
    "SceneName": "Bench",
    "SceneFile": "",
    "SceneFieldWidth": 640,
    "SceneFieldHeight": 480,
    "SceneStatus": "ok",
    "SceneFrozen": False,
    "SceneFlickerDepth": 0.0,
    "SceneFlickerRate": 100.0,
    "RigGeneratorEnable": False,
    "RigGeneratorRate": 60.0,
}


@lru_cache
def _named_scene(name: str) -> Scene:
    return named_scene(name, SENSOR_COLUMNS, SENSOR_ROWS)


class Rig:
    """Shared state of the cameras. It never calls a camera while it holds its own lock."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._epoch_ns = CLOCK.now_ns()
        self._power_up()
        self.cameras = {model.device_id: VirtualCamera(model, self) for model in MODELS}

    def _power_up(self) -> None:
        self._values = dict(_POWER_UP)
        self._scene: Scene | None = None
        self._still: StillScene | None = None
        self._frozen_at_ns: int | None = None
        self._stood_still_ns = 0
        self._generator_start_ns = 0

    def client_opens(self, camera: VirtualCamera) -> None:
        """Power up a camera when a client opens it; the first one powers up the rig too."""
        with self._lock:
            if not any(other.is_open for other in self.cameras.values()):
                self._power_up()
        camera.power_up()

    def close(self) -> None:
        """Stop every camera."""
        for camera in self.cameras.values():
            camera.close()

    def handles(self, name: str) -> bool:
        """Whether a feature belongs to the rig rather than to one camera."""
        return name in _POWER_UP

    def read(self, name: str) -> Value:
        """A value that all cameras share."""
        with self._lock:
            return self._values[name]

    def write(self, name: str, value: Value) -> None:
        """Set a shared value and wake the cameras; call without holding a camera's lock."""
        now_ns = CLOCK.now_ns()
        if name == "SceneFile":
            self._choose_scene(str(value))
        with self._lock:
            self._values[name] = value
            if name in ("SceneName", "SceneFieldWidth", "SceneFieldHeight"):
                self._scene = None
            if name == "SceneFrozen":
                self._freeze(bool(value), now_ns)
            if name in ("RigGeneratorEnable", "RigGeneratorRate"):
                self._generator_start_ns = now_ns
        for camera in self.cameras.values():
            camera.wake()

    def _choose_scene(self, file: str) -> None:
        try:
            scene = self._open(file)
        except InstrumentError as error:
            with self._lock:
                self._values["SceneStatus"] = str(error)
            raise GenTLError(ErrorCode.INVALID_VALUE, str(error)) from error
        with self._lock:
            self._scene = scene
            self._values["SceneStatus"] = "ok"

    def _open(self, file: str) -> Scene:
        if not file:
            return _named_scene(str(self.read("SceneName")))
        columns, rows = (int(self.read(f"SceneField{side}")) for side in ("Width", "Height"))
        return open_footage(Path(file), columns, rows, SENSOR_COLUMNS, SENSOR_ROWS)

    def scene(self) -> Scene:
        """The scene before the cameras; opened at the first call."""
        scene = self._scene
        if scene is None:
            scene = self._open(str(self.read("SceneFile")))
            with self._lock:
                self._scene = scene
        frozen_at_ns = self._frozen_at_ns
        if frozen_at_ns is not None:
            scene = self._still_of(scene, self.scene_time_us(frozen_at_ns))
        depth = float(self.read("SceneFlickerDepth"))
        if depth > 0:
            scene = FlickeringScene(scene, depth, float(self.read("SceneFlickerRate")))
        return scene

    def _still_of(self, scene: Scene, at_us: float) -> StillScene:
        """The scene frozen at ``at_us``; the same object as before if unchanged, for its cache."""
        still = self._still
        if still is None or still.scene is not scene or still.at_us != at_us:
            still = self._still = StillScene(scene, at_us)
        return still

    def _freeze(self, frozen: bool, now_ns: int) -> None:
        if frozen and self._frozen_at_ns is None:
            self._frozen_at_ns = now_ns
        elif not frozen and self._frozen_at_ns is not None:
            self._stood_still_ns += now_ns - self._frozen_at_ns
            self._frozen_at_ns = None

    def scene_time_us(self, instant_ns: int) -> float:
        """Scene time of an instant; the same for both cameras."""
        with self._lock:
            return (instant_ns - self._epoch_ns - self._stood_still_ns) / 1000.0

    def next_generator_edge_ns(self, last_ns: int, *, falling: bool) -> int | None:
        """The generator's next edge on the wire after ``last_ns``; None while it is off.

        Its pulses last half a period. A camera that drives the wire disconnects the generator.
        """
        if self.cameras[RSGR.device_id].drives_wire:
            return None
        with self._lock:
            if not self._values["RigGeneratorEnable"]:
                return None
            period_ns = 1e9 / float(self._values["RigGeneratorRate"])
            first_ns = self._generator_start_ns + (period_ns / 2 if falling else 0.0)
            edges = max(0, int((last_ns - first_ns) // period_ns) + 1)
            edge_ns = round(first_ns + edges * period_ns)
            # Rounding to whole nanoseconds can give the last edge again.
            return edge_ns if edge_ns > last_ns else round(first_ns + (edges + 1) * period_ns)

    def drive_wire(self, source: VirtualCamera, pulse: OutputPulse) -> None:
        """Send a pulse of the master camera to Line1 of the other cameras."""
        if source.model is not RSGR:
            return
        for camera in self.cameras.values():
            if camera is not source:
                camera.line_pulse(pulse)
