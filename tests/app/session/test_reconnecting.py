"""A camera that comes back: in any shutter mode, with its settings, and what is not so is told."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from app.session.config import SessionConfig
from app.session.session import Session
from app.session.status import SessionState
from drivers.camera_settings import ExposureSettings, ShutterMode
from drivers.errors import CameraLostError
from drivers.genicam.genicam_camera import GenicamCamera
from tests.drivers.genicam.hostile.hostile_description import HostileFeatures, ShutterNode
from tests.drivers.genicam.hostile.hostile_producer import HostileProducer, Script
from tests.patience import wait_until

Maker = Callable[..., HostileProducer]

NODE = ShutterNode(values=("Rolling", "GlobalReset"))


@contextmanager
def streaming(producer: HostileProducer, **settings: Any) -> Iterator[Session]:
    asked = ExposureSettings(**settings)
    with Session(SessionConfig(camera=producer.address, settings=asked, model=None)) as session:
        session.start()
        wait_until(lambda: session.status().counters.captured > 2)
        yield session


def away_and_back(producer: HostileProducer, session: Session) -> None:
    producer.unplug()
    wait_until(lambda: session.state is SessionState.LOST)
    producer.plug_in()
    session.reconnect()
    assert session.state is SessionState.STREAMING
    wait_until(lambda: session.status().counters.captured > 2)


@pytest.mark.parametrize(
    ("shutter", "mode", "trigger"),
    [
        (NODE, ShutterMode.ROLLING, "off"),
        (NODE, ShutterMode.GLOBAL_RESET, "software"),
        (None, ShutterMode.UNKNOWN, "off"),
        (None, ShutterMode.UNKNOWN, "software"),
    ],
)
def test_it_comes_back_with_the_settings_last_in_force(
    hostile: Maker, shutter: ShutterNode | None, mode: ShutterMode, trigger: str
) -> None:
    producer = hostile(Script(HostileFeatures(shutter=shutter)))
    wanted = None if mode is ShutterMode.UNKNOWN else mode
    with streaming(producer, shutter=wanted, trigger_source=trigger) as session:
        session.configure(ExposureSettings(exposure_us=1500.0, gain_db=3.0, fps=50.0))
        before = session.camera.settings
        assert (before.shutter, before.exposure_us) == (mode, 1500.0)
        away_and_back(producer, session)
        assert session.camera.settings == before
        assert not any("lost" in text for text in session.status().device_state.warnings)


def test_what_it_does_not_take_any_more_is_told(hostile: Maker) -> None:
    producer = hostile(Script(HostileFeatures(shutter=NODE)))
    with streaming(producer, shutter=ShutterMode.ROLLING, trigger_source="off") as session:
        session.configure(ExposureSettings(exposure_us=1500.0, gain_db=3.0))
        producer.switch(stuck="Gain")
        away_and_back(producer, session)
        assert session.camera.settings.exposure_us == 1500.0
        told = [text for text in session.status().device_state.warnings if "was lost" in text]
        assert told == ["gain was 3 dB before the camera was lost, it is 0 dB"]


@pytest.mark.usefixtures("virtual_rig")
@pytest.mark.parametrize(
    ("pixel_format", "trigger"), [("Mono8", "Line1"), ("Mono12", "off"), ("BayerRG12", "auto")]
)
def test_the_virtual_camera_comes_back_in_any_format(pixel_format: str, trigger: str) -> None:
    """The black level is in codes of the format: at power-up it is another one."""
    mode = ShutterMode.ROLLING if trigger == "off" else ShutterMode.GLOBAL_RESET
    asked = ExposureSettings(shutter=mode, trigger_source=trigger, pixel_format=pixel_format)
    with Session(SessionConfig(settings=asked, size_px=(64, 16), model=None)) as session:
        before = session.camera.settings
        session.reconnect()
        assert session.camera.settings == before
        assert not any("lost" in text for text in session.status().device_state.warnings)


@pytest.mark.usefixtures("virtual_rig")
@pytest.mark.parametrize(
    "call",
    [Session.start, lambda session: session.configure(ExposureSettings(exposure_us=1000.0))],
    ids=["start", "configure"],
)
def test_a_camera_that_a_call_finds_away_is_lost_and_comes_back(
    call: Callable[[Session], object],
) -> None:
    """The session stayed stopped, and nothing offered to reconnect."""
    with Session(SessionConfig(size_px=(64, 16), model=None)) as session:
        camera = session.camera
        assert isinstance(camera, GenicamCamera)
        camera.write_node("FaultDisconnect", "execute")
        with pytest.raises(CameraLostError):
            call(session)
        assert session.state is SessionState.LOST
        assert "camera lost" in session.status().message
        session.reconnect()
        assert session.state is SessionState.STREAMING


def test_an_unexpected_error_is_told_in_one_line() -> None:
    session = Session(SessionConfig(model=None))
    session.on_thread_failure(ValueError("two\nlines"))
    with session:
        session.on_thread_failure(ValueError("two\nlines"))
        assert session.status().message == (
            r"unexpected ValueError: two\nlines; the session has ended"
        )
