"""Footage as a video file: reading, by PyAV."""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from app.restore.footage import FootageFormat
from drivers.errors import InstrumentError
from drivers.pixel_format import PIXEL_FORMATS, PixelFormat, Pixels
from drivers.video_file import opened_video

_GREY_FORMATS = {"gray": "Mono8", "gray10le": "Mono10", "gray12le": "Mono12", "gray16le": "Mono16"}
"""Grey videos are taken as they are, by FFmpeg's names of their formats."""

_UNEVEN = 0.5
"""Steps between frames that differ by this share of one: no constant rate."""
_LATE_FRAMES = 4


class VideoFile:
    """Keeps the contract of :class:`app.restore.footage.FootageReader`.

    The first video stream, 8 bit colour or grey up to 16 bit. ``asked`` is the
    pixel format the codes are to be taken for: one of a single channel takes
    the luma of a colour video. The whole file is looked through once, without
    decoding. Raises :class:`InstrumentError` for what is no video, or cut short.
    """

    def __init__(self, path: Path, asked: PixelFormat | None) -> None:
        self._path = path
        self.name = path.name
        stored = _scan(path)
        self.frames = stored.frames
        self.fingerprint = f"{path.stat().st_size} bytes"
        self._decoded_as, told = _decoded_format(stored, asked, path)
        shape: tuple[int, ...] = (stored.rows, stored.columns)
        self.format = FootageFormat(
            shape=shape if told.channels == 1 else (*shape, told.channels),
            dtype=told.dtype,
            pixel_format=told,
            interval_us=None if stored.rate is None else float(1_000_000 / stored.rate),
        )

    def codes(self, wanted: range) -> Iterator[Pixels]:
        """See :class:`app.restore.footage.FootageReader`; frames before are decoded to get there.

        Seeking would be faster and, in the containers of this world, not exact.
        """
        index = 0
        with opened_video(self._path) as (container, stream):
            stream.thread_type = "AUTO"
            for frame in container.decode(stream):
                if index >= wanted.stop:
                    return
                if index >= wanted.start:
                    yield self._codes_of(frame, index)
                index += 1
        if index < wanted.stop:
            raise InstrumentError(
                f"{self._path}: only {index} of {self.frames} frames can be decoded; "
                "the file is cut short or damaged: cut it at its last whole frame"
            )

    def modified_ns(self, frames: range) -> int:
        """See :class:`app.restore.footage.FootageReader`."""
        return self._path.stat().st_mtime_ns

    def _codes_of(self, frame: Any, index: int) -> Pixels:
        if frame.is_corrupt or (frame.height, frame.width) != self.format.shape[:2]:
            raise InstrumentError(
                f"{self._path}: frame {index} is damaged or of another size than the first; "
                "the file is cut short or spliced: cut it at its last whole frame"
            )
        return np.ascontiguousarray(frame.to_ndarray(format=self._decoded_as))


@dataclass(frozen=True, slots=True)
class _Stored:
    """What a file holds: ``rate`` in frames per second, None where told unevenly or not at all."""

    frames: int
    rows: int
    columns: int
    format_name: str
    bits: int
    rate: Fraction | None


def _scan(path: Path) -> _Stored:
    with opened_video(path) as (container, stream):
        coding = stream.codec_context
        alone, kind = len(container.streams) == 1, container.format.name
        told, promised_us = stream.frames, container.duration
        packets = shown = 0
        times = []
        for packet in container.demux(stream):  # none is kept: together they are the file
            if packet.size:
                packets += 1
            if packet.size and not packet.is_discard:
                shown += 1
                times += [] if packet.pts is None else [packet.pts]
        rate, time_base = stream.average_rate, stream.time_base
        stored = _Stored(
            frames=shown,
            rows=coding.height,
            columns=coding.width,
            format_name=coding.pix_fmt or "unknown",
            bits=max((part.bits for part in coding.format.components), default=0)
            if coding.pix_fmt
            else 0,
            rate=None if rate is None or not _even(times, time_base, rate) else rate,
        )
    if not shown:
        raise InstrumentError(f"{path} holds no frame; give another video")
    if "mp4" in kind and packets < told:
        raise _cut_short(path, f"{packets} of {told} frames")
    if promised_us and times and rate and alone:
        there_us = (max(times) - min(times)) * time_base * 1_000_000
        # Times are in milliseconds at worst, and a first frame may come late by a few.
        if there_us + _LATE_FRAMES * 1_000_000 / rate < promised_us:
            there_s, promised_s = float(there_us) / 1e6, promised_us / 1e6
            raise _cut_short(path, f"{there_s:.2f} of {promised_s:.2f} s")
    return stored


def _cut_short(path: Path, there: str) -> InstrumentError:
    return InstrumentError(
        f"{path} is cut short: {there} are there; copy it again, or rewrite what is left of it "
        "(ffmpeg -i IN -c copy OUT)"
    )


def _even(times: list[int], time_base: Fraction, rate: Fraction) -> bool:
    step = 1 / (rate * time_base)
    return all(
        abs(after - before - step) <= _UNEVEN * step for before, after in pairwise(sorted(times))
    )


def _decoded_format(
    stored: _Stored, asked: PixelFormat | None, path: Path
) -> tuple[str, PixelFormat]:
    """FFmpeg's name of the format to decode to, and the pixel format of the codes."""
    if stored.format_name in _GREY_FORMATS:
        return stored.format_name, PIXEL_FORMATS[_GREY_FORMATS[stored.format_name]]
    if stored.bits != 8:
        raise InstrumentError(
            f"{path} is {stored.format_name}; 8 bit colour, or grey of 8 to 16 bit, can be restored"
        )
    if asked is not None and asked.channels == 1:
        return "gray", PIXEL_FORMATS["Mono8"]
    return "rgb24", PIXEL_FORMATS["RGB8"]
