"""The row above the pictures: start, stop, view options, warnings."""

from PyQt6.QtCore import pyqtSignal
from PyQt6.QtGui import QAction
from PyQt6.QtWidgets import QHBoxLayout, QMenu, QPushButton, QToolButton, QWidget

from app.gui.plain_label import PlainLabel, plain_tip
from app.gui.presenter import recording_badge, state_badge
from app.gui.theme import COLOURS, Level, figures_font
from app.session.status import SessionState, SessionStatus


class Toolbar(QWidget):
    """Reports clicks; shows the state, the running action and the warnings."""

    start_stop_clicked = pyqtSignal()
    fit_clicked = pyqtSignal()
    one_to_one_clicked = pyqtSignal()
    profile_toggled = pyqtSignal(bool)
    snapshot_clicked = pyqtSignal()
    record_clicked = pyqtSignal()
    help_clicked = pyqtSignal()

    def __init__(self) -> None:
        super().__init__()
        self.start_button = QPushButton("Start")
        self.start_button.setObjectName("primary")
        self.start_button.setToolTip("Start or stop streaming (Space)")
        self.start_button.clicked.connect(self.start_stop_clicked)
        self.record_button = QPushButton("Record")
        self.record_button.setToolTip("Record every raw frame, or stop recording (R)")
        self.record_button.clicked.connect(self.record_clicked)
        self.recording = PlainLabel()
        self.recording.setFont(figures_font())
        self._state = PlainLabel()
        self._doing = PlainLabel()
        self._doing.setObjectName("quiet")
        self.warnings_button = QToolButton()
        self.warnings_button.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.warnings_button.setStyleSheet(f"color: {COLOURS[Level.WARNING]};")
        self._warnings_menu = QMenu(self)
        self.warnings_button.setMenu(self._warnings_menu)
        self.warnings_button.setObjectName("plain")
        self.warnings_button.hide()
        self._warnings: tuple[str, ...] = ()
        self.fit_button = self._tool("Fit", "Show the whole picture (F)", checkable=True)
        self.fit_button.clicked.connect(self._on_fit)
        one_to_one = self._tool("1:1", "One image pixel on one screen pixel (1)")
        one_to_one.clicked.connect(self.one_to_one_clicked)
        self.profile_button = self._tool(
            "Profile", "Mean brightness of every row, raw and restored (P)", checkable=True
        )
        self.profile_button.toggled.connect(self.profile_toggled)
        snapshot = self._tool("Snapshot", "Save raw | restored as PNG (Ctrl+S)")
        snapshot.clicked.connect(self.snapshot_clicked)
        shortcuts = self._tool("?", "Keyboard shortcuts (F1)")
        shortcuts.clicked.connect(self.help_clicked)

        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(6)
        layout.addWidget(self.start_button)
        layout.addWidget(self.record_button)
        layout.addSpacing(6)
        layout.addWidget(self._state)
        layout.addWidget(self._doing)
        layout.addWidget(self.recording)
        layout.addWidget(self.warnings_button)
        layout.addStretch(1)
        for button in (self.fit_button, one_to_one, self.profile_button, snapshot, shortcuts):
            layout.addWidget(button)

    @staticmethod
    def _tool(text: str, tip: str, checkable: bool = False) -> QToolButton:
        button = QToolButton()
        button.setText(text)
        button.setToolTip(tip)
        button.setCheckable(checkable)
        return button

    def show_status(self, status: SessionStatus, doing: str) -> None:
        """Show where the session stands and what is being done."""
        streaming = status.state == SessionState.STREAMING
        self.start_button.setText("Stop" if streaming else "Start")
        can_toggle = status.state in (SessionState.STREAMING, SessionState.STOPPED)
        self.start_button.setEnabled(can_toggle and not doing)
        badge = state_badge(status)
        self._state.setText(f"● {badge.text}")
        self._state.setStyleSheet(f"color: {COLOURS[badge.level]};")
        self._doing.setText(f"{doing} …" if doing else "")
        recording = status.recording is not None and status.recording.recording
        self.record_button.setText("Stop recording" if recording else "Record")
        self.record_button.setEnabled((streaming or recording) and not doing)
        told = recording_badge(status)
        self.recording.setText(told.text)
        self.recording.setToolTip(plain_tip(told.meaning))
        self.recording.setStyleSheet(f"color: {COLOURS[told.level]};")
        self._show_warnings(status.device_state.warnings)

    def show_fit(self, fitting: bool) -> None:
        """Whether the whole picture is kept in view."""
        self.fit_button.setChecked(fitting)

    def _show_warnings(self, warnings: tuple[str, ...]) -> None:
        if warnings == self._warnings:
            return
        self._warnings = warnings
        self._warnings_menu.clear()
        for line in warnings:
            self._warnings_menu.addAction(QAction(line, self._warnings_menu))
        plural = "s" if len(warnings) > 1 else ""
        self.warnings_button.setText(f"⚠ {len(warnings)} warning{plural}")
        self.warnings_button.setToolTip(plain_tip("\n".join(warnings)))
        self.warnings_button.setVisible(bool(warnings))

    def _on_fit(self) -> None:
        self.fit_button.setChecked(True)
        self.fit_clicked.emit()
