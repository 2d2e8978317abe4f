"""Who puts the scene before the cameras, and how they are asked."""

import io
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from rich.console import Console

from app import terminal
from app.calibrate.frame_acquisition import (
    CameraShowsScene,
    OperatorSetsScene,
    SceneIsReady,
    scene_setup_for,
)
from app.session.config import SessionConfig
from drivers.errors import InstrumentError


@contextmanager
def quiet() -> Iterator[None]:
    yield


def test_the_operator_is_asked_while_nothing_else_writes(monkeypatch: pytest.MonkeyPatch) -> None:
    happened: list[str] = []

    @contextmanager
    def bar_out_of_the_way() -> Iterator[None]:
        happened.append("quiet")
        yield
        happened.append("loud")

    monkeypatch.setattr(terminal, "ask", lambda *_: happened.append("asked") or "")
    config = SessionConfig()
    scene_setup = OperatorSetsScene(Console(), bar_out_of_the_way)
    assert scene_setup.prepare(config, "Flat", "put a panel there") == config
    assert happened == ["quiet", "asked", "loud"]


def test_nobody_there_is_told_about_ready(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    with pytest.raises(InstrumentError, match=r"\(put a panel there\); run it in a terminal, or"):
        OperatorSetsScene(Console()).prepare(SessionConfig(), "Flat", "put a panel there")


def test_only_people_at_real_cameras_are_asked() -> None:
    console = Console()
    real = SessionConfig(camera="genicam:1234")
    assert isinstance(scene_setup_for(real, console, quiet, ready=False), OperatorSetsScene)
    assert isinstance(scene_setup_for(real, console, quiet, ready=True), SceneIsReady)
    assert isinstance(
        scene_setup_for(SessionConfig(), console, quiet, ready=False), CameraShowsScene
    )
