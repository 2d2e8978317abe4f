"""``ngs restore`` from the words of an operator to restored footage and its report."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from importlib.metadata import version
from pathlib import Path
from typing import Any

from app.restore.chosen_restorer import Model, open_model
from app.restore.footage import FootageReader, FootageWriter
from app.restore.imaging_conditions import FootageConditions, conditions_of
from app.restore.output_coding import Developer, OutputCoding
from app.restore.picture_footage import ImageFolder, ImageFolderWriter
from app.restore.pipeline import Pipeline, Tally
from app.restore.recipe import Recipe
from app.restore.recorded_footage import RecordedFootage, check_restorable, readable
from app.restore.restored_recording import RestoredRecordingWriter
from app.restore.video_footage import VideoFile
from app.restore.video_stream import VideoFormat
from app.restore.video_writer import DEFAULT_CRF, VideoWriter, lossless
from drivers.code_encoding import Encoding
from drivers.errors import InstrumentError
from drivers.frame_conditions import record_fields
from drivers.given_conditions import GivenConditions
from drivers.pixel_format import pixel_format
from drivers.recording import Recording, is_recording, open_recording
from drivers.recording.recorded_pairs import GS, paired_streams
from drivers.replay import IMAGE_SUFFIXES
from models.restorers.registry import check_model
from models.restorers.restorer_state import RestorerState
from models.restorers.row_gain import RowGain

_OTHER_VIDEOS = (".avi", ".gif", ".m4v", ".mov", ".mpeg", ".mpg", ".webm", ".wmv")
"""Who names OUT so means a video, and not a folder."""


@dataclass(frozen=True, slots=True)
class Request:
    """What to restore, how it was taken, and how to write it.

    ``encoding`` None is sRGB, linear in recordings; ``bits`` None is 8 where the input
    has 8, else 16; ``crf`` None is the default. ``skip_damaged`` leaves out frames of a
    recording that cannot be read.
    """

    source: Path
    target: Path
    model: str
    given: GivenConditions
    encoding: Encoding | None = None
    bits: int | None = None
    crf: int | None = None
    engine: str | None = None
    skip_damaged: bool = False


@dataclass(frozen=True, slots=True)
class Summary:
    """What a run did, for a person and for scripts; ``seconds`` is that of this run alone."""

    request: Request
    restorer: RestorerState
    conditions: FootageConditions
    coding: OutputCoding
    tally: Tally
    fallen_back: int
    seconds: float

    @property
    def fps(self) -> float:
        """Frames restored per second; 0 when all were there already."""
        return self.tally.restored / self.seconds if self.tally.restored else 0.0

    def line(self) -> str:
        """One line that says it all."""
        tally, name = self.tally, self.request.target
        if not tally.restored:
            return f"{name}: all {tally.already_there} frames were there already"
        parts = [
            f"{name}: {tally.restored} frames restored by {self.restorer.name} on "
            f"{self.restorer.device} in {self.seconds:.1f} s ({self.fps:.1f} fps)"
        ]
        if tally.already_there:
            parts.append(f"{tally.already_there} were there already")
        if self.fallen_back:
            parts.append(
                f"{self.fallen_back} by {RowGain.name}, as {self.restorer.name} gave "
                "values that are no numbers"
            )
        return "; ".join(parts)

    def document(self) -> dict[str, Any]:
        """The report of ``--json``."""
        timing, radiometry = self.conditions.frames.timing, self.conditions.frames.radiometry
        return {
            "input": str(self.request.source),
            "output": str(self.request.target),
            "model": self.restorer.name,
            "device": self.restorer.device,
            "engine": self.restorer.engine or None,
            "timing": {
                "exposure_us": timing.exposure_us,
                "line_time_us": timing.line_time_us,
                "rows": timing.rows,
                "readout": timing.direction.value,
                "frame_interval_us": self.conditions.interval_us,
                "source": self.conditions.source.value,
                "from_metadata": self.conditions.from_metadata,
            },
            "pixel_format": radiometry.pixel_format.name,
            "encoding": self.coding.encoding.value,
            "bits": self.coding.bits,
            "frames": {
                "restored": self.tally.restored,
                "already_there": self.tally.already_there,
                "fallen_back": self.fallen_back,
            },
            "seconds": self.seconds,
            "rate_fps": self.fps,
        }


def restore(request: Request, on_progress: Callable[[int, int], None]) -> Summary:
    """Restore footage, or what is left of it; ``on_progress(done, total)`` counts frames.

    Everything that can be checked is checked before anything is written. Raises
    :class:`InstrumentError` with one line for whatever an operator can cure.
    """
    check_model(request.model)
    _check_places(request.source, request.target)
    reader = _open(request)
    conditions = conditions_of(reader.format, request.given, reader.name)
    bits = request.bits or (8 if reader.format.dtype.itemsize == 1 else 16)
    coding = OutputCoding(_encoding(request, reader), bits)
    model = open_model(request.model, request.engine, conditions, reader.format)
    writer = _create(request, reader, conditions, coding, model)
    developer = Developer(coding, model.fallback)
    started_s = time.monotonic()
    tally = Pipeline(reader, conditions, model, developer, writer).run(on_progress)
    seconds = time.monotonic() - started_s
    return Summary(request, model.state, conditions, coding, tally, developer.fallen_back, seconds)


def _check_places(source: Path, target: Path) -> None:
    if not source.exists():
        raise InstrumentError(
            f"{source} does not exist; give a recording, a folder of pictures or a video"
        )
    inside, outside = target.resolve(), source.resolve()
    if inside == outside:
        raise InstrumentError(f"{target} is the input itself; name another OUT")
    if outside in inside.parents:
        raise InstrumentError(f"{target} lies inside the input {source}; name an OUT elsewhere")
    if target.suffix.lower() in _OTHER_VIDEOS and not target.is_dir():
        lossless(target)  # refuses it


def _open(request: Request) -> FootageReader:
    source, target = request.source, request.target
    if is_recording(source):
        recording = open_recording(source)
        stream = recording.stream()
        check_restorable(stream.camera)
        numbers = range(len(stream))
        wanted = readable(stream, numbers, skip_damaged=request.skip_damaged)
        return RecordedFootage(recording, stream, wanted)
    if request.skip_damaged:
        raise InstrumentError("--skip-damaged is for recordings")
    if source.is_dir():
        if _is_video(target) or target.is_file():
            raise InstrumentError(
                f"{target} is a file, {source} a folder of pictures; OUT is a folder then"
            )
        return ImageFolder(source)
    if source.suffix.lower() in IMAGE_SUFFIXES:
        raise InstrumentError(f"{source} is a single picture; give the folder of its sequence")
    if target.is_dir():
        raise InstrumentError(f"{target} is a folder, {source} a video; OUT is a video file then")
    lossless(target)
    asked = request.given.pixel_format
    return VideoFile(source, None if asked is None else pixel_format(asked))


def _into_recording(request: Request, reader: FootageReader) -> bool:
    return isinstance(reader, RecordedFootage) and not _is_video(request.target)


def _is_video(target: Path) -> bool:
    return target.suffix.lower() in (".mp4", ".mkv")


def _encoding(request: Request, reader: FootageReader) -> Encoding:
    """How the codes of the target relate to light; in a recording they are linear."""
    if not _into_recording(request, reader):
        return request.encoding or Encoding.SRGB
    if request.encoding is Encoding.SRGB:
        raise InstrumentError(
            "--encoding srgb is for pictures and videos, recordings are linear: leave it out, or "
            "give an OUT that ends in .mp4 or .mkv"
        )
    return Encoding.LINEAR


def _create(
    request: Request,
    reader: FootageReader,
    conditions: FootageConditions,
    coding: OutputCoding,
    model: Model,
) -> FootageWriter:
    if isinstance(reader, ImageFolder):
        if request.crf is not None:
            raise InstrumentError("--crf is for videos; pictures are written without loss")
        recipe = _recipe(request, reader, conditions, coding, model, codec="png", crf=None)
        return ImageFolderWriter(request.target, reader.files, recipe)
    if isinstance(reader, RecordedFootage) and _into_recording(request, reader):
        if request.crf is not None:
            raise InstrumentError("--crf is for videos; recordings are without loss")
        codec = reader.recording.info.compression.value
        recipe = _recipe(request, reader, conditions, coding, model, codec=codec, crf=None)
        colours = "RGB" if conditions.frames.radiometry.pixel_format.is_colour else "Mono"
        return RestoredRecordingWriter(
            request.target,
            reader,
            f"{colours}{coding.bits}",
            recipe,
            _beside(request, reader.recording),
        )
    crf = _crf(request, coding)
    form = VideoFormat(
        rows=conditions.frames.timing.rows,
        columns=reader.format.shape[1],
        colour=conditions.frames.radiometry.pixel_format.is_colour,
        coding=coding,
        # Exact for the rates of broadcasting, such as 60000/1001.
        rate=Fraction(1e6 / conditions.interval_us).limit_denominator(1001),
        crf=crf,
    )
    recipe = _recipe(request, reader, conditions, coding, model, codec=form.codec, crf=crf)
    return VideoWriter(request.target, form, reader.frames, recipe)


def _beside(request: Request, recording: Recording) -> RecordedFootage | None:
    """The second camera's frames of a recording of pairs."""
    if paired_streams(recording) is None:
        return None
    stream = recording.stream(GS)
    wanted = readable(stream, range(len(stream)), skip_damaged=request.skip_damaged)
    return RecordedFootage(recording, stream, wanted)


def _crf(request: Request, coding: OutputCoding) -> int | None:
    """Constant rate factor of H.264; None for FFV1."""
    if lossless(request.target):
        if request.crf is not None:
            raise InstrumentError("--crf is for .mp4; .mkv is lossless")
        return None
    if coding.bits != 8:
        raise InstrumentError(
            f"{request.target} holds 8 bit, not {coding.bits}; give --bits 8, or OUT as .mkv"
        )
    crf = DEFAULT_CRF if request.crf is None else request.crf
    if not 0 <= crf <= 51:
        raise InstrumentError(f"--crf {crf} must lie between 0, the best, and 51")
    return crf


def _recipe(
    request: Request,
    reader: FootageReader,
    conditions: FootageConditions,
    coding: OutputCoding,
    model: Model,
    *,
    codec: str,
    crf: int | None,
) -> Recipe:
    return Recipe(
        program=version("neural-global-shutter"),
        input=reader.name,
        input_frames=reader.frames,
        input_fingerprint=reader.fingerprint,
        model=model.state.name,
        weights_sha256=model.weights_sha256,
        device=model.state.device,
        engine=model.state.engine,
        **record_fields(conditions.frames, conditions.interval_us),
        input_encoding=request.given.encoding,
        encoding=coding.encoding,
        bits=coding.bits,
        codec=codec,
        crf=crf,
    )
