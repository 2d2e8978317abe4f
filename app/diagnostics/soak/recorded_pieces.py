"""A recording in pieces: each is recorded, read and compared with what was told, then deleted."""

from collections.abc import Callable
from pathlib import Path

from app.session.recorder import RecordingRequest
from app.session.session import Session
from app.session.status import RecordingStatus
from drivers.atomic_file import remove_folder
from drivers.errors import InstrumentError
from drivers.recording.integrity import verify
from drivers.recording.recording import open_recording
from drivers.ring import bytes_per_frame

PIECE_S = 60.0
"""Longest piece: an hour has sixty ends and beginnings."""
_SHORTEST_PIECE_S = 2.0


class RecordedPieces:
    """Pieces of a streaming session, at most two of them on the disk, in ``disk_bytes``.

    One is recorded while the one before is verified; ``meanwhile`` is called often during that.
    A piece with a ``problem`` is kept, and no further one is recorded.

    Raises :class:`InstrumentError` where ``disk_bytes`` is too little.
    """

    def __init__(
        self,
        session: Session,
        folder: Path,
        disk_bytes: float,
        fps: float,
        meanwhile: Callable[[], None],
    ) -> None:
        self._session = session
        self._folder = folder
        self._meanwhile = meanwhile
        one = sum(
            bytes_per_frame(session.camera_at(index).frame_format)
            for index in range(session.camera_count)
        )
        self._frames_each = int(disk_bytes / 2 // one)
        if self._frames_each < _SHORTEST_PIECE_S * fps:
            needed_mb = 2 * one * _SHORTEST_PIECE_S * fps / 1e6
            raise InstrumentError(
                f"--disk-mb {disk_bytes / 1e6:g} is too little for two pieces of "
                f"{_SHORTEST_PIECE_S:g} s; give {needed_mb:.0f} MB or more"
            )
        self.piece_s = min(PIECE_S, self._frames_each / fps)
        self.pieces = 0
        self.problem = ""
        self._frames = 0
        self._lost_to_disk = 0
        self._now: Path | None = None

    @property
    def frames(self) -> int:
        """Frames written so far, of all cameras."""
        status = self._status()
        return self._frames + (0 if status is None else sum(status.frames.values()))

    @property
    def lost_to_disk(self) -> int:
        """Frames that the disk was too slow for so far."""
        status = self._status()
        return self._lost_to_disk + (0 if status is None else status.lost_to_disk)

    @property
    def waiting(self) -> int:
        """Frames of one camera that are still to be written."""
        status = self._status()
        return 0 if status is None else status.waiting

    def _status(self) -> RecordingStatus | None:
        return None if self._now is None else self._session.status().recording

    def go_on(self) -> None:
        """Begin the next piece where none is being recorded, and verify the one before."""
        status = self._status()
        if self.problem or (status is not None and status.recording):
            return
        ended = self._end()
        if not self.problem:
            self._begin()
        if ended is not None:
            self._verify(*ended)

    def finish(self) -> None:
        """End the piece that is being recorded, and verify it."""
        self._session.stop_recording()
        ended = self._end()
        if ended is not None:
            self._verify(*ended)

    def _begin(self) -> None:
        folder = self._folder / f"piece-{self.pieces + 1:04d}"
        request = RecordingRequest(folder, frames=self._frames_each, seconds=self.piece_s)
        try:
            self._session.start_recording(request)
        except InstrumentError as error:
            self.problem = str(error)
        else:
            self._now = folder
            self.pieces += 1

    def _end(self) -> tuple[Path, RecordingStatus] | None:
        """Take the piece that has ended into account."""
        folder, status = self._now, self._status()
        if folder is None or status is None:
            return None
        self._now = None
        self._frames += sum(status.frames.values())
        self._lost_to_disk += status.lost_to_disk
        if not status.as_asked:
            self.problem = f"{folder}: {status.message}"
        return folder, status

    def _verify(self, folder: Path, told: RecordingStatus) -> None:
        try:
            recording = open_recording(folder)
            damages = verify(recording, lambda done, total: self._meanwhile())
        except InstrumentError as error:
            self.problem = self.problem or str(error)
            return
        if damages:
            self.problem = f"{folder}: {damages[0].camera}: {damages[0].text}"
        for name, stream in recording.streams.items():
            there = (len(stream), sum(gap.frames for gap in stream.gaps))
            counted = (told.frames[name], told.lost[name])
            if there != counted:
                self.problem = (
                    f"{folder}: {name} has {there[0]} frames and {there[1]} in gaps, "
                    f"{counted[0]} and {counted[1]} were counted"
                )
        if not self.problem:
            remove_folder(folder)
