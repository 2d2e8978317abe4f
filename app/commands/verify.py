"""The command ``ngs verify``."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from app import terminal
from app.commands.option_values import Accept, RecordingArgument, ReportFile
from app.commands.progress import progress
from drivers.atomic_file import check_file
from drivers.errors import InstrumentError

if TYPE_CHECKING:
    from app.recordings.aligned_pairs import PairedRecording


def verify(
    recording: RecordingArgument,
    json: ReportFile = None,
    report: Annotated[
        Path | None,
        typer.Option(metavar="FILE.html", help="Write a page on the quality of its pairs."),
    ] = None,
    rig: Annotated[
        Path | None,
        typer.Option(metavar="rig.json", help="Calibration; default: the one in the recording."),
    ] = None,
    accept: Accept = False,
) -> None:
    """Read all of a recording: every frame there and as written, every gap explained.

    Of two calibrated cameras it also tells how well the pairs fit: place, light, time; with
    status 1 where nobody should train on them.
    """

    from app.commands.json_report import write_json
    from app.recordings.verification import print_verification, verify_recording

    check_file(json, report, spares=(recording, rig))
    paired, why_not = _paired(recording, rig, wanted=bool(report or rig))
    with progress("verifying", "frames") as on_progress:
        result = verify_recording(recording, on_progress)
    pairs = None
    if paired is not None and result.ok:
        from app.recordings.pair_report import assess

        with progress("comparing pairs", "stretches") as on_progress:
            pairs = assess(paired, on_progress)
        if report is not None:
            from app.recordings.pair_page import write_page

            write_page(pairs, report)
    if json != "-":
        print_verification(result, terminal.console())
        for line in [why_not] if pairs is None else pairs.lines():
            terminal.say(line)
        if report is not None and pairs is not None:
            terminal.say(f"{report} written: the same with pictures")
    if json is not None:
        write_json(
            {**result.document(), "pairs": None if pairs is None else pairs.document()}, json
        )
    if not result.ok:
        raise InstrumentError(result.failure())
    if pairs is not None and pairs.unfit and not accept:
        raise InstrumentError(
            f"{recording}: nobody should train on these pairs, as the verdict says; with --accept "
            "the status is 0 all the same"
        )


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
