"""How footage was taken: from options first, then from its metadata; nothing is guessed."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from app.restore.code_encoding import Encoding
from app.restore.footage import FootageFormat
from drivers.errors import InstrumentError
from drivers.frame import Frame, FrameMetadata
from drivers.frame_conditions import FrameConditions, KnownConditions
from drivers.pixel_format import PixelFormat, Pixels, pixel_format
from drivers.radiometry import Radiometry
from drivers.srgb import linear_from_srgb
from drivers.timing import ReadoutDirection, SensorTiming, TimingSource

_LINEARISED_BITS = 16


@dataclass(frozen=True, slots=True)
class GivenConditions(KnownConditions):
    """What an operator says of footage; the rest is left to its metadata."""

    encoding: Encoding = Encoding.LINEAR


@dataclass(frozen=True)
class FootageConditions:
    """What footage was taken under, and how its codes become a restorer's frames.

    ``frames`` are the conditions of these frames; where files hold sRGB codes, ``linear``
    has the linear code, 16 bit, of each. ``from_metadata`` says whether the line
    time comes from a ``sequence.json`` or a recording. ``times_ns`` are the starts of
    the frames where they are known one by one.
    """

    frames: FrameConditions
    interval_us: float
    source: TimingSource
    from_metadata: bool
    linear: NDArray[np.uint16] | None = None
    times_ns: Sequence[int] | None = None

    def frame(self, index: int, codes: Pixels) -> Frame:
        """The frame of a file's codes; raises :class:`InstrumentError` beyond the bit depth."""
        if self.linear is not None:
            codes = self.linear[codes]
        coding = self.frames.radiometry.pixel_format
        limit = coding.maximum_dn
        if limit < np.iinfo(codes.dtype).max and (highest := int(codes.max())) > limit:
            raise InstrumentError(
                f"frame {index}: code {highest} DN exceeds {limit} DN, the largest of "
                f"{coding.name}; give the --pixel-format of the codes"
            )
        if self.times_ns is None:
            time_ns = round(index * self.interval_us * 1000)
        else:
            time_ns = self.times_ns[index]
        return Frame(codes, FrameMetadata(index, time_ns, time_ns))


def interval_of(fps: float) -> float:
    """Frame interval in us; raises :class:`InstrumentError` for what is no frame rate."""
    if not 0 < fps < float("inf"):
        raise InstrumentError(f"frame rate {fps:g} fps must be above 0 fps; correct --fps")
    return 1e6 / fps


def conditions_of(footage: FootageFormat, given: GivenConditions, name: str) -> FootageConditions:
    """Put together what is known of footage called ``name``.

    Raises :class:`InstrumentError` naming every option that is missing, and what
    does not fit the footage.
    """
    known = given.completed_by(_told(footage, given.encoding))
    missing = {
        "--exposure-us": known.exposure_us,
        "--line-time-us": known.line_time_us,
        "--fps": known.interval_us,
        "--pixel-format (such as Mono12 or Mono16)": known.pixel_format,
        "--black-level-dn (or --input-encoding srgb)": known.black_level_dn,
    }
    if (
        known.exposure_us is None
        or known.line_time_us is None
        or known.interval_us is None
        or known.pixel_format is None
        or known.black_level_dn is None
    ):
        wanted = ", ".join(option for option, value in missing.items() if value is None)
        raise InstrumentError(f"{name} does not say how it was taken: give {wanted}")
    coding = pixel_format(known.pixel_format)
    _check_format(footage, coding, name)
    _check_size(footage, name)
    timing = SensorTiming(
        known.exposure_us,
        known.line_time_us,
        footage.shape[0],
        known.direction or ReadoutDirection.TOP_DOWN,
    )
    _check_period(timing, known.interval_us)
    radiometry = Radiometry(
        coding,
        known.black_level_dn,
        float(coding.maximum_dn) if known.saturation_dn is None else known.saturation_dn,
        known.white_balance or (1.0, 1.0, 1.0),
    )
    recorded, told_by_option = footage.recorded, given.line_time_us is not None
    linear = None
    if given.encoding is Encoding.SRGB:
        radiometry, linear = _linearised(radiometry)
    return FootageConditions(
        FrameConditions(timing, radiometry),
        known.interval_us,
        TimingSource.GIVEN if recorded is None or told_by_option else recorded.timing_source,
        from_metadata=not told_by_option,
        linear=linear,
        times_ns=footage.times_ns if given.interval_us is None else None,
    )


def _told(footage: FootageFormat, encoding: Encoding) -> KnownConditions:
    """What the footage tells of itself."""
    if footage.recorded is not None:
        return replace(footage.recorded.known, interval_us=footage.interval_us)
    if footage.info is not None:
        return footage.info.known
    return KnownConditions(
        interval_us=footage.interval_us,
        pixel_format=None if footage.pixel_format is None else footage.pixel_format.name,
        # By its definition, sRGB has no black level.
        black_level_dn=0.0 if encoding is Encoding.SRGB else None,
    )


def _linearised(radiometry: Radiometry) -> tuple[Radiometry, NDArray[np.uint16]]:
    """Radiometry of linear 16 bit codes in place of sRGB codes, and the table that makes them."""
    coding = radiometry.pixel_format
    if coding.bayer is not None:
        raise InstrumentError(
            f"{coding.name} codes cannot be sRGB-encoded: a mosaic is linear; "
            "leave --input-encoding out"
        )

    def linear_dn(code_dn: NDArray[np.float64]) -> NDArray[np.float32]:
        scale = np.float32((1 << _LINEARISED_BITS) - 1)
        light = linear_from_srgb(np.clip(code_dn / coding.maximum_dn, 0.0, 1.0))
        return np.asarray(light * scale)

    ends = linear_dn(np.array([radiometry.black_level_dn, radiometry.saturation_dn]))
    # Bayer and packed formats are out, so only the number of channels is left to tell.
    name = "RGB16" if coding.channels == 3 else "Mono16"
    table = np.rint(linear_dn(np.arange(coding.maximum_dn + 1, dtype=np.float64)))
    linear = Radiometry(
        pixel_format(name), float(ends[0]), float(ends[1]), radiometry.white_balance
    )
    return linear, table.astype(np.uint16)


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


def _check_period(timing: SensorTiming, interval_us: float) -> None:
    """In global reset, exposure and readout never overlap the next frame's."""
    longest_us = timing.last_row_exposure_us()
    if longest_us > interval_us:
        raise InstrumentError(
            f"the row read last would be exposed {longest_us:.0f} us, longer than the "
            f"{interval_us:.0f} us from frame to frame; correct --exposure-us, --line-time-us "
            "or --fps"
        )
