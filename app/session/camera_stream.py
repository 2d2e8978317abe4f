"""One streaming camera: its ring and its capturing thread."""

from collections.abc import Callable

from app.session.capture import Capture
from app.session.config import DEFAULT_FPS, SessionConfig
from drivers.camera import Camera
from drivers.frame import FrameMetadata
from drivers.ring import FrameRing


class Stream:
    """A camera's ring and the thread that fills it; ``on_frame`` is called for every frame."""

    def __init__(
        self,
        camera: Camera,
        name: str,
        config: SessionConfig,
        on_failure: Callable[[Exception], None],
        on_frame: Callable[[FrameMetadata], None] | None = None,
    ) -> None:
        fps = camera.settings.fps or DEFAULT_FPS
        self.camera = camera
        self.name = name
        self.ring = FrameRing.of_duration(
            camera.frame_format,
            fps,
            config.ring_seconds + config.pretrigger_s,
            config.ring_budget_bytes,
            camera.frame_slots,
        )
        self.capture = Capture(camera, self.ring, name, on_failure, on_frame)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What an operator must know of the frames so far: their numbers and times."""
        return (*self.camera.counters.warnings, *self.capture.clock.warnings)

    def start(self) -> None:
        """Start the camera and the capturing thread."""
        self.camera.start()
        self.capture.start()

    def stop(self) -> None:
        """Stop the camera and wait for the thread."""
        try:
            self.camera.stop()
        finally:
            self.capture.stop()
