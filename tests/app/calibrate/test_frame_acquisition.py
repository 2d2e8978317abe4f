"""Who puts the scene before the cameras, and how they are asked."""

import builtins
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from rich.console import Console

from app.calibrate.frame_acquisition import (
    CameraStaging,
    OperatorStaging,
    ReadyStaging,
    staging_for,
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

    monkeypatch.setattr(builtins, "input", lambda prompt="": happened.append("asked") or "")
    config = SessionConfig()
    staging = OperatorStaging(Console(), bar_out_of_the_way)
    assert staging.prepare(config, "Flat", "put a panel there") == config
    assert happened == ["quiet", "asked", "loud"]


def test_nobody_there_is_told_about_ready(monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody(prompt: str = "") -> str:
        raise EOFError

    monkeypatch.setattr(builtins, "input", nobody)
    with pytest.raises(InstrumentError, match=r"\(put a panel there\); run it in a terminal, or"):
        OperatorStaging(Console()).prepare(SessionConfig(), "Flat", "put a panel there")


def test_only_people_at_real_cameras_are_asked() -> None:
    console = Console()
    real = SessionConfig(camera="genicam:1234")
    assert isinstance(staging_for(real, console, quiet, ready=False), OperatorStaging)
    assert isinstance(staging_for(real, console, quiet, ready=True), ReadyStaging)
    assert isinstance(staging_for(SessionConfig(), console, quiet, ready=False), CameraStaging)
