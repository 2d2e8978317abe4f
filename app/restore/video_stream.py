"""One video stream and how codes get into it; for every video that is written."""

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import av
import numpy as np
from av.video.reformatter import ColorRange, Colorspace

from app.restore.output_coding import OutputCoding
from drivers.code_encoding import Encoding
from drivers.pixel_format import Pixels

SEGMENT_FRAMES = 32
"""Frames from one that can be decoded alone to the next."""

_ENCODER_THREADS = 4
"""Fixed: what x264 writes depends on how many there are."""

# ITU-T H.273, tables 2 and 3.
_BT709_PRIMARIES = 1
_TRANSFER = {Encoding.LINEAR: 8, Encoding.SRGB: 13}

_FFV1_FORMATS = {
    (8, False): "gray",
    (8, True): "bgr0",
    (16, False): "gray16le",
    (16, True): "gbrp16le",
}
_GIVEN_FORMATS = {
    (8, False): "gray",
    (8, True): "rgb24",
    (16, False): "gray16le",
    (16, True): "rgb48le",
}
"""FFmpeg's names of the codes to write, by bits and whether they are colour."""


@dataclass(frozen=True, slots=True)
class VideoFormat:
    """What the frames of a video are and how they are encoded; ``crf`` None is FFV1, lossless."""

    rows: int
    columns: int
    colour: bool
    coding: OutputCoding
    rate: Fraction
    crf: int | None

    @property
    def codec(self) -> str:
        """FFmpeg's name of the encoder."""
        return "ffv1" if self.crf is None else "libx264"

    @property
    def pixel_format(self) -> str:
        """FFmpeg's name of the format encoded."""
        if self.crf is None:
            return _FFV1_FORMATS[self.coding.bits, self.colour]
        # Players know little else; halved colour needs even sides.
        even = self.rows % 2 == 0 and self.columns % 2 == 0
        return "yuv420p" if even else "yuv444p"

    @property
    def options(self) -> dict[str, str]:
        """Options of the encoder. Without B-frames, packets lie in the order of their frames."""
        if self.crf is None:
            return {"level": "3", "g": "1", "slices": "4", "slicecrc": "1"}
        return {"preset": "veryfast", "crf": str(self.crf), "bf": "0", "g": str(SEGMENT_FRAMES)}


BITEXACT = {"fflags": "+bitexact"}
"""Equal frames make equal files: no random identifiers, no versions."""


class VideoStream:
    """The only stream of an open PyAV container, as a :class:`VideoFormat` says."""

    def __init__(self, video: Any, form: VideoFormat) -> None:
        self._format = form
        self._video = video
        stream: Any = video.add_stream(form.codec, rate=form.rate, options=form.options)
        stream.width, stream.height = form.columns, form.rows
        stream.pix_fmt = form.pixel_format
        coding = stream.codec_context
        coding.thread_count = _ENCODER_THREADS
        coding.color_primaries = _BT709_PRIMARIES
        coding.color_trc = _TRANSFER[form.coding.encoding]
        if form.crf is not None:
            coding.colorspace = Colorspace.ITU709
            coding.color_range = ColorRange.MPEG
        self._stream = stream

    def add(self, codes: Pixels, count: int) -> None:
        """Encode one frame, shown ``count`` frame intervals after the beginning."""
        form = self._format
        given = _GIVEN_FORMATS[form.coding.bits, form.colour]
        pixels: Any = np.ascontiguousarray(codes)
        frame = av.VideoFrame.from_ndarray(pixels, format=given)
        if form.crf is not None:
            frame = frame.reformat(
                format=form.pixel_format,
                # Asked for BT.709, the converter tints grey by one code.
                dst_colorspace=Colorspace.ITU709 if form.colour else None,
                dst_color_range=ColorRange.MPEG,
            )
        elif given != form.pixel_format:
            frame = frame.reformat(format=form.pixel_format)
        frame.pts = count
        frame.time_base = 1 / form.rate
        self._video.mux(self._stream.encode(frame))

    def finish(self) -> None:
        """Nothing more will come."""
        self._video.mux(self._stream.encode(None))
