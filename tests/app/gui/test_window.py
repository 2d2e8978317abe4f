"""The window by what a person does with it."""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from PyQt6.QtCore import QPoint, QPointF, Qt
from PyQt6.QtGui import QWheelEvent
from PyQt6.QtWidgets import QApplication, QDoubleSpinBox, QFileDialog, QLabel
from pytestqt.qtbot import QtBot

from app.gui.window import MainWindow
from app.session.config import SessionConfig
from app.session.session import Session
from app.session.status import SessionState
from drivers.addresses import CameraOptions
from drivers.camera_settings import Region, ShutterMode
from drivers.genicam.genicam_camera import GenicamCamera
from tests.patience import LONGEST_S, PowerTime

Opener = Callable[[SessionConfig], MainWindow]

WAIT_MS = round(1000 * LONGEST_S)


def session_of(window: MainWindow) -> Session:
    return window.controller.session


def type_into(qtbot: QtBot, field: QDoubleSpinBox, text: str) -> None:
    field.setFocus()
    field.selectAll()
    qtbot.keyClicks(field, text)
    qtbot.keyClick(field, Qt.Key.Key_Return)


def wait_for_pictures(qtbot: QtBot, window: MainWindow) -> None:
    qtbot.waitUntil(
        lambda: 0 not in window.raw_pane.picture.size_px + window.restored_pane.picture.size_px,
        timeout=WAIT_MS,
    )


def pull_the_plug(window: MainWindow) -> None:
    camera = session_of(window).camera
    assert isinstance(camera, GenicamCamera)
    camera.write_node("FaultDisconnect", "execute")


@pytest.mark.usefixtures("virtual_rig")
class TestOnTheVirtualRig:
    def test_raw_and_restored_appear_and_are_counted(
        self, qtbot: QtBot, open_window: Opener
    ) -> None:
        window = open_window(SessionConfig())
        wait_for_pictures(qtbot, window)
        assert window.raw_pane.picture.size_px == (480, 640)
        assert window.restored_pane.picture.size_px == (480, 640)
        qtbot.waitUntil(lambda: int(window.counters.value("shown")) > 5, timeout=WAIT_MS)
        assert int(window.counters.value("captured")) >= int(window.counters.value("shown"))
        assert window.counters.value("lost") == "0"
        assert window.counters.value("line time") == "6 µs node"

    def test_of_two_cameras_the_pairs_are_counted(self, qtbot: QtBot, open_window: Opener) -> None:
        window = open_window(SessionConfig(gs_camera="virtual:gs"))
        wait_for_pictures(qtbot, window)
        qtbot.waitUntil(lambda: int(window.counters.value("pairs")) > 5, timeout=WAIT_MS)
        assert window.counters.value("GS lost").isdigit()
        assert window.counters.value("unpaired").isdigit()

    def test_an_exposure_typed_in_is_achieved_and_shown(
        self, qtbot: QtBot, open_window: Opener
    ) -> None:
        window = open_window(SessionConfig())
        wait_for_pictures(qtbot, window)
        type_into(qtbot, window.panel.numbers["exposure_us"].spin, "3000")
        qtbot.waitUntil(
            lambda: session_of(window).camera.settings.exposure_us == 3000.0, timeout=WAIT_MS
        )
        qtbot.waitUntil(lambda: not window.controller.is_configuring, timeout=WAIT_MS)
        assert window.panel.numbers["exposure_us"].spin.value() == 3000.0
        assert not window.messages.isVisible()

    def test_a_gain_between_two_steps_shows_the_step_achieved(
        self, qtbot: QtBot, open_window: Opener
    ) -> None:
        window = open_window(SessionConfig())
        wait_for_pictures(qtbot, window)
        type_into(qtbot, window.panel.numbers["gain_db"].spin, "3.04")
        qtbot.waitUntil(lambda: session_of(window).camera.settings.gain_db == 3.0, timeout=WAIT_MS)
        qtbot.waitUntil(lambda: not window.controller.is_configuring, timeout=WAIT_MS)
        assert window.panel.numbers["gain_db"].spin.value() == 3.0

    def test_an_exposure_out_of_range_is_refused_with_the_limit_and_goes_back(
        self, qtbot: QtBot, open_window: Opener
    ) -> None:
        window = open_window(SessionConfig())
        wait_for_pictures(qtbot, window)
        former = window.panel.numbers["exposure_us"].spin.value()
        type_into(qtbot, window.panel.numbers["exposure_us"].spin, "3")
        qtbot.waitUntil(window.messages.isVisible, timeout=WAIT_MS)
        assert "10" in window.messages.text
        assert "us" in window.messages.text
        qtbot.waitUntil(
            lambda: window.panel.numbers["exposure_us"].spin.value() == former, timeout=WAIT_MS
        )
        assert session_of(window).state == SessionState.STREAMING

    def test_a_dragged_slider_ends_where_it_was_let_go(
        self, qtbot: QtBot, open_window: Opener
    ) -> None:
        window = open_window(SessionConfig())
        wait_for_pictures(qtbot, window)
        slider, spin = (
            window.panel.numbers["exposure_us"].slider,
            window.panel.numbers["exposure_us"].spin,
        )
        assert slider is not None
        slider.setSliderDown(True)
        for step in range(300, 440, 10):
            slider.setSliderPosition(step)
            qtbot.wait(5)
        slider.setSliderDown(False)
        asked = spin.value()
        qtbot.waitUntil(lambda: not window.controller.is_configuring, timeout=WAIT_MS)
        assert spin.value() == asked
        assert session_of(window).camera.settings.exposure_us == asked
        assert slider.value() == pytest.approx(430, abs=1)

    def test_a_rate_beyond_the_sensor_is_refused_with_the_limit(
        self, qtbot: QtBot, open_window: Opener
    ) -> None:
        window = open_window(SessionConfig())
        wait_for_pictures(qtbot, window)
        type_into(qtbot, window.panel.numbers["fps"].spin, "900")
        qtbot.waitUntil(window.messages.isVisible, timeout=WAIT_MS)
        assert "global reset" in window.messages.text
        qtbot.waitUntil(
            lambda: window.panel.numbers["fps"].spin.value() == pytest.approx(60, abs=0.1),
            timeout=WAIT_MS,
        )

    def test_rolling_shutter_turns_restoring_off_and_says_why(
        self, qtbot: QtBot, open_window: Opener
    ) -> None:
        window = open_window(SessionConfig())
        wait_for_pictures(qtbot, window)
        window.panel.shutter.chosen.emit(ShutterMode.ROLLING)
        qtbot.waitUntil(lambda: "ramp" in window.restored_pane.note, timeout=WAIT_MS)
        assert not window.restored_pane.picture.isVisible()
        window.panel.shutter.chosen.emit(ShutterMode.GLOBAL_RESET)
        qtbot.waitUntil(lambda: window.restored_pane.note == "", timeout=WAIT_MS)

    def test_a_region_drawn_on_the_picture_is_taken(
        self, qtbot: QtBot, open_window: Opener
    ) -> None:
        window = open_window(SessionConfig())
        wait_for_pictures(qtbot, window)
        qtbot.mouseClick(window.panel.region.draw_button, Qt.MouseButton.LeftButton)
        qtbot.mouseClick(window.panel.region.apply_button, Qt.MouseButton.LeftButton)
        # The rectangle starts as the middle half of 640 x 480 at (400, 300).
        expected = Region(400 + 160, 300 + 120, 320, 240)
        qtbot.waitUntil(
            lambda: session_of(window).camera.settings.region == expected, timeout=WAIT_MS
        )
        qtbot.waitUntil(lambda: window.raw_pane.picture.size_px == (240, 320), timeout=WAIT_MS)

    def test_the_second_camera_has_a_pane_of_its_own(
        self, qtbot: QtBot, open_window: Opener
    ) -> None:
        window = open_window(SessionConfig(gs_camera="virtual:gs"))
        wait_for_pictures(qtbot, window)
        qtbot.waitUntil(lambda: window.gs_pane.picture.size_px == (480, 640), timeout=WAIT_MS)
        assert window.counters.value("GS lost") == "0"

    def test_unplugging_shows_a_banner_and_reconnect_brings_pictures_back(
        self, qtbot: QtBot, open_window: Opener
    ) -> None:
        window = open_window(SessionConfig())
        wait_for_pictures(qtbot, window)
        pull_the_plug(window)
        qtbot.waitUntil(window.banner.isVisible, timeout=WAIT_MS)
        assert "camera lost" in window.banner.text
        assert window.raw_pane.picture.opacity() < 1
        qtbot.mouseClick(window.banner.reopen_button, Qt.MouseButton.LeftButton)
        qtbot.waitUntil(lambda: not window.banner.isVisible(), timeout=WAIT_MS)
        assert session_of(window).state == SessionState.STREAMING
        assert window.raw_pane.picture.opacity() == 1
        shown = int(window.counters.value("shown"))
        qtbot.waitUntil(lambda: int(window.counters.value("shown")) > shown, timeout=WAIT_MS)

    def test_a_camera_still_away_is_reported_and_the_window_lives(
        self, qtbot: QtBot, open_window: Opener, power_time: PowerTime
    ) -> None:
        away = CameraOptions(node_settings=(("FaultReconnectAfter", "1.5"),))
        window = open_window(SessionConfig(options=away))
        wait_for_pictures(qtbot, window)
        pull_the_plug(window)
        qtbot.waitUntil(window.banner.isVisible, timeout=WAIT_MS)
        qtbot.mouseClick(window.banner.reopen_button, Qt.MouseButton.LeftButton)
        qtbot.waitUntil(lambda: "still away" in window.banner.text, timeout=WAIT_MS)
        power_time.passes(2.0)
        qtbot.mouseClick(window.banner.reopen_button, Qt.MouseButton.LeftButton)
        qtbot.waitUntil(lambda: not window.banner.isVisible(), timeout=WAIT_MS)
        assert session_of(window).state == SessionState.STREAMING

    def test_proving_the_shutter_changes_the_badge(self, qtbot: QtBot, open_window: Opener) -> None:
        window = open_window(
            SessionConfig(options=CameraOptions(node_settings=(("SceneFrozen", "1"),)))
        )
        wait_for_pictures(qtbot, window)
        assert window.panel.proof == "not tested"
        qtbot.mouseClick(window.panel.prove_button, Qt.MouseButton.LeftButton)
        qtbot.waitUntil(lambda: window.panel.proof == "proven", timeout=WAIT_MS)
        qtbot.waitUntil(window.messages.isVisible, timeout=WAIT_MS)


class TestOnAReplay:
    def test_button_and_space_key_stop_and_start(
        self, qtbot: QtBot, open_window: Opener, replay_config: SessionConfig
    ) -> None:
        window = open_window(replay_config)
        wait_for_pictures(qtbot, window)
        button = window.toolbar.start_button
        qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
        qtbot.waitUntil(lambda: button.text() == "Start", timeout=WAIT_MS)
        assert session_of(window).state == SessionState.STOPPED
        assert window.raw_pane.picture.opacity() == 1
        qtbot.waitUntil(button.isEnabled, timeout=WAIT_MS)
        qtbot.keyClick(window, Qt.Key.Key_Space)
        qtbot.waitUntil(lambda: button.text() == "Stop", timeout=WAIT_MS)
        assert session_of(window).state == SessionState.STREAMING

    def test_no_name_becomes_markup(
        self, qtbot: QtBot, open_window: Opener, replay_config: SessionConfig
    ) -> None:
        """Cameras and files may be called anything."""
        window = open_window(replay_config)
        wait_for_pictures(qtbot, window)
        labels = window.findChildren(QLabel)
        assert len(labels) > 20
        assert {label.textFormat() for label in labels} == {Qt.TextFormat.PlainText}

    def test_zooming_one_picture_zooms_the_other_and_fit_goes_back(
        self, qtbot: QtBot, open_window: Opener, replay_config: SessionConfig
    ) -> None:
        window = open_window(replay_config)
        wait_for_pictures(qtbot, window)
        raw, restored = window.raw_pane.view_box, window.restored_pane.view_box
        whole = raw.viewRect()
        assert whole.contains(window.raw_pane.picture.boundingRect())
        restored.scaleBy((0.25, 0.25))
        restored.sigRangeChangedManually.emit([True, True])
        for side in ("left", "right", "top", "bottom"):
            assert getattr(raw.viewRect(), side)() == pytest.approx(
                getattr(restored.viewRect(), side)(), abs=0.5
            )
        assert raw.viewRect().width() < 0.5 * whole.width()
        assert not window.toolbar.fit_button.isChecked()
        qtbot.keyClick(window, Qt.Key.Key_F)
        assert raw.viewRect().width() == pytest.approx(whole.width(), abs=0.5)
        assert restored.viewRect().width() == pytest.approx(whole.width(), abs=0.5)

    def test_key_1_puts_one_image_pixel_on_one_screen_pixel(
        self, qtbot: QtBot, open_window: Opener, replay_config: SessionConfig
    ) -> None:
        window = open_window(replay_config)
        wait_for_pictures(qtbot, window)
        qtbot.keyClick(window, Qt.Key.Key_1)
        for pane in (window.raw_pane, window.restored_pane):
            width, _ = pane.view_box.viewPixelSize()
            assert width * pane.devicePixelRatioF() == pytest.approx(1.0, abs=0.01)

    def test_pointing_reads_raw_codes_and_the_restored_value(
        self, qtbot: QtBot, open_window: Opener, replay_config: SessionConfig
    ) -> None:
        window = open_window(replay_config)
        wait_for_pictures(qtbot, window)
        window.panes.pointed.emit((100, 0))
        assert "column  100  row    0" in window.readout.text()
        assert "raw    60 DN" in window.readout.text()
        assert "restored" in window.readout.text()
        window.panes.pointed.emit(None)
        assert "raw" not in window.readout.text()

    def test_no_model_shows_the_reason_instead_of_a_picture(
        self, qtbot: QtBot, open_window: Opener, replay_config: SessionConfig
    ) -> None:
        window = open_window(replay_config)
        wait_for_pictures(qtbot, window)
        combo = window.panel.model.combo
        qtbot.waitUntil(lambda: combo.count() > 1, timeout=WAIT_MS)
        combo.setCurrentIndex(combo.findText("none"))
        combo.activated.emit(combo.currentIndex())
        qtbot.waitUntil(lambda: "no model" in window.restored_pane.note, timeout=WAIT_MS)
        combo.setCurrentIndex(combo.findText("row-gain"))
        combo.activated.emit(combo.currentIndex())
        qtbot.waitUntil(lambda: window.restored_pane.note == "", timeout=WAIT_MS)

    def test_what_the_camera_does_not_offer_cannot_be_changed_and_says_so(
        self, qtbot: QtBot, open_window: Opener, replay_config: SessionConfig
    ) -> None:
        window = open_window(replay_config)
        wait_for_pictures(qtbot, window)
        assert not window.panel.numbers["gain_db"].isEnabled()
        assert "offers no gain" in window.panel.numbers["gain_db"].toolTip()
        assert not window.panel.region.draw_button.isEnabled()
        assert not window.panel.numbers["white_balance_red"].isVisible()

    def test_an_image_of_another_size_ends_the_replay_with_its_reason(
        self, qtbot: QtBot, open_window: Opener, replay_config: SessionConfig, tmp_path: Path
    ) -> None:
        cv2.imwrite(str(tmp_path / "images" / "3.png"), np.zeros((10, 10), np.uint8))
        window = open_window(replay_config)
        qtbot.waitUntil(window.banner.isVisible, timeout=WAIT_MS)
        assert "3.png" in window.banner.text
        assert window.raw_pane.picture.opacity() < 1

    def test_a_defect_in_a_call_ends_the_session_and_stays_on_screen(
        self, qtbot: QtBot, open_window: Opener, replay_config: SessionConfig
    ) -> None:
        window = open_window(replay_config)
        wait_for_pictures(qtbot, window)
        window.controller.save_snapshot(None)  # type: ignore[arg-type]
        qtbot.waitUntil(window.banner.isVisible, timeout=WAIT_MS)
        assert "unexpected" in window.banner.text
        assert not window.banner.reopen_button.isVisible()
        assert not window.toolbar.start_button.isEnabled()

    def test_a_snapshot_is_saved_where_asked(
        self,
        qtbot: QtBot,
        open_window: Opener,
        replay_config: SessionConfig,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        window = open_window(replay_config)
        wait_for_pictures(qtbot, window)
        target = tmp_path / "seen.png"
        # A person's answer to the operating system's own dialog.
        monkeypatch.setattr(
            QFileDialog, "getSaveFileName", lambda *arguments: (str(target), "PNG (*.png)")
        )
        qtbot.keyClick(window, Qt.Key.Key_S, Qt.KeyboardModifier.ControlModifier)
        qtbot.waitUntil(target.is_file, timeout=WAIT_MS)
        assert cv2.imread(str(target)).shape[1] > 2 * 160

    def test_the_profile_shows_the_ramp_flattened(
        self, qtbot: QtBot, open_window: Opener, replay_config: SessionConfig
    ) -> None:
        window = open_window(replay_config)
        wait_for_pictures(qtbot, window)
        qtbot.waitUntil(lambda: window.profile.restored_percent.size > 0, timeout=WAIT_MS)
        raw, restored = window.profile.raw_percent, window.profile.restored_percent
        assert raw[-1] / raw[0] > 2.5
        assert restored[-1] / restored[0] < 0.6 * raw[-1] / raw[0]
        qtbot.keyClick(window, Qt.Key.Key_P)
        assert not window.profile.isVisible()

    def test_scrolling_over_a_field_does_not_change_it(
        self, qtbot: QtBot, open_window: Opener, replay_config: SessionConfig
    ) -> None:
        window = open_window(replay_config)
        wait_for_pictures(qtbot, window)
        before = window.panel.numbers["exposure_us"].spin.value()
        event = QWheelEvent(
            QPointF(5, 5), QPointF(5, 5), QPoint(0, 0), QPoint(0, 120),
            Qt.MouseButton.NoButton, Qt.KeyboardModifier.NoModifier,
            Qt.ScrollPhase.NoScrollPhase, False,
        )  # fmt: skip
        QApplication.sendEvent(window.panel.numbers["exposure_us"].spin, event)
        assert window.panel.numbers["exposure_us"].spin.value() == before

    def test_damaged_settings_do_not_keep_the_window_from_opening(
        self, qtbot: QtBot, open_window: Opener, replay_config: SessionConfig, settings: Path
    ) -> None:
        settings.parent.mkdir()
        settings.write_text('{"geometry": "01d9d0cb00ff", "profile": false}')
        window = open_window(replay_config)
        assert not window.profile.isVisible()
        wait_for_pictures(qtbot, window)
        assert window.isVisible()

    def test_the_window_remembers_that_the_profile_was_off(
        self, qtbot: QtBot, open_window: Opener, replay_config: SessionConfig
    ) -> None:
        window = open_window(replay_config)
        wait_for_pictures(qtbot, window)
        qtbot.keyClick(window, Qt.Key.Key_P)
        window.close()
        again = open_window(replay_config)
        assert not again.profile.isVisible()
