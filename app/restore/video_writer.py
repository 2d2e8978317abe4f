"""Footage as a video file: writing in segments, so that death costs one of them at most."""

import io
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import av

from app.restore.recipe import Recipe, claim_folder
from app.restore.video_stream import BITEXACT, SEGMENT_FRAMES, VideoFormat, VideoStream
from drivers.atomic_file import check_file, write_file
from drivers.errors import InstrumentError
from drivers.pixel_format import Pixels

DEFAULT_CRF = 12
"""Constant rate factor of H.264 without visible loss; smaller is better and larger."""


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

    unit_frames = SEGMENT_FRAMES
    goes_on = True

    def __init__(self, path: Path, form: VideoFormat, frames: int, recipe: Recipe) -> None:
        # Where a link leads to, so that the link stays one.
        self._path = path = Path(os.path.realpath(path))
        self._format = form
        self._frames = frames
        self._recipe = recipe
        self._folder = path.with_name(path.name + ".part")
        self._segment: _Segment | None = None
        self._complete = os.path.isfile(path)
        if self._complete:
            recipe.check_against(_comment(path), path)
        elif os.path.exists(path):
            raise InstrumentError(f"{path} exists and is no video file; name another OUT")
        else:
            check_file(path)
            claim_folder(self._folder, recipe)

    def is_done(self, unit: range, since_ns: int) -> bool:
        """See :class:`app.restore.footage.FootageWriter`."""
        if self._complete:
            if self._path.stat().st_mtime_ns < since_ns:
                raise InstrumentError(
                    f"{self._path} is older than {self._recipe.input}; remove it to restore again"
                )
            return True
        segments = [self._segment_file(first) for first in unit[::SEGMENT_FRAMES]]
        return all(path.exists() and path.stat().st_mtime_ns >= since_ns for path in segments)

    def write(self, index: int, codes: Pixels) -> None:
        """See :class:`app.restore.footage.FootageWriter`."""
        with writing(self._path):
            if index % SEGMENT_FRAMES == 0:
                self._segment = _Segment(self._format)
            assert self._segment is not None  # runs begin at whole units
            self._segment.add(codes)
            if (index + 1) % SEGMENT_FRAMES and index + 1 < self._frames:
                return
            encoded = self._segment.finish()
        write_file(self._segment_file(index - index % SEGMENT_FRAMES), encoded)

    def finish(self) -> None:
        """Join the segments and take their folder away."""
        if not self._complete:
            joined = self._folder / "joined"
            with writing(self._path):
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
        with av.open(str(joined), "w", format=kind, options=BITEXACT) as video:
            video.metadata["comment"] = self._recipe.model_dump_json()
            stream = None
            index = 0
            for first in range(0, self._frames, SEGMENT_FRAMES):
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


class _Segment:
    """Some frames encoded to a small video in memory."""

    def __init__(self, form: VideoFormat) -> None:
        self._memory = io.BytesIO()
        self._video = av.open(self._memory, "w", format="matroska", options=BITEXACT)
        self._stream = VideoStream(self._video, form)
        self._count = 0

    def add(self, codes: Pixels) -> None:
        """Encode one frame."""
        self._stream.add(codes, self._count)
        self._count += 1

    def finish(self) -> bytes:
        """The whole small video."""
        self._stream.finish()
        self._video.close()
        return self._memory.getvalue()


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """FFmpeg's errors and the system's as an :class:`InstrumentError`."""
    try:
        yield
    except (av.FFmpegError, OSError) as error:
        raise InstrumentError(f"{path} cannot be written: {error.strerror}") from error


def _comment(path: Path) -> str:
    """The recipe a finished video carries; empty where it carries none."""
    try:
        with av.open(f"file:{path}", metadata_errors="replace") as video:
            return next(
                (text for key, text in video.metadata.items() if key.lower() == "comment"), ""
            )
    except (av.FFmpegError, OSError):
        return ""
