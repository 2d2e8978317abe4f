"""``ngs export``: a recording in other formats, complete or not at all."""

import os
from collections.abc import Callable
from typing import TypeAlias

from app.recordings.code_scaling import PictureCoding
from app.recordings.export_formats import DATASET, MP4, SUFFIXES, ExportRequest, ExportSummary
from app.recordings.picture_export import PICTURE_FORMATS
from app.restore.recorded_footage import RecordedFootage, readable
from app.session import interruption
from drivers.atomic_file import check_file, check_folder
from drivers.errors import InstrumentError, StoppedByOperatorError
from drivers.recording import Recording, open_recording
from drivers.recording.frame_selection import frame_range

OnProgress: TypeAlias = Callable[[int, int], None]


def export(request: ExportRequest, on_progress: OnProgress) -> ExportSummary:
    """Write it; raises :class:`InstrumentError`, and then there is nothing at ``target``."""
    _check_target(request)
    recording = open_recording(request.source)
    try:
        return _WRITERS[request.format](request, recording, on_progress)
    except KeyboardInterrupt:
        interruption.taken()
        raise StoppedByOperatorError("interrupted; nothing is kept of it") from None


def _check_target(request: ExportRequest) -> None:
    target, form = request.target, request.format
    suffixes = SUFFIXES[form]
    if not os.path.exists(target):
        check_file(target)  # a folder too has to lie in one that is there
    elif form == DATASET:
        check_folder(target)
    else:
        raise InstrumentError(f"{target} exists and is not overwritten; name another OUT")
    if request.source.resolve() in target.resolve().parents:
        raise InstrumentError(f"{target} lies inside the recording; name an OUT elsewhere")
    if suffixes and target.suffix.lower() not in suffixes:
        raise InstrumentError(f"{target} must end in {' or '.join(suffixes)} for --format {form}")
    if form == MP4 and request.bits is not None:
        *others, last = PICTURE_FORMATS
        raise InstrumentError(f"--bits is for {', '.join(others)} and {last}; an mp4 has 8")
    if form != DATASET and (request.split, request.rig, request.accept) != (None, None, False):
        raise InstrumentError(
            f"--split, --rig and --accept are for dataset; {form} has one camera as it was"
        )
    if form != MP4 and request.model is not None:
        raise InstrumentError(f"--model is for mp4; {form} has the codes as recorded")


def _footage(request: ExportRequest, recording: Recording) -> tuple[RecordedFootage, list[str]]:
    """The requested frames of one camera, and a note on those left out."""
    stream = recording.stream(request.camera)
    chosen = frame_range(request.frames or ":", len(stream))
    numbers = readable(stream, chosen, skip_damaged=request.skip_damaged)
    left_out = len(chosen) - len(numbers)
    notes = [f"{left_out} damaged frames are left out; ngs verify tells which"] if left_out else []
    return RecordedFootage(recording, stream, numbers), notes


def _export_pictures(
    request: ExportRequest, recording: Recording, on_progress: OnProgress
) -> ExportSummary:
    footage, notes = _footage(request, recording)
    form = footage.stream.camera.frame_format.pixel_format
    coding = PictureCoding.asked(form, request.bits)
    PICTURE_FORMATS[request.format].write(footage, request.target, coding, on_progress)
    if coding.shift:
        notes.append(f"the lowest {coding.shift} bits of the codes are left out")
    return _summary(request, footage, notes)


def _export_preview(
    request: ExportRequest, recording: Recording, on_progress: OnProgress
) -> ExportSummary:
    from app.recordings.video_preview import write_preview  # torch takes a second to import

    footage, notes = _footage(request, recording)
    why_not = write_preview(footage, request.target, request.model, on_progress)
    if why_not:
        notes.append(f"raw frames only: {why_not}")
    return _summary(request, footage, notes)


def _summary(request: ExportRequest, footage: RecordedFootage, notes: list[str]) -> ExportSummary:
    line = f"{request.target}: {footage.frames} frames of {footage.stream.name}"
    return ExportSummary(line, tuple(notes))


def _export_dataset(
    request: ExportRequest, recording: Recording, on_progress: OnProgress
) -> ExportSummary:
    from app.recordings.dataset_export import export_dataset

    if request.camera is not None or request.frames is not None or request.skip_damaged:
        raise InstrumentError(
            "--camera, --frames and --skip-damaged are for one camera; a dataset has all pairs"
        )
    return export_dataset(request, recording, on_progress)


_WRITERS: dict[str, Callable[[ExportRequest, Recording, OnProgress], ExportSummary]] = {
    **dict.fromkeys(PICTURE_FORMATS, _export_pictures),
    MP4: _export_preview,
    DATASET: _export_dataset,
}
