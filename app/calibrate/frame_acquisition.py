"""Frames for a calibration step: prepares the scene, streams, changes settings."""

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Protocol

import numpy as np
from rich.console import Console

from app import terminal
from app.session.config import SessionConfig
from app.session.session import Session
from drivers.addresses import stages_scenes
from drivers.camera_settings import ExposureSettings
from drivers.errors import InstrumentError
from drivers.frame import Frame
from drivers.radiometry import Radiometry

FRAMES_TO_SETTLE = 3
"""Frames that are being exposed or transferred when a setting changes."""

_FRAME_WAIT_S = 1.0


class SceneSetup(Protocol):
    """Puts a scene before the cameras, or asks for it."""

    def prepare(self, config: SessionConfig, scene: str, instruction: str) -> SessionConfig:
        """Have ``scene`` put in place; returns the configuration to open the cameras with.

        ``scene`` is the scene's name for :attr:`drivers.addresses.CameraOptions.scene`,
        ``instruction`` what a person has to do for it. Raises :class:`InstrumentError` when
        it is declined.
        """


class CameraShowsScene:
    """For simulated cameras: selects the scene, unless an option has chosen one."""

    def prepare(self, config: SessionConfig, scene: str, instruction: str) -> SessionConfig:
        """See :class:`SceneSetup`."""
        if config.options.scene is not None:
            return config
        return replace(config, options=replace(config.options, scene=Path(scene)))


class OperatorSetsScene:
    """Asks the operator for the scene and waits for Enter.

    ``quiet`` keeps other output off the console while waiting.
    """

    def __init__(
        self, console: Console, quiet: Callable[[], AbstractContextManager[None]] = nullcontext
    ) -> None:
        self._console = console
        self._quiet = quiet

    def prepare(self, config: SessionConfig, scene: str, instruction: str) -> SessionConfig:
        """See :class:`SceneSetup`."""
        try:
            with self._quiet():
                asked = f"{instruction}, then press Enter (Ctrl-C ends): "
                terminal.ask(self._console, asked)
        except EOFError:
            raise InstrumentError(
                f"nobody there to prepare the rig ({instruction}); "
                "run it in a terminal, or with --ready when it is prepared"
            ) from None
        return config


class SceneIsReady:
    """Does not ask: the operator has said that the scene is ready (``--ready``)."""

    def prepare(self, config: SessionConfig, scene: str, instruction: str) -> SessionConfig:
        """See :class:`SceneSetup`."""
        return config


class RehearsedScene:
    """For simulated cameras: asks as before real ones, then selects the scene."""

    def __init__(self, asking: OperatorSetsScene) -> None:
        self._asking = asking

    def prepare(self, config: SessionConfig, scene: str, instruction: str) -> SessionConfig:
        """See :class:`SceneSetup`."""
        asked = self._asking.prepare(config, scene, instruction)
        return CameraShowsScene().prepare(asked, scene, instruction)


def scene_setup_for(
    config: SessionConfig,
    console: Console,
    quiet: Callable[[], AbstractContextManager[None]],
    *,
    ready: bool,
    rehearse: bool = False,
) -> SceneSetup:
    """The scene setup for these cameras; arguments as for :class:`OperatorSetsScene`.

    Simulated cameras are only asked for with ``rehearse``, which is refused for others.
    """
    if stages_scenes(config.camera):
        asking = OperatorSetsScene(console, quiet)
        return RehearsedScene(asking) if rehearse else CameraShowsScene()
    if rehearse:
        raise InstrumentError(
            "--rehearse is for the virtual rig; of real cameras it is asked anyway"
        )
    return SceneIsReady() if ready else OperatorSetsScene(console, quiet)


def standing_still(config: SessionConfig) -> SessionConfig:
    """``config`` with a simulated scene stopped.

    A scene given by option stays as it is.
    """
    if config.options.scene is not None:
        return config
    return replace(config, options=replace(config.options, scene_frozen=True))


def no_limit() -> None:
    """Nothing ends the acquisition before it has its frames."""


class FrameAcquisition:
    """Streaming cameras of one calibration step; 0 is the RSGR, 1 the GS camera.

    ``check`` is called while it waits, and may raise to end it.
    """

    def __init__(self, session: Session, check: Callable[[], None] = no_limit) -> None:
        self.session = session
        self._check = check

    def radiometry(self, camera: int = 0) -> Radiometry:
        """Black level and saturation as the camera or the options tell them."""
        return self.session.radiometry(camera)

    def expose(self, exposure_us: float) -> float:
        """Set the exposure of all cameras; returns what the RSGR camera achieved in us."""
        self._check()
        achieved = self.session.configure(ExposureSettings(exposure_us=exposure_us))
        assert achieved.exposure_us is not None  # it took one
        return achieved.exposure_us

    def clock_steps(self, camera: int = 0) -> int:
        """Steps of a camera's clock since the stream began."""
        return list(self.session.status().clock_steps.values())[camera]

    def frames(self, count: int, camera: int = 0, *, settle: int = FRAMES_TO_SETTLE) -> list[Frame]:
        """The next ``count`` frames in order, after ``settle`` are let go.

        Raises :class:`InstrumentError` when none come.
        """
        reader = self.session.reader(camera=camera)
        frame_format = self.session.camera_at(camera).frame_format
        frames: list[Frame] = []
        deadline_s = time.monotonic() + _FRAME_WAIT_S * (settle + count)
        while len(frames) < settle + count:
            self._check()
            pixels = np.empty(frame_format.shape, frame_format.pixel_format.dtype)
            metadata = reader.next(pixels, _FRAME_WAIT_S)
            if metadata is not None:
                frames.append(Frame(pixels, metadata))
            elif time.monotonic() > deadline_s or self.session.status().message:
                raise InstrumentError(
                    self.session.status().message or "no frames came; check trigger and light"
                )
        return frames[settle:]


@contextmanager
def acquiring(
    config: SessionConfig, scene_setup: SceneSetup, scene: str, instruction: str
) -> Iterator[FrameAcquisition]:
    """Prepare the scene, open the cameras, stream without restoring."""
    prepared = scene_setup.prepare(replace(config, model=None), scene, instruction)
    with Session(prepared) as session:
        session.start()
        yield FrameAcquisition(session)
