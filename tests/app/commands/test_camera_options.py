"""The options of a camera: every setting with a help text has one, and it reaches the session."""

import pytest
import typer
from typer.testing import CliRunner

from app.commands.camera_options import takes_cameras
from app.session.config import SessionConfig
from drivers.camera_settings import NUMBER_SETTINGS, ExposureSettings

WITH_OPTION = [name for name, setting in NUMBER_SETTINGS.items() if setting.option]


def settings_of(*arguments: str) -> ExposureSettings:
    """What a command with these arguments asks of the camera."""
    taken: list[ExposureSettings] = []

    @takes_cameras
    def command(config: SessionConfig) -> None:
        taken.append(config.settings)

    app = typer.Typer()
    app.command()(command)
    result = CliRunner().invoke(app, list(arguments))
    assert result.exit_code == 0, result.output
    return taken[0]


@pytest.mark.parametrize("setting", WITH_OPTION)
def test_a_setting_with_an_option_is_asked_of_the_camera(setting: str) -> None:
    option = f"--{setting.replace('_', '-')}"
    assert settings_of(option, "12.5") == ExposureSettings(**{setting: 12.5})
    assert settings_of() == ExposureSettings()
