"""A preview of a recording: raw beside restored as H.264, brightness unchanged."""

from collections.abc import Callable
from contextlib import ExitStack, suppress
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

from app.pictures.panes import compose
from app.pictures.screen import RawEncoder
from app.restore.chosen_restorer import open_model
from app.restore.imaging_conditions import FootageConditions, conditions_of
from app.restore.output_coding import Developer, OutputCoding
from app.restore.pipeline import Pipeline
from app.restore.recorded_footage import RecordedFootage, check_restorable
from app.restore.video_stream import BITEXACT, VideoFormat, VideoStream
from app.restore.video_writer import writing
from drivers.atomic_file import whole_file
from drivers.code_encoding import Encoding
from drivers.errors import InstrumentError
from drivers.given_conditions import GivenConditions
from drivers.pixel_format import Pixels
from drivers.radiometry import Radiometry
from models.restorers.registry import check_model

DEFAULT_MODEL = "live"
_CRF = 18
_CODING = OutputCoding(Encoding.SRGB, 8)
_DEFAULT_INTERVAL_US = 1e6 / 30


def write_preview(
    footage: RecordedFootage,
    target: Path,
    model: str | None,
    on_progress: Callable[[int, int], None],
) -> str:
    """Write the video; returns why it shows raw frames alone, empty where it does not.

    ``model`` None is the default where the recording tells enough to restore it,
    ``"none"`` asks for raw frames alone. A named one raises :class:`InstrumentError`
    where it cannot be had.
    """
    if model not in (None, "none"):
        check_model(model)
    conditions, why_not = _conditions(footage, model)
    with whole_file(target) as file:
        if conditions is None:
            with _PreviewWriter(Path(file.name), footage, "") as preview:
                for index, codes in enumerate(footage.codes(range(footage.frames))):
                    on_progress(index, footage.frames)
                    preview.show(index, codes, None)
                preview.finish()
            on_progress(footage.frames, footage.frames)
            return why_not
        used = open_model(model or DEFAULT_MODEL, None, conditions, footage.format)
        with _PreviewWriter(Path(file.name), footage, used.state.name) as preview:
            developer = Developer(_CODING, used.fallback)
            Pipeline(footage, conditions, used, developer, preview).run(on_progress)
    return ""


def _conditions(
    footage: RecordedFootage, model: str | None
) -> tuple[FootageConditions | None, str]:
    if model == "none":
        return None, ""
    try:
        check_restorable(footage.stream.camera)
        return conditions_of(footage.format, GivenConditions(), footage.name), ""
    except InstrumentError as error:
        if model is not None:
            raise
        return None, str(error)


class _PreviewWriter:
    """Keeps the contract of :class:`app.restore.footage.FootageWriter`; a context manager.

    Frames are shown when they were taken, on the grid of the frame rate: where one was
    lost, the one before stays.
    """

    unit_frames = 1
    goes_on = False

    def __init__(self, path: Path, footage: RecordedFootage, model: str) -> None:
        self._path = path
        self._footage = footage
        self._model = model
        self._open = ExitStack()
        self._raw = self._open.enter_context(footage.stream.open())
        camera = footage.stream.camera
        form = camera.frame_format.pixel_format
        radiometry = Radiometry(form, camera.black_level_dn or 0.0, float(form.maximum_dn))
        self._encode = RawEncoder(radiometry)
        self._codes = footage.stream.empty()
        self._interval_us = footage.format.interval_us or _DEFAULT_INTERVAL_US
        assert footage.format.times_ns is not None  # recordings tell them
        self._times_ns = footage.format.times_ns
        self._shown_at = -1
        self._caption = _caption(footage)
        self._video: Any = None
        self._stream: VideoStream | None = None

    def __enter__(self) -> "_PreviewWriter":
        return self

    def __exit__(self, *_: object) -> None:
        self.leave()

    def is_done(self, unit: range, since_ns: int) -> bool:
        """A preview is not resumed."""
        return False

    def write(self, index: int, codes: Pixels) -> None:
        """See :class:`app.restore.footage.FootageWriter`; ``codes`` are the restored picture."""
        self._raw.read(self._footage.numbers[index], self._codes)
        self.show(index, self._codes, codes)

    def show(self, index: int, raw: Pixels, restored: Pixels | None) -> None:
        """One picture of the video."""
        panes = [(self._encode(raw), "raw")]
        if restored is not None:
            panes.append((np.asarray(restored, np.uint8), f"restored  {self._model}"))
        at_us = (self._times_ns[index] - self._times_ns[0]) / 1000
        words = f"frame {self._footage.numbers[index]}, {at_us / 1e6:.3f} s  |  {self._caption}"
        picture = compose(panes, words)
        odd_rows, odd_columns = (size % 2 for size in picture.shape[:2])
        picture = np.pad(picture, ((0, odd_rows), (0, odd_columns), (0, 0)), mode="edge")
        if not self._footage.stream.camera.frame_format.pixel_format.is_colour:
            picture = np.ascontiguousarray(picture[..., 0])
        self._shown_at = max(self._shown_at + 1, round(at_us / self._interval_us))
        with writing(self._path):
            self._opened(picture).add(picture, self._shown_at)

    def _opened(self, picture: Pixels) -> VideoStream:
        if self._stream is None:
            form = VideoFormat(
                rows=picture.shape[0],
                columns=picture.shape[1],
                colour=picture.ndim == 3,
                coding=_CODING,
                # Exact for the rates of broadcasting, such as 60000/1001.
                rate=Fraction(1e6 / self._interval_us).limit_denominator(1001),
                crf=_CRF,
            )
            self._video = av.open(str(self._path), "w", format="mp4", options=BITEXACT)
            self._stream = VideoStream(self._video, form)
        return self._stream

    def finish(self) -> None:
        """Complete the file."""
        with writing(self._path):
            if self._stream is not None:
                self._stream.finish()
                self._video.close()
        self._video = self._stream = None
        self._open.close()

    def leave(self) -> None:
        """Close the file, which is then removed."""
        if self._video is not None:
            # The reason for removing it has been reported already.
            with suppress(av.FFmpegError, OSError):
                self._video.close()
        self._video = self._stream = None
        self._open.close()


def _caption(footage: RecordedFootage) -> str:
    camera = footage.stream.camera
    parts = [f"{camera.maker} {camera.model}".strip() or footage.name]
    if camera.exposure_us is not None:
        parts.append(f"{camera.exposure_us:g} us")
    if camera.timing is not None and camera.line_time_us:
        parts.append(
            f"line time {camera.line_time_us:g} us ({camera.timing_source.value}), "
            f"last row x {camera.timing.last_exposure_ratio():.2f}"
        )
    return "  |  ".join(parts)
