"""The main window: raw beside restored, controls, counters; updated by its own timers."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from PyQt6.QtCore import QByteArray, QStandardPaths, Qt, QTimer
from PyQt6.QtGui import QCloseEvent, QKeySequence, QShortcut
from PyQt6.QtWidgets import (
    QFileDialog,
    QGridLayout,
    QHBoxLayout,
    QMainWindow,
    QMessageBox,
    QVBoxLayout,
    QWidget,
)

from app.gui.controller import Controller
from app.gui.controls import ControlPanel
from app.gui.counters import CounterStrip
from app.gui.feed import RawFeed
from app.gui.messages import BannerBar, MessageBar
from app.gui.plain_label import PlainLabel
from app.gui.presenter import (
    SHUTTER_NAMES,
    banner,
    counter_groups,
    new_recording,
    raw_note,
    restored_by,
    restored_note,
    snapshot_name,
)
from app.gui.row_profile import RowProfile
from app.gui.theme import figures_font
from app.gui.toolbar import Toolbar
from app.gui.views import ImagePane, PaneRow, code_text
from app.pictures.screen import raw_row_light, screen_row_light
from app.session.session import Session
from app.session.status import SessionState, SessionStatus
from app.session.status_text import recording_length
from app.session.window_settings import read_settings, write_settings
from drivers.plain_text import utf8

if TYPE_CHECKING:
    from app.session.worker import RestoredFrame

_PULL_MS = 33
_STATUS_MS = 200
_TICKS_PER_PROFILE = 3
_FIRST_SIZE = (1440, 860)


class MainWindow(QMainWindow):
    """One session on screen. Closing the window ends its threads, not the session.

    ``settings`` is the file in which it remembers things.
    """

    def __init__(self, session: Session, settings: Path) -> None:
        super().__init__()
        self.setWindowTitle(f"Neural Global Shutter – {session.config.camera}")
        self._session = session
        self._settings_file = settings
        self._settings = read_settings(settings)
        self._doing = ""
        self._ended = False
        self._restored: RestoredFrame | None = None
        self._pointed_at: tuple[int, int] | None = None
        self._ticks = 0
        self._told_recording: Path | None = None
        self.controller = Controller(session)

        self.toolbar = Toolbar()
        self.banner = BannerBar()
        self.messages = MessageBar()
        self.panel = ControlPanel()
        self.counters = CounterStrip()
        self.profile = RowProfile()
        self.raw_pane = ImagePane()
        self.restored_pane = ImagePane()
        self._raw_feed = RawFeed(session, 0)
        self._gs_feed: RawFeed | None = None
        panes = [self.raw_pane, self.restored_pane]
        if session.config.gs_camera is not None:
            self._gs_feed = RawFeed(session, 1)
            self.gs_pane = ImagePane()
            self.gs_pane.set_title("GLOBAL SHUTTER", "second camera")
            panes.append(self.gs_pane)
        self.panes = PaneRow(panes)
        self.readout = PlainLabel()
        self.readout.setObjectName("quiet")
        self.readout.setFont(figures_font())

        self._lay_out()
        self._connect()
        self._bind_keys()
        self._recall()
        self._pull_timer = QTimer(self)
        self._pull_timer.timeout.connect(self.pull)
        self._status_timer = QTimer(self)
        self._status_timer.timeout.connect(self.refresh)
        self._pull_timer.start(_PULL_MS)
        self._status_timer.start(_STATUS_MS)
        self.refresh()
        self._show_readout()
        self.controller.start()
        self.controller.learn_models()

    def _lay_out(self) -> None:
        left = QVBoxLayout()
        left.setContentsMargins(12, 10, 12, 8)
        left.setSpacing(8)
        left.addWidget(self.toolbar)
        left.addWidget(self.banner)
        # Over the lower edge of the pictures: a line that comes and goes must not resize them.
        pictures = QGridLayout()
        pictures.addWidget(self.panes, 0, 0)
        pictures.addWidget(self.messages, 0, 0, Qt.AlignmentFlag.AlignBottom)
        left.addLayout(pictures, stretch=1)
        left.addWidget(self.readout)
        left.addWidget(self.profile)
        middle = QHBoxLayout()
        middle.setSpacing(0)
        middle.addLayout(left, stretch=1)
        middle.addWidget(self.panel)
        ground = QWidget()
        ground.setObjectName("ground")
        layout = QVBoxLayout(ground)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(1)
        layout.addLayout(middle, stretch=1)
        layout.addWidget(self.counters)
        self.setCentralWidget(ground)

    def _connect(self) -> None:
        controller, toolbar, panel = self.controller, self.toolbar, self.panel
        controller.refused.connect(self.messages.refuse)
        controller.told.connect(self.messages.tell)
        controller.settled.connect(lambda: self.refresh(force=True))
        controller.doing_changed.connect(self._on_doing)
        controller.models_known.connect(panel.offer_models)
        toolbar.start_stop_clicked.connect(self._start_or_stop)
        toolbar.fit_clicked.connect(self.panes.fit)
        toolbar.one_to_one_clicked.connect(self.panes.one_to_one)
        toolbar.profile_toggled.connect(self.profile.setVisible)
        toolbar.snapshot_clicked.connect(self._ask_snapshot)
        toolbar.record_clicked.connect(self._record_or_stop)
        toolbar.help_clicked.connect(self._show_help)
        panel.requested.connect(controller.configure)
        panel.model_chosen.connect(controller.use_model)
        panel.prove_clicked.connect(controller.prove_shutter)
        panel.region.drawing_changed.connect(self.panes.draw_region)
        panel.region.drawing_done.connect(self.panes.take_region)
        self.panes.region_changing.connect(panel.region.show_drawn)
        self.panes.region_drawn.connect(lambda drawn: panel.region.ask_drawn(*drawn))
        self.panes.fit_changed.connect(toolbar.show_fit)
        self.panes.pointed.connect(self._on_pointed)
        self.banner.reopen_clicked.connect(controller.reconnect)
        toolbar.show_fit(True)

    def _bind_keys(self) -> None:
        self._keys: list[tuple[str, str, Callable[[], object]]] = [
            ("Space", "start or stop streaming", self.toolbar.start_button.click),
            ("R", "record, or stop recording", self.toolbar.record_button.click),
            ("F", "fit the picture into the view", self.panes.fit),
            ("1", "one image pixel on one screen pixel", self.panes.one_to_one),
            ("P", "row profile on or off", self.toolbar.profile_button.toggle),
            ("Ctrl+S", "save a snapshot", self._ask_snapshot),
            ("Esc", "leave the region as it is", self.panel.region.cancel_drawing),
            ("F1", "this list", self._show_help),
        ]
        for keys, _, action in self._keys:
            # A slot connected directly would get arguments that it does not take.
            QShortcut(QKeySequence(keys), self).activated.connect(lambda do=action: do())

    def _recall(self) -> None:
        """Restore the settings of the last session."""
        if not self.restoreGeometry(QByteArray(bytes.fromhex(self._settings.geometry))):
            self.resize(*_FIRST_SIZE)
        self.toolbar.profile_button.setChecked(self._settings.profile)
        self.profile.setVisible(self._settings.profile)

    def pull(self) -> None:
        """Show the newest pictures, if they are new."""
        restored = self._session.newest_restored()
        picture = self._raw_feed.pull(restored.metadata if restored is not None else None)
        if picture is not None and self.raw_pane.set_picture(picture):
            self.panel.region.cancel_drawing()
        if self._gs_feed is not None and (picture_gs := self._gs_feed.pull()) is not None:
            self.gs_pane.set_picture(picture_gs)
        if restored is not None and restored is not self._restored:
            self._restored = restored
            self.restored_pane.set_picture(restored.screen)
        if picture is None:
            return
        self._ticks += 1
        if self._ticks % _TICKS_PER_PROFILE == 0:
            self._show_profile()
        if self._pointed_at is not None:
            self._show_readout()

    def refresh(self, force: bool = False) -> None:
        """Show the session's status; ``force`` also in fields the operator is typing in."""
        status = self.controller.look()
        self.toolbar.show_status(status, self._doing)
        self.banner.show_banner(
            banner(status, self.controller.failure), busy=self._doing == "reconnecting"
        )
        self.counters.show_groups(counter_groups(status, self._raw_feed.shown))
        if not self.controller.is_configuring:
            self.panel.show_status(status, bool(self._doing), force)
        self._show_panes(status)
        self._tell_recording(status)
        if status.state == SessionState.FAILED and not self._ended:
            self._ended = True
            self.controller.end_in_order()
        elif status.state != SessionState.FAILED:
            self._ended = False

    def _show_panes(self, status: SessionStatus) -> None:
        gone = status.state in (SessionState.LOST, SessionState.FAILED)
        note = restored_note(status)
        self.raw_pane.set_dimmed(gone)
        self.restored_pane.set_dimmed(gone)
        self.restored_pane.picture.setVisible(not note)
        self.restored_pane.set_note(note)
        self.raw_pane.set_note(raw_note(status))
        frame_format = status.frame_format
        self.raw_pane.set_title("RAW", SHUTTER_NAMES[status.device_state.shutter_mode])
        self.raw_pane.subtitle.setText(
            f"{frame_format.columns} × {frame_format.rows}  {frame_format.pixel_format.name}"
        )
        self.restored_pane.set_title("RESTORED", status.restorer.name or "off")
        self.restored_pane.subtitle.setText(restored_by(status))

    def _show_profile(self) -> None:
        frame, radiometry = self._raw_feed.frame, self._raw_feed.radiometry
        if not self.profile.isVisible() or frame is None or radiometry is None:
            return
        shown = self._restored is not None and self.restored_pane.picture.isVisible()
        restored = self._restored.screen if self._restored is not None and shown else None
        self.profile.show_rows(
            raw_row_light(frame.pixels, radiometry),
            None if restored is None else screen_row_light(restored),
        )

    def _on_pointed(self, pointed_at: tuple[int, int] | None) -> None:
        self._pointed_at = pointed_at
        self._show_readout()

    def _show_readout(self) -> None:
        if self._pointed_at is None or self._raw_feed.frame is None:
            self.readout.setText("point at a pixel to read it")
            return
        column, row = self._pointed_at
        raw = code_text(self._raw_feed.frame.pixels, column, row)
        restored = self.restored_pane.picture.code_at(column, row)
        visible = self.restored_pane.picture.isVisible()
        self.readout.setText(
            f"column {column:4d}  row {row:4d}    raw {raw:>5} DN"
            + (f"    restored {restored:>11} of 255 sRGB" if restored and visible else "")
        )

    def _on_doing(self, doing: str) -> None:
        self._doing = doing
        self.refresh()

    def _start_or_stop(self) -> None:
        if self._session.state == SessionState.STREAMING:
            self.controller.stop()
        else:
            self.controller.start()

    def _record_or_stop(self) -> None:
        recording = self.controller.look().recording
        if recording is not None and recording.recording:
            self.controller.stop_recording()
        else:
            self.controller.start_recording(new_recording(self._recordings_folder()))

    def _recordings_folder(self) -> Path:
        if self._session.config.recordings is not None:
            return self._session.config.recordings
        movies = QStandardPaths.writableLocation(QStandardPaths.StandardLocation.MoviesLocation)
        return Path(movies or Path.home()) / "ngs"

    def _tell_recording(self, status: SessionStatus) -> None:
        """Show once how a recording ended."""
        recording = status.recording
        if recording is None or recording.recording or recording.folder == self._told_recording:
            return
        self._told_recording = recording.folder
        if recording.as_asked:
            self.messages.tell(f"{recording_length(recording)}: {recording.folder}")
        else:
            self.messages.refuse(recording.message)

    def _ask_snapshot(self) -> None:
        pictures = QStandardPaths.writableLocation(QStandardPaths.StandardLocation.PicturesLocation)
        folder = self._settings.snapshot_folder or pictures or str(Path.home())
        name = snapshot_name(self.controller.look())
        chosen, _ = QFileDialog.getSaveFileName(
            self, "Save raw | restored", str(Path(folder) / name), "PNG (*.png)"
        )
        if chosen:
            path = Path(chosen)
            self._remember(snapshot_folder=utf8(path.parent))
            self.controller.save_snapshot(path if path.suffix else path.with_suffix(".png"))

    def _show_help(self) -> None:
        rows = "".join(
            f"<tr><td><b>{keys}</b></td><td style='padding-left:18px'>{text}</td></tr>"
            for keys, text, _ in self._keys
        )
        wheel = "<tr><td><b>wheel, drag</b></td><td style='padding-left:18px'>zoom, pan</td></tr>"
        help_box = QMessageBox(self)
        help_box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        help_box.setWindowTitle("Keyboard shortcuts")
        help_box.setText(f"<table cellspacing='4'>{rows}{wheel}</table>")
        help_box.open()

    def closeEvent(self, event: QCloseEvent | None) -> None:  # noqa: N802 - Qt's name
        """End timers and the calling thread; save the window's settings."""
        self._pull_timer.stop()
        self._status_timer.stop()
        self.controller.close()
        self._remember(
            geometry=self.saveGeometry().data().hex(),
            profile=self.toolbar.profile_button.isChecked(),
        )
        super().closeEvent(event)

    def _remember(self, **changes: object) -> None:
        self._settings = self._settings.model_copy(update=changes)
        write_settings(self._settings_file, self._settings)
