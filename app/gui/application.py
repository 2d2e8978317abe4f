"""Opens the window on a session and runs until it is closed."""

import gc
import sys
from functools import partial
from types import TracebackType

import pyqtgraph as pg
from PyQt6 import sip
from PyQt6.QtCore import QTimer
from PyQt6.QtWidgets import QApplication

from app.gui.theme import apply_theme
from app.gui.window import MainWindow
from app.session import interruption
from app.session.session import Session
from app.session.window_settings import settings_file


def run(session: Session, seconds: float | None = None) -> int:
    """Show ``session``, which is open, until its window is closed; returns the exit status.

    ``seconds`` closes the window by itself after that time, a signal at once. An
    exception nobody expected closes it too and is raised here.
    """
    pg.setConfigOptions(antialias=True, imageAxisOrder="row-major")
    application = QApplication.instance() or QApplication(sys.argv[:1])
    assert isinstance(application, QApplication)
    application.setApplicationName("ngs")
    application.setOrganizationName("Neural Global Shutter")
    apply_theme(application)
    try:
        return _run_window(application, session, seconds)
    finally:
        # Whatever thread collects garbage next would free what is left of the window, and Qt's
        # objects end the process in any thread but this one, or once the application is gone.
        QTimer.singleShot(0, application.quit)
        application.exec()  # its loop alone frees what was connected to the window
        gc.collect()


def _run_window(application: QApplication, session: Session, seconds: float | None) -> int:
    window = MainWindow(session, settings_file())
    unexpected: list[BaseException] = []

    def on_unexpected(
        kind: type[BaseException], error: BaseException, traceback: TracebackType | None
    ) -> None:
        unexpected.append(error)
        QApplication.quit()  # not the window: libraries imported meanwhile keep the hook for ever

    # Without a hook PyQt aborts the process; threads and cameras would not be closed.
    former_hook, sys.excepthook = sys.excepthook, on_unexpected
    try:
        # The window's timers run Python often enough for signals to be heard at once.
        close = partial(QTimer.singleShot, 0, window.close)
        with interruption.heard(), interruption.ending_by(close):
            window.show()
            if seconds is not None:
                QTimer.singleShot(round(1000 * seconds), window.close)
            status = application.exec()
    finally:
        sys.excepthook = former_hook
        window.close()
        sip.delete(window)
    if unexpected:
        raise unexpected[0]
    return status
