"""The camera that is tested: opened for each step that needs it, and again after a failure."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from app.diagnostics.camera_selftest.operator import Operator
from app.session.config import SessionConfig
from app.session.session import Session
from calibration.temporal.ramp_fit import ShutterProof
from drivers.addresses import open_camera
from drivers.camera import Camera
from drivers.camera_contract import let_run_by_itself
from drivers.camera_settings import ExposureSettings
from drivers.errors import InstrumentError
from drivers.genicam.node_snapshot import NodeSnapshot
from drivers.rig.wiring import WiringRequest


class TimeOverError(InstrumentError):
    """The time of the selftest was over while a step ran."""


class TimeBudget:
    """How long the whole selftest may take, but for waiting for the operator."""

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self.seconds = seconds
        self._clock = clock
        self._ends_s = clock() + seconds

    def check(self) -> None:
        """Raise :class:`TimeOverError` when it is over."""
        if self.left_s <= 0:
            raise TimeOverError(f"the time was over ({self.seconds:g} s)")

    @property
    def left_s(self) -> float:
        """Time left; 0 when it is over."""
        return max(0.0, self._ends_s - self._clock())

    def share_s(self, share: float) -> float:
        """A share of the whole, as far as it is left."""
        return min(share * self.seconds, self.left_s)

    @contextmanager
    def standing_still(self) -> Iterator[None]:
        """The time of the operator does not count."""
        before_s = self._clock()
        yield
        self._ends_s += self._clock() - before_s


@dataclass
class CameraUnderTest:
    """One camera, and what the steps so far have found of it for those that follow.

    ``config`` opens this camera alone. ``files`` go into the zip, by name. ``private`` allows
    serial numbers and addresses in them, ``pictures`` a picture.
    """

    name: str
    config: SessionConfig
    operator: Operator
    budget: TimeBudget
    private: bool = False
    pictures: bool = False
    files: dict[str, bytes] = field(default_factory=dict)
    serial: str = ""
    snapshot: NodeSnapshot | None = None
    proof: ShutterProof | None = None
    _camera: Camera | None = None

    def opened(self) -> Camera:
        """The camera as it is after opening, from the step before or opened now."""
        if self._camera is None:
            self._camera = open_camera(self.config.camera, self.config.options)
        return self._camera

    def running_by_itself(self) -> Camera:
        """The camera as the contract wants it."""
        camera = self.opened()
        let_run_by_itself(camera)
        return camera

    def let_go(self) -> None:
        """Close the camera, so that the next step opens it anew; safe in any state."""
        camera, self._camera = self._camera, None
        if camera is not None:
            camera.close()

    @contextmanager
    def session(self, config: SessionConfig | None = None) -> Iterator[Session]:
        """A session of this camera alone, which restores nothing."""
        self.let_go()
        with Session(config or self.config) as session:
            yield session


def alone(config: SessionConfig, address: str, *, first: bool) -> SessionConfig:
    """The configuration of one camera of a rig; the second has no trigger options of its own."""
    settings = config.settings
    if not first:
        settings = ExposureSettings(
            exposure_us=settings.exposure_us,
            fps=settings.fps,
            gain_db=settings.gain_db,
            pixel_format=settings.pixel_format,
        )
    return replace(
        config,
        camera=address,
        gs_camera=None,
        wiring=WiringRequest(),
        settings=settings,
        rig=None,
        model=None,
    )
