"""Pulls the newest frames of a session and turns new ones into pictures."""

import numpy as np
from numpy.typing import NDArray

from app.screen import RawEncoder
from app.session import Session
from drivers.errors import InstrumentError
from drivers.frame import Frame, FrameMetadata
from models.radiometry import Radiometry

_FURTHEST_BACK = 12
"""Frames the raw picture may be kept behind to stand beside its restored one."""


class RawFeed:
    """The newest raw frame of one camera (0 RSGR, 1 GS) as a picture, once per frame.

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

        The frame of ``beside`` where it is still in the ring and not far back,
        so that raw and restored show the same instant; else the newest.
        """
        frame = self._session.newest_raw(self._camera_index)
        if frame is not None and beside is not None:
            frame = self._frame_of(beside, frame) or frame
        if frame is None or (self.frame is not None and frame.metadata == self.frame.metadata):
            return None
        try:
            # The session tells the radiometry of its first camera; the second is set like it.
            radiometry = self._session.radiometry()
        except InstrumentError:
            return None  # the cameras are being closed; the status tells
        if frame.pixels.dtype != radiometry.pixel_format.dtype:
            return None  # of a format just left; the next frame is of the new one
        if self._encoder is None or self._encoder.radiometry != radiometry:
            self._encoder = RawEncoder(radiometry)
        self.frame = frame
        self.shown += 1
        return self._encoder(frame.pixels)

    def _frame_of(self, wanted: FrameMetadata, newest: Frame) -> Frame | None:
        behind = newest.metadata.sequence - wanted.sequence
        if not 0 < behind <= _FURTHEST_BACK:
            return None
        try:
            reader = self._session.reader(past_frames=behind + 1)
        except InstrumentError:
            return None  # stopped meanwhile
        pixels = np.empty_like(newest.pixels)
        for _ in range(behind + 1):
            metadata = reader.next(pixels, timeout_s=0.0)
            if metadata is None or metadata.sequence > wanted.sequence:
                return None
            if metadata == wanted:
                return Frame(pixels, metadata)
        return None
