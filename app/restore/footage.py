"""The interfaces between restoring and files of any kind."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from drivers.pixel_format import PixelFormat, Pixels
from drivers.recording import RecordedCamera
from models.dataset.sequence_info import SequenceInfo


@dataclass(frozen=True, slots=True)
class FootageFormat:
    """Layout of the codes in footage files, and what the files tell about themselves.

    ``pixel_format`` is None where the files leave it open: in 16 bit pictures a
    camera's codes may have 10, 12 or 16 bits. ``interval_us`` is None where they
    tell no frame rate, ``info`` where no ``sequence.json`` describes them. Of a recording,
    ``recorded`` is the camera, and ``times_ns`` are the starts of its frames.
    """

    shape: tuple[int, ...]
    dtype: np.dtype[np.uint8 | np.uint16]
    pixel_format: PixelFormat | None
    interval_us: float | None = None
    info: SequenceInfo | None = None
    recorded: RecordedCamera | None = None
    times_ns: tuple[int, ...] | None = None


class FootageReader(Protocol):
    """Consecutive frames that can be read again from any of them on."""

    @property
    def name(self) -> str:
        """Short name, without folders."""

    @property
    def fingerprint(self) -> str:
        """Equal for equal footage: changes when frames join or leave."""

    @property
    def frames(self) -> int:
        """How many there are."""

    @property
    def format(self) -> FootageFormat:
        """How the codes lie in the files."""

    def codes(self, wanted: range) -> Iterator[Pixels]:
        """Codes of the ``wanted`` frames in order, of the format's shape and dtype.

        Raises :class:`drivers.errors.InstrumentError` naming what cannot be read.
        """

    def modified_ns(self, frames: range) -> int:
        """When the newest file that holds some of ``frames`` was last written."""


class FootageWriter(Protocol):
    """Writes frames; if the process dies, at most one unit is lost."""

    unit_frames: int
    """Frames come in whole units that start at multiples of this; only the last is shorter."""

    goes_on: bool
    """Whether the same command takes up what an interrupted one has left."""

    def is_done(self, unit: range, since_ns: int) -> bool:
        """Whether the frames of ``unit`` are there whole, written at ``since_ns`` or later."""

    def write(self, index: int, codes: Pixels) -> None:
        """Keep one frame; within a run of units, indices ascend without a gap.

        Raises :class:`drivers.errors.InstrumentError` where it cannot be kept.
        """

    def finish(self) -> None:
        """Every frame is there: make the result of them."""

    def leave(self) -> None:
        """The run ends before its time: let go of what is open."""
