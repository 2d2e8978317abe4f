"""Frames for a calibration step: the scene in place, cameras streaming, settings changed."""

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Protocol

import numpy as np
from rich.console import Console

from app.session.config import SessionConfig
from app.session.session import Session
from drivers.addresses import stages_scenes
from drivers.camera import ExposureSettings
from drivers.errors import InstrumentError
from drivers.frame import Frame
from drivers.radiometry import Radiometry

FRAMES_TO_SETTLE = 3
"""Frames already series or on their way when a setting changes."""

_FRAME_WAIT_S = 1.0


class SceneSetup(Protocol):
    """Who puts the scene before the cameras."""

    def prepare(self, config: SessionConfig, scene: str, instruction: str) -> SessionConfig:
        """Have ``scene`` put in place; returns the configuration to open the cameras with.

        ``scene`` is the scene's name for :attr:`drivers.addresses.CameraOptions.scene`,
        ``instruction`` what a person has to do for it. Raises :class:`InstrumentError` when
        it is declined.
        """


class CameraShowsScene:
    """Lets cameras that show scenes themselves show this one; one given by option stays."""

    def prepare(self, config: SessionConfig, scene: str, instruction: str) -> SessionConfig:
        """See :class:`SceneSetup`."""
        if config.options.scene is not None:
            return config
        return replace(config, options=replace(config.options, scene=Path(scene)))


class OperatorSetsScene:
    """Asks the person at the rig and waits for Enter.

    ``quiet`` keeps everything else off the console meanwhile.
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
                self._console.input(f"{instruction}, then press Enter (Ctrl-C ends): ")
        except EOFError:
            raise InstrumentError(
                f"nobody there to prepare the rig ({instruction}); "
                "run it in a terminal, or with --ready when it is prepared"
            ) from None
        return config


class SceneIsReady:
    """Takes the operator's word that everything is in place (``--ready``)."""

    def prepare(self, config: SessionConfig, scene: str, instruction: str) -> SessionConfig:
        """See :class:`SceneSetup`."""
        return config


def scene_setup_for(
    config: SessionConfig,
    console: Console,
    quiet: Callable[[], AbstractContextManager[None]],
    *,
    ready: bool,
) -> SceneSetup:
    """The scene_setup that fits the cameras; for the rest see :class:`OperatorSetsScene`."""
    if stages_scenes(config.camera):
        return CameraShowsScene()
    return SceneIsReady() if ready else OperatorSetsScene(console, quiet)


def standing_still(config: SessionConfig) -> SessionConfig:
    """``config`` with the bench, where a camera shows it itself, at rest.

    A scene given by option stays as it is.
    """
    if config.options.scene is not None:
        return config
    return replace(config, options=replace(config.options, scene_frozen=True))


class FrameAcquisition:
    """Cameras that stream for one step; 0 is the RSGR, 1 the GS camera."""

    def __init__(self, session: Session) -> None:
        self.session = session

    def radiometry(self, camera: int = 0) -> Radiometry:
        """Black level and saturation as the camera or the options tell them."""
        return self.session.radiometry(camera)

    def expose(self, exposure_us: float) -> float:
        """Set the exposure of all cameras; returns what the RSGR camera achieved in us."""
        achieved = self.session.configure(ExposureSettings(exposure_us=exposure_us))
        assert achieved.exposure_us is not None  # it took one
        return achieved.exposure_us

    def frames(self, count: int, camera: int = 0, *, settle: int = FRAMES_TO_SETTLE) -> list[Frame]:
        """The next ``count`` frames in order, after ``settle`` are let go.

        Raises :class:`InstrumentError` when none come.
        """
        reader = self.session.reader(camera=camera)
        frame_format = self.session.camera_at(camera).frame_format
        frames: list[Frame] = []
        deadline_s = time.monotonic() + _FRAME_WAIT_S * (settle + count)
        while len(frames) < settle + count:
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
    """Cameras opened before the prepared scene, streaming, nothing restored."""
    prepared = scene_setup.prepare(replace(config, model=None), scene, instruction)
    with Session(prepared) as session:
        session.start()
        yield FrameAcquisition(session)
