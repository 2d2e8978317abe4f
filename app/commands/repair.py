"""The command ``ngs repair``."""

from app import terminal
from app.commands.option_values import RecordingArgument


def repair(recording: RecordingArgument) -> None:
    """Complete a recording whose program was killed, so that any Zarr library reads it.

    Nothing is removed. The other commands read it as it is, and change nothing.
    """
    from drivers.recording.completion import repair as complete
    from drivers.recording.recording import Progress, open_recording

    found = open_recording(recording)
    complete(recording)
    streams = found.streams.values()
    frames = ", ".join(f"{len(each)} frames of {each.name}" for each in streams)
    done = "is complete" if found.progress is Progress.COMPLETE else "completed"
    terminal.say(f"{recording} {done}: {frames}")
    for each in streams:
        if each.chunks_behind:
            terminal.say(
                f"{each.name}: {each.chunks_behind} frames have no index line and are not counted; "
                "their pixels are still in the array's files"
            )
