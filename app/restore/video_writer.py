"""Footage as a video file: writing in segments, so that death costs one of them at most."""

import io
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.video.reformatter import ColorRange, Colorspace

from app.restore.development import OutputCoding
from app.restore.encoding import Encoding
from app.restore.recipe import Recipe, claim_folder
from drivers.errors import InstrumentError
from drivers.pixel_format import Pixels
from drivers.whole_file import write_file

DEFAULT_CRF = 12
"""Constant rate factor of H.264 without visible loss; smaller is better and larger."""

_SEGMENT_FRAMES = 32
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
        return {"preset": "veryfast", "crf": str(self.crf), "bf": "0", "g": str(_SEGMENT_FRAMES)}


def lossless(path: Path) -> bool:
    """Whether a video's suffix asks for FFV1; raises :class:`InstrumentError` for unknown ones."""
    codecs = {".mp4": False, ".mkv": True}
    if path.suffix.lower() not in codecs:
        raise InstrumentError(f"{path} must end in .mp4 (H.264) or .mkv (FFV1, lossless)")
    return codecs[path.suffix.lower()]


class VideoWriter:
    """Keeps the contract of :class:`app.restore.footage.FootageWriter`.

    Segments gather in a folder beside the video, ``NAME.part``, each a small
    video of its own; at the end they are joined without encoding again, and the
    video appears under its name at once. It carries its recipe as a comment.
    """

    unit_frames = _SEGMENT_FRAMES
    goes_on = True

    def __init__(self, path: Path, form: VideoFormat, frames: int, recipe: Recipe) -> None:
        self._path = path
        self._format = form
        self._frames = frames
        self._recipe = recipe
        self._folder = path.with_name(path.name + ".part")
        self._segment: _Segment | None = None
        self._complete = path.exists()
        if self._complete:
            recipe.check_against(_comment(path), path)
        else:
            claim_folder(self._folder, recipe)

    def is_done(self, unit: range, since_ns: int) -> bool:
        """See :class:`app.restore.footage.FootageWriter`."""
        if self._complete:
            if self._path.stat().st_mtime_ns < since_ns:
                raise InstrumentError(
                    f"{self._path} is older than {self._recipe.input}; remove it to restore again"
                )
            return True
        segments = [self._segment_file(first) for first in unit[::_SEGMENT_FRAMES]]
        return all(path.exists() and path.stat().st_mtime_ns >= since_ns for path in segments)

    def write(self, index: int, codes: Pixels) -> None:
        """See :class:`app.restore.footage.FootageWriter`."""
        with _writing(self._path):
            if index % _SEGMENT_FRAMES == 0:
                self._segment = _Segment(self._format)
            assert self._segment is not None  # runs begin at whole units
            self._segment.add(codes)
            if (index + 1) % _SEGMENT_FRAMES and index + 1 < self._frames:
                return
            encoded = self._segment.finish()
        write_file(self._segment_file(index - index % _SEGMENT_FRAMES), encoded)

    def finish(self) -> None:
        """Join the segments and take their folder away."""
        if not self._complete:
            joined = self._folder / "joined"
            with _writing(self._path):
                try:
                    self._join(joined)
                except BaseException:
                    joined.unlink(missing_ok=True)
                    raise
                joined.replace(self._path)
            self._complete = True
        shutil.rmtree(self._folder, ignore_errors=True)

    def leave(self) -> None:
        """Whole segments stay."""

    def _segment_file(self, first: int) -> Path:
        return self._folder / f"{first:08d}.mkv"

    def _join(self, joined: Path) -> None:
        kind = "matroska" if self._format.crf is None else "mp4"
        with av.open(str(joined), "w", format=kind, options=_BITEXACT) as video:
            video.metadata["comment"] = self._recipe.model_dump_json()
            stream = None
            index = 0
            for first in range(0, self._frames, _SEGMENT_FRAMES):
                with av.open(str(self._segment_file(first))) as segment:
                    source = segment.streams.video[0]
                    if stream is None:
                        stream = video.add_stream_from_template(source)
                        stream.time_base = 1 / self._format.rate
                    for packet in segment.demux(source):
                        if not packet.size:
                            continue
                        packet.stream = stream
                        packet.time_base = 1 / self._format.rate
                        packet.pts = packet.dts = index
                        packet.duration = 1
                        video.mux(packet)
                        index += 1
        if index != self._frames:
            raise InstrumentError(
                f"{self._folder} holds {index} of {self._frames} frames; remove it and start again"
            )


_BITEXACT = {"fflags": "+bitexact"}
"""Equal frames make equal files: no random identifiers, no versions."""


class _Segment:
    """Some frames encoded to a small video in memory."""

    def __init__(self, form: VideoFormat) -> None:
        self._format = form
        self._memory = io.BytesIO()
        self._video = av.open(self._memory, "w", format="matroska", options=_BITEXACT)
        stream: Any = self._video.add_stream(form.codec, rate=form.rate, options=form.options)
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
        self._count = 0

    def add(self, codes: Pixels) -> None:
        """Encode one frame."""
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
        frame.pts = self._count
        frame.time_base = 1 / form.rate
        self._video.mux(self._stream.encode(frame))
        self._count += 1

    def finish(self) -> bytes:
        """The whole small video."""
        self._video.mux(self._stream.encode(None))
        self._video.close()
        return self._memory.getvalue()


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    try:
        yield
    except (av.FFmpegError, OSError) as error:
        raise InstrumentError(f"{path} cannot be written: {error.strerror}") from error


def _comment(path: Path) -> str:
    """The recipe a finished video carries; empty where it carries none."""
    try:
        with av.open(str(path)) as video:
            return next(
                (text for key, text in video.metadata.items() if key.lower() == "comment"), ""
            )
    except (av.FFmpegError, OSError):
        return ""
