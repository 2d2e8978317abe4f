"""How footage was taken: from options first, then from its metadata; nothing is guessed."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from app.restore.footage import FootageFormat
from drivers.code_encoding import Encoding
from drivers.errors import InstrumentError
from drivers.frame import Frame, FrameMetadata
from drivers.frame_conditions import KnownConditions
from drivers.given_conditions import (
    CompleteConditions,
    GivenConditions,
    complete_conditions,
    told_by_pictures,
)
from drivers.pixel_format import PixelFormat, Pixels, pixel_format
from drivers.timing import TimingSource


@dataclass(frozen=True)
class FootageConditions(CompleteConditions):
    """What footage was taken under, and how its codes become a restorer's frames.

    ``from_metadata`` says whether the line time comes from a ``sequence.json`` or a
    recording. ``times_ns`` are the starts of the frames where they are known one by one.
    """

    source: TimingSource
    from_metadata: bool
    times_ns: Sequence[int] | None

    def frame(self, index: int, codes: Pixels) -> Frame:
        """The frame of a file's codes; raises :class:`InstrumentError` beyond the bit depth."""
        codes = self.linear_codes(codes, f"frame {index}", "give the --pixel-format of the codes")
        if self.times_ns is None:
            time_ns = round(index * self.interval_us * 1000)
        else:
            time_ns = self.times_ns[index]
        return Frame(codes, FrameMetadata(index, time_ns, time_ns))


def conditions_of(footage: FootageFormat, given: GivenConditions, name: str) -> FootageConditions:
    """Put together what is known of footage called ``name``.

    Raises :class:`InstrumentError` naming every option that is missing, and what
    does not fit the footage.
    """
    known = given.completed_by(_told(footage, given.encoding))
    complete = complete_conditions(known, given.encoding, footage.shape[0], name)
    assert known.pixel_format is not None  # complete
    _check_format(footage, pixel_format(known.pixel_format), name)
    _check_size(footage, name)
    recorded, told_by_option = footage.recorded, given.line_time_us is not None
    return FootageConditions(
        complete.frames,
        complete.interval_us,
        complete.linear,
        TimingSource.GIVEN if recorded is None or told_by_option else recorded.timing_source,
        from_metadata=not told_by_option,
        times_ns=footage.times_ns if given.interval_us is None else None,
    )


def _told(footage: FootageFormat, encoding: Encoding) -> KnownConditions:
    """What the footage tells of itself."""
    if footage.recorded is not None:
        return replace(footage.recorded.known, interval_us=footage.interval_us)
    if footage.info is not None:
        return footage.info.known
    return told_by_pictures(footage.pixel_format, encoding, footage.interval_us)


def _check_format(footage: FootageFormat, coding: PixelFormat, name: str) -> None:
    channels = footage.shape[2] if len(footage.shape) == 3 else 1
    if coding.dtype != footage.dtype or coding.channels != channels:
        kind = "RGB" if channels == 3 else "grey"
        raise InstrumentError(
            f"{name} holds {footage.dtype.itemsize * 8} bit {kind} pictures, {coding.name} is "
            f"{coding.dtype.itemsize * 8} bit {'RGB' if coding.channels == 3 else 'grey'} in "
            "files; correct --pixel-format or sequence.json"
        )


def _check_size(footage: FootageFormat, name: str) -> None:
    info = footage.info
    rows, columns = footage.shape[:2]
    if info is not None and (info.rows, info.columns) != (rows, columns):
        raise InstrumentError(
            f"{name} holds pictures of {columns} x {rows} px, its sequence.json speaks of "
            f"{info.columns} x {info.rows} px; correct it or take it away"
        )
