"""Calls the session for the window: slow calls in a thread of their own, results by signal."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from PyQt6.QtCore import QObject, Qt, pyqtSignal

from app.gui.presenter import differences
from app.session.session import Session
from app.session.status import SessionState, SessionStatus
from drivers.camera_settings import ExposureSettings, merged
from drivers.errors import InstrumentError

_Result = TypeVar("_Result")


class Controller(QObject):
    """Runs calls of the session that may take a second without blocking the window.

    Calls run one after the other in the order asked; settings asked for while
    a former request is on its way are merged into one. Use from the GUI thread
    only; every signal arrives there.
    """

    refused = pyqtSignal(str)
    """One line: what could not be done, with the limit."""
    told = pyqtSignal(str)
    """One line worth knowing."""
    settled = pyqtSignal()
    """A call ended, well or not: the status may have changed."""
    doing_changed = pyqtSignal(str)
    """What is being done now; empty when nothing."""
    models_known = pyqtSignal(object)
    """Names of the restorers, a tuple."""
    _ended = pyqtSignal(object, object)

    def __init__(self, session: Session) -> None:
        super().__init__()
        self.session = session
        self._status = session.status()
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="window calls")
        self._unfinished = 0
        self._closed = False
        self._configuring: Future[ExposureSettings] | None = None
        self._wanted = ExposureSettings()
        self._reconnect_error = ""
        # Queued even if the call ends at once, so that the answer never comes before the request.
        self._ended.connect(self._on_ended, type=Qt.ConnectionType.QueuedConnection)  # type: ignore[call-arg]

    def look(self) -> SessionStatus:
        """The session's status; the last known one while its cameras are not open."""
        try:
            self._status = self.session.status()
        except InstrumentError as error:
            state = self.session.state
            message = self._reconnect_error or self._status.message or str(error)
            self._status = replace(self._status, state=state, message=message)
        return self._status

    @property
    def failure(self) -> Exception | None:
        """What ended the session, if anything did."""
        return self.session.failure

    @property
    def is_configuring(self) -> bool:
        """Whether settings asked for have not been answered yet."""
        return self._configuring is not None

    def learn_models(self) -> None:
        """Ask for the names of the restorers; torch takes a second to import."""
        self._call("", _model_names, self.models_known.emit)

    def start(self) -> None:
        """Begin to stream."""
        self._call("starting", self.session.start)

    def stop(self) -> None:
        """Stop streaming."""
        self._call("stopping", self.session.stop)

    def reconnect(self) -> None:
        """Open the cameras again and stream; why that failed is in the status."""

        def reconnect() -> None:
            self._reconnect_error = ""
            try:
                self.session.reconnect()
            except InstrumentError as error:
                self._reconnect_error = f"still away: {error}"

        self._call("reconnecting", reconnect)

    def end_in_order(self) -> None:
        """Stop the threads of a session that has failed."""
        if self.session.state == SessionState.FAILED:
            self._call("stopping", self.session.stop)

    def use_model(self, model: str | None) -> None:
        """Restore with another model, or with none."""
        self._call("changing the model", lambda: self.session.use_model(model))

    def configure(self, request: ExposureSettings) -> None:
        """Ask for settings; what differs from the request is told, a refusal too."""
        self._wanted = merged(self._wanted, request)
        if self._configuring is None:
            self._configure_next()

    def prove_shutter(self) -> None:
        """Prove the shutter mode from images; tells the verdict."""
        self._call("proving the shutter", self._prove_shutter, self.told.emit)

    def _prove_shutter(self) -> str:
        from app.calibrate.shutter_proof import (
            prove_shutter,  # calibration is needed for this alone
        )

        return prove_shutter(self.session).text

    def save_snapshot(self, path: Path) -> None:
        """Save raw | restored as PNG."""

        def save() -> str:
            from app.session.snapshot import save_snapshot

            save_snapshot(self.session, path)
            return f"saved {path}"

        self._call("saving", save, self.told.emit)

    def start_recording(self, folder: Path) -> None:
        """Record every raw frame into a new folder."""

        def start() -> str:
            from app.session.recorder import (
                RecordingRequest,  # the recording libraries are not needed yet
            )

            pretrigger_s = self.session.config.pretrigger_s
            self.session.start_recording(RecordingRequest(folder, pretrigger_s=pretrigger_s))
            recording = self.session.status().recording
            note = recording.note if recording is not None else ""
            return f"recording to {folder}; {note}" if note else f"recording to {folder}"

        self._call("starting to record", start, self._tell_if_recording)

    def _tell_if_recording(self, text: str) -> None:
        """Tell it unless the recording has ended already, which says more."""
        recording = self.look().recording
        if recording is not None and recording.recording:
            self.told.emit(text)

    def stop_recording(self) -> None:
        """End the recording in order."""
        self._call("finishing the recording", self.session.stop_recording)

    def close(self) -> None:
        """Let the call in progress end, drop those waiting, end the thread; safe more than once."""
        self._closed = True
        self._executor.shutdown(wait=True, cancel_futures=True)

    def _configure_next(self) -> None:
        request, self._wanted = self._wanted, ExposureSettings()
        self._configuring = self._call(
            "configuring",
            lambda: self.session.configure(request),
            lambda achieved: self._tell_differences(request, achieved),
        )

    def _tell_differences(self, asked: ExposureSettings, achieved: ExposureSettings) -> None:
        text = differences(asked, achieved)
        if text:
            self.told.emit(text)

    def _call(
        self,
        doing: str,
        call: Callable[[], _Result],
        then: Callable[[_Result], Any] = lambda result: None,
    ) -> Future[_Result]:
        self._unfinished += 1
        if doing:
            self.doing_changed.emit(doing)
        future = self._executor.submit(call)
        future.add_done_callback(lambda done: self._ended.emit(done, then))
        return future

    def _on_ended(self, future: Future[Any], then: Callable[[Any], Any]) -> None:
        if self._closed:
            return
        self._unfinished -= 1
        if self._unfinished == 0:
            self.doing_changed.emit("")
        if future is self._configuring:
            self._configuring = None
        error = future.exception()
        if error is None:
            then(future.result())
        elif isinstance(error, InstrumentError):
            self.refused.emit(str(error))
        elif isinstance(error, Exception):
            self.session.on_thread_failure(error)
        else:
            raise error
        if self._wanted != ExposureSettings() and self._configuring is None:
            self._configure_next()
        self.settled.emit()


def _model_names() -> tuple[str, ...]:
    from models.restorers.registry import restorer_names

    return restorer_names()
