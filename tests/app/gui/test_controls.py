"""The control panel shows every setting of the table, as far as the camera offers it."""

from dataclasses import replace
from typing import Any

import pytest
from pytestqt.qtbot import QtBot

from app.gui.controls import ControlPanel
from app.session.config import SessionConfig
from app.session.session import Session
from drivers.camera_settings import (
    NUMBER_SETTINGS,
    CameraControls,
    ExposureSettings,
    NumericControl,
)

RANGE = NumericControl(1.0, 100.0, 1.0, "units")


@pytest.mark.parametrize("setting", NUMBER_SETTINGS)
def test_a_number_the_camera_offers_is_shown_and_asked_for(
    qtbot: QtBot, replay_config: SessionConfig, setting: str
) -> None:
    with Session(replay_config) as session:
        status = session.status()
    numbers: Any = {setting: 40.0}
    ranges: Any = {setting: RANGE}
    offering = replace(
        status, settings=ExposureSettings(**numbers), controls=CameraControls(**ranges)
    )
    panel = ControlPanel()
    qtbot.addWidget(panel)
    panel.show()
    panel.show_status(offering, busy=False)
    field = panel.numbers[setting]
    assert field.isVisible()
    assert field.isEnabledTo(field.parentWidget())
    assert field.spin.value() == 40.0
    with qtbot.waitSignal(panel.requested) as asked:
        field.spin.setValue(50.0)
    assert asked.args == [ExposureSettings(**{setting: 50.0})]
    panel.show_status(replace(offering, controls=CameraControls()), busy=False)
    assert not field.isVisible() or not field.isEnabled()
