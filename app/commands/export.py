"""The commands ``ngs info``, ``ngs verify`` and ``ngs export``."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from app.progress import progress
from app.recordings.formats import ExportFormat
from drivers.errors import InstrumentError
from drivers.whole_file import check_folder

if TYPE_CHECKING:
    from app.recordings.aligned_pairs import PairedRecording

_Recording = Annotated[Path, typer.Argument(metavar="RECORDING", help="Folder ngs record made.")]


def info(
    recording: _Recording,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Tell what a recording holds: cameras, settings, timing, frames, gaps, how it ended."""
    from rich.console import Console

    from app.recordings.info import print_recording, recording_document
    from app.report import to_json
    from drivers.recording import open_recording

    opened = open_recording(recording)
    if as_json:
        print(to_json(recording_document(opened)))
        return
    print_recording(opened, Console())


def verify(
    recording: _Recording,
    json: Annotated[
        str | None, typer.Option(metavar="FILE", help="Write a report; - for stdout.")
    ] = None,
    report: Annotated[
        Path | None,
        typer.Option(metavar="FILE.html", help="Write a page on the quality of its pairs."),
    ] = None,
    rig: Annotated[
        Path | None,
        typer.Option(metavar="rig.json", help="Calibration; default: the one in the recording."),
    ] = None,
) -> None:
    """Read all of a recording: every frame there and as written, every gap explained.

    Of two calibrated cameras it also tells how well the pairs fit: place, light, time.
    """
    from rich.console import Console

    from app.recordings.verify import print_verification, verify_recording
    from app.report import write_json

    check_folder(json, report)
    paired, why_not = _paired(recording, rig, wanted=bool(report or rig))
    with progress("verifying", "frames") as on_progress:
        result = verify_recording(recording, on_progress)
    pairs = None
    if paired is not None and result.ok:
        from app.recordings.pair_report import assess, write_page

        pairs = assess(paired)
        if report is not None:
            write_page(pairs, report)
    if json is not None:
        write_json(
            {**result.document(), "pairs": None if pairs is None else pairs.document()}, json
        )
    if json != "-":
        print_verification(result, Console())
        for line in [why_not] if pairs is None else pairs.lines():
            print(line)
        if report is not None and pairs is not None:
            print(f"{report} written: the same with pictures")
    if not result.ok:
        raise InstrumentError(result.failure())


def _paired(
    recording: Path, rig: Path | None, *, wanted: bool
) -> "tuple[PairedRecording | None, str]":
    """The pairs of a recording, or why there are none; an error only where they are asked for."""
    from app.recordings.aligned_pairs import PairedRecording
    from drivers.recording import open_recording

    try:
        opened = open_recording(recording)
        if not wanted and len(opened.streams) < 2:
            return None, "one camera: no pairs"
        return PairedRecording.open(opened, rig), "pairs not looked at: the recording is damaged"
    except InstrumentError as error:
        if wanted:
            raise
        return None, f"pairs not looked at: {error}"


def export(
    recording: _Recording,
    out: Annotated[Path, typer.Argument(metavar="OUT", help="What to write; must not exist.")],
    format: Annotated[
        ExportFormat,
        typer.Option(
            help="png: a folder of pictures; tiff: one BigTIFF stack; both have the codes as "
            "recorded. mp4: raw beside restored, to look at. dataset: aligned pairs of both "
            "cameras to train on, added to OUT."
        ),
    ],
    camera: Annotated[
        str | None, typer.Option(help="rsgr or gs; default: the first there is.")
    ] = None,
    frames: Annotated[
        str | None, typer.Option(metavar="FIRST:END", help="Only these, counted from 0.")
    ] = None,
    bits: Annotated[
        int | None, typer.Option(help="8 leaves out the lowest bits of deeper codes; or 16.")
    ] = None,
    model: Annotated[
        str | None, typer.Option(help="What restores for mp4, or none; default live.")
    ] = None,
    skip_damaged: Annotated[
        bool, typer.Option("--skip-damaged", help="Leave out frames that cannot be read.")
    ] = False,
    split: Annotated[
        str | None,
        typer.Option(help="Part of the dataset the recording is for: train, val or test."),
    ] = None,
    rig: Annotated[
        Path | None,
        typer.Option(metavar="rig.json", help="Calibration; default: the one in the recording."),
    ] = None,
) -> None:
    """Write a recording in a format of others, whole or not at all."""
    from app.recordings.export import export as run
    from app.recordings.formats import ExportRequest

    request = ExportRequest(
        recording, out, format, camera, frames, bits, model, skip_damaged, split, rig
    )
    with progress("exporting", "frames") as on_progress:
        summary = run(request, on_progress)
        for note in summary.notes:
            on_progress.say(note)
    print(summary.line)
