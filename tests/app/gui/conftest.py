"""Windows on the virtual rig or on a folder of images, without a display."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from PyQt6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app.gui.theme import apply_theme
from app.gui.window import MainWindow
from app.session.config import SessionConfig
from app.session.session import Session
from drivers import virtual
from drivers.camera_settings import ExposureSettings
from drivers.errors import InstrumentError

Opener = Callable[[SessionConfig], MainWindow]


@pytest.fixture
def virtual_rig() -> None:
    """Skip where the virtual rig's compiled part was not built."""
    try:
        virtual.producer_path()
    except InstrumentError as error:
        pytest.skip(str(error))


@pytest.fixture
def settings(tmp_path: Path) -> Path:
    """Where this test's window remembers things."""
    return tmp_path / "config" / "window.json"


@pytest.fixture
def open_window(qtbot: QtBot, qapp: QApplication, settings: Path) -> Iterator[Opener]:
    """Opens a window on a session; both are closed after the test."""
    apply_theme(qapp)
    sessions: list[Session] = []
    windows: list[MainWindow] = []

    def open_one(config: SessionConfig) -> MainWindow:
        session = Session(config)
        session.open()
        sessions.append(session)
        window = MainWindow(session, settings)
        windows.append(window)
        window.resize(1280, 800)
        window.show()
        return window

    yield open_one
    for window in windows:
        window.close()
        window.deleteLater()
    for session in sessions:
        session.close()


@pytest.fixture
def replay_config(tmp_path: Path) -> SessionConfig:
    """A replay of four images with a moving bar under a ramp, timing given."""
    folder = tmp_path / "images"
    folder.mkdir()
    ramp = np.linspace(60, 200, 120)[:, None].repeat(160, axis=1)
    for number in range(4):
        image = ramp.astype(np.uint8)
        image[:, 10 * number : 10 * number + 5] = 20
        cv2.imwrite(str(folder / f"{number}.png"), image)
    return SessionConfig(
        camera=f"replay:{folder}",
        settings=ExposureSettings(exposure_us=1000.0, fps=60.0),
        line_time_us=10.0,
    )
