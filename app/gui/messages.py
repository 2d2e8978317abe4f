"""Messages of the window: a line that disappears, and a banner that stays."""

from PyQt6.QtCore import Qt, QTimer, pyqtSignal
from PyQt6.QtWidgets import QFrame, QHBoxLayout, QPushButton, QToolButton

from app.gui.plain_label import PlainLabel
from app.gui.presenter import Banner

_SHOWN_MS = 15_000


class MessageBar(QFrame):
    """One line: a refusal with its limit, or something worth knowing."""

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("message")
        self._label = PlainLabel()
        self._label.setWordWrap(True)
        self._label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        close = QToolButton()
        close.setObjectName("plain")
        close.setText("✕")
        close.setToolTip("Dismiss")
        close.clicked.connect(self.hide)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(10, 4, 4, 4)
        layout.addWidget(self._label, stretch=1)
        layout.addWidget(close)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(_SHOWN_MS)
        self._timer.timeout.connect(self.hide)
        self.hide()

    @property
    def text(self) -> str:
        """The line last shown."""
        return self._label.text()

    def refuse(self, line: str) -> None:
        """Show why something was not done."""
        self._show(line, "warning")

    def tell(self, line: str) -> None:
        """Show something worth knowing."""
        self._show(line, "quiet")

    def _show(self, line: str, level: str) -> None:
        self._label.setText(line)
        self.setProperty("level", level)
        style = self.style()
        assert style is not None  # every widget of a running application has one
        style.polish(self)
        self.show()
        self._timer.start()


class BannerBar(QFrame):
    """A failure that stops the work, with a button to recover."""

    reopen_clicked = pyqtSignal()

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("banner")
        self._label = PlainLabel()
        self._label.setWordWrap(True)
        self._label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.reopen_button = QPushButton("Reconnect")
        self.reopen_button.clicked.connect(self.reopen_clicked)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(12, 8, 8, 8)
        layout.addWidget(self._label, stretch=1)
        layout.addWidget(self.reopen_button)
        self.hide()

    @property
    def text(self) -> str:
        """What the banner says."""
        return self._label.text()

    def show_banner(self, banner: Banner | None, busy: bool) -> None:
        """Show it or nothing; the button waits while something is being done."""
        if banner is not None:
            self._label.setText(banner.text)
            self.reopen_button.setVisible(banner.can_reopen)
            self.reopen_button.setEnabled(not busy)
            self.reopen_button.setText("Reconnecting …" if busy else "Reconnect")
        self.setVisible(banner is not None)
