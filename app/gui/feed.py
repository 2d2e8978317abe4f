"""Pulls the newest frames of a session and turns new ones into pictures."""

import numpy as np
from numpy.typing import NDArray

from app.pictures.screen import RawEncoder
from app.session.session import Session
from drivers.errors import InstrumentError
from drivers.frame import Frame, FrameMetadata
from drivers.radiometry import Radiometry


class RawFeed:
    """Gives each newest raw frame of one camera (0 RSGR, 1 GS) as a picture once.

    ``frame`` is the frame last given out and ``shown`` how many there were.
    """

    def __init__(self, session: Session, camera_index: int) -> None:
        self._session = session
        self._camera_index = camera_index
        self._encoder: RawEncoder | None = None
        self.frame: Frame | None = None
        self.shown = 0

    @property
    def radiometry(self) -> Radiometry | None:
        """Of the frame last given out."""
        return None if self._encoder is None else self._encoder.radiometry

    def pull(self, beside: FrameMetadata | None = None) -> NDArray[np.uint8] | None:
        """The picture of a frame not given out before, None when there is none.

        The frame of ``beside`` while the ring holds it, so that raw and restored
        show the same instant; else the newest.
        """
        frame = self._session.frame_of(beside) if beside is not None else None
        if frame is None:
            frame = self._session.newest_raw(self._camera_index)
        if frame is None or (self.frame is not None and frame.metadata == self.frame.metadata):
            return None
        try:
            radiometry = self._session.radiometry(self._camera_index)
        except InstrumentError:
            return None  # the cameras are being closed; the status says so
        if frame.pixels.dtype != radiometry.pixel_format.dtype:
            return None  # the frame has the former format; the next one has the new
        if self._encoder is None or self._encoder.radiometry != radiometry:
            self._encoder = RawEncoder(radiometry)
        self.frame = frame
        self.shown += 1
        return self._encoder(frame.pixels)
