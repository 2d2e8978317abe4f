"""How pictures were taken, as an operator tells it; nothing is guessed."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from drivers.code_encoding import Encoding
from drivers.errors import InstrumentError
from drivers.frame_conditions import FrameConditions, KnownConditions
from drivers.pixel_format import PixelFormat, Pixels, pixel_format
from drivers.radiometry import Radiometry
from drivers.srgb import linear_from_srgb
from drivers.timing import ReadoutDirection, SensorTiming

_LINEARISED_BITS = 16


@dataclass(frozen=True, slots=True)
class GivenConditions(KnownConditions):
    """What an operator says of pictures; the rest is left to what the files tell."""

    encoding: Encoding = Encoding.LINEAR


@dataclass(frozen=True)
class CompleteConditions:
    """What frames were taken under; where files hold sRGB codes, their linear counterparts.

    ``frames`` are the conditions of linear codes; ``linear`` has the linear code, 16 bit, of
    each code of the files, None where those are linear.
    """

    frames: FrameConditions
    interval_us: float
    linear: NDArray[np.uint16] | None

    def linear_codes(self, codes: Pixels, name: str, cure: str) -> Pixels:
        """Linear codes of the picture called ``name``.

        Raises :class:`InstrumentError` with the ``cure`` for codes beyond the bit depth.
        """
        if self.linear is not None:
            codes = self.linear[codes]
        coding = self.frames.radiometry.pixel_format
        limit = coding.maximum_dn
        if limit < np.iinfo(codes.dtype).max and (highest := int(codes.max())) > limit:
            raise InstrumentError(
                f"{name}: code {highest} DN exceeds {limit} DN, the largest of {coding.name}; "
                f"{cure}"
            )
        return codes


def interval_of(fps: float) -> float:
    """Frame interval in us; raises :class:`InstrumentError` for what is no frame rate."""
    if not 0 < fps < float("inf"):
        raise InstrumentError(f"frame rate {fps:g} fps must be above 0 fps; correct --fps")
    return 1e6 / fps


def told_by_pictures(
    coding: PixelFormat | None, encoding: Encoding, interval_us: float | None = None
) -> KnownConditions:
    """What pictures of an encoding tell without any description."""
    return KnownConditions(
        interval_us=interval_us,
        pixel_format=None if coding is None else coding.name,
        # By its definition, sRGB has no black level.
        black_level_dn=0.0 if encoding is Encoding.SRGB else None,
    )


def complete_conditions(
    known: KnownConditions, encoding: Encoding, rows: int, name: str
) -> CompleteConditions:
    """The conditions of pictures of so many rows, called ``name``, whose codes have an encoding.

    Raises :class:`InstrumentError` naming every option that is missing, and for what cannot be.
    """
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
    timing = SensorTiming(
        known.exposure_us,
        known.line_time_us,
        rows,
        known.direction or ReadoutDirection.TOP_DOWN,
    )
    _check_period(timing, known.interval_us)
    radiometry = Radiometry(
        coding,
        known.black_level_dn,
        float(coding.maximum_dn) if known.saturation_dn is None else known.saturation_dn,
        known.white_balance or (1.0, 1.0, 1.0),
    )
    linear = None
    if encoding is Encoding.SRGB:
        radiometry, linear = _linearised(radiometry)
    return CompleteConditions(FrameConditions(timing, radiometry), known.interval_us, linear)


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


def _check_period(timing: SensorTiming, interval_us: float) -> None:
    """In global reset, exposure and readout never overlap the next frame's."""
    longest_us = timing.last_row_exposure_us()
    if longest_us > interval_us:
        raise InstrumentError(
            f"the row read last would be exposed {longest_us:.0f} us, longer than the "
            f"{interval_us:.0f} us from frame to frame; correct --exposure-us, --line-time-us "
            "or --fps"
        )
