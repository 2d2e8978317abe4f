"""The command ``ngs info``."""

from app.commands.option_values import PrintJson, RecordingArgument


def info(
    recording: RecordingArgument,
    as_json: PrintJson = False,
) -> None:
    """Tell what a recording holds: cameras, settings, timing, frames, gaps, how it ended."""
    from rich.console import Console

    from app.commands.json_report import to_json
    from app.recordings.summary import print_recording, recording_document
    from drivers.recording import open_recording

    opened = open_recording(recording)
    if as_json:
        print(to_json(recording_document(opened)))
        return
    print_recording(opened, Console(markup=False))
