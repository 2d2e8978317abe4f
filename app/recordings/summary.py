"""``ngs info``: what a recording holds, from its description and its index; no pixel is read."""

from collections import Counter
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from app.session.status_text import proof_word
from drivers.camera_settings import ShutterMode
from drivers.plain_text import one_line
from drivers.recording import RecordedCamera, RecordedStream, Recording
from drivers.recording.frame_times import start_times_ns
from drivers.recording.recorded_pairs import pair_recording
from drivers.recording.recording import Progress
from drivers.ring import bytes_per_frame


def recording_document(recording: Recording) -> dict[str, Any]:
    """All that is known of a recording, for scripts and for :func:`print_recording`."""
    info = recording.info
    streams = {name: _stream_document(each) for name, each in recording.streams.items()}
    assert info.end is not None  # opening tells it
    return {
        "recording": str(recording.folder),
        "started": info.started.isoformat(),
        "finished": info.end.finished.isoformat(),
        "ended": info.end.reason,
        "progress": recording.progress.value,
        "note": info.note,
        "compression": info.compression.value,
        "pretrigger_s": info.pretrigger_s,
        "wiring": info.wiring,
        "calibrated": info.calibration is not None,
        "processing": info.processing,
        "bytes": _size(recording.folder),
        "cameras": streams,
        "pairs": _pairs_document(recording),
        "versions": info.versions,
    }


def _stream_document(stream: RecordedStream) -> dict[str, Any]:
    metadata = [each for _, each in stream.known_metadata()]
    times_ns = start_times_ns(metadata)
    seconds = (times_ns[-1] - times_ns[0]) / 1e9 if len(times_ns) > 1 else 0.0
    lost: Counter[str] = Counter()
    for gap in stream.gaps:
        lost[gap.cause.value] += gap.frames
    size, raw_size = (
        _size(stream.layout.folder),
        len(stream) * bytes_per_frame(stream.camera.frame_format),
    )
    return {
        **stream.camera.model_dump(mode="json"),
        "frames": len(stream),
        "seconds": seconds,
        "rate_fps": (len(metadata) - 1) / seconds if seconds else None,
        "lost": dict(lost),
        "gaps": len(stream.gaps),
        "damaged_index_lines": len(stream.index.damaged_lines),
        "frames_without_index_line": _without_line(stream),
        "bytes": size,
        "compression_ratio": raw_size / size if size and raw_size else None,
    }


def _pairs_document(recording: Recording) -> dict[str, Any] | None:
    pairing = pair_recording(recording)
    if pairing is None:
        return None
    report = asdict(pairing.report)
    return {
        **report,
        **{
            name: dict(zip(recording.streams, report[name], strict=True))
            for name in ("unmatched", "overruns", "clock_steps")
        },
    }


def _without_line(stream: RecordedStream) -> int:
    """Frames whose times are lost: of a damaged line, and behind the last line."""
    return len(stream) - len(stream.known_metadata()) + stream.chunks_behind


def _size(folder: Path) -> int:
    """Bytes of all files; one that is renamed meanwhile, as while recording, is left out."""
    total = 0
    for path in folder.rglob("*"):
        with suppress(FileNotFoundError):
            total += path.stat().st_size if path.is_file() else 0
    return total


def progress_text(recording: Recording) -> str:
    """What it means that a recording is not complete; empty where it is."""
    return {
        Progress.COMPLETE: "",
        Progress.UNFINISHED: "not finished; it can be read as it is, and ngs repair completes it "
        "for other programs",
        Progress.BEING_WRITTEN: "being recorded; this is what it has so far",
    }[recording.progress]


def print_recording(recording: Recording, console: Console) -> None:
    """A page for a person, on a console without markup: cameras and notes may have brackets."""
    told = recording_document(recording)
    info = recording.info
    console.print(one_line(recording.folder.resolve().name), style="bold", highlight=False)
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", no_wrap=True)
    table.add_column()
    table.add_row("recorded", f"{info.started.astimezone():%Y-%m-%d %H:%M:%S}, {told['ended']}")
    if recording.progress is not Progress.COMPLETE:
        table.add_row("progress", progress_text(recording))
    if info.note:
        table.add_row("note", one_line(info.note))
    for name, stream in recording.streams.items():
        lines = _camera_lines(stream.camera) + _stream_lines(told["cameras"][name])
        table.add_row(name, "\n".join(map(one_line, lines)))
    if info.wiring is not None:
        table.add_row("wiring", info.wiring)
    if (pairs := told["pairs"]) is not None:
        table.add_row("pairs", _pairs_line(pairs))
    if info.processing is None:
        table.add_row(
            "calibration", "in force when recorded" if info.calibration is not None else "none"
        )
    else:
        made = f"{info.processing.get('model')} of {info.processing.get('input')}"
        table.add_row("restored by", made)
    table.add_row("size", f"{_megabytes(told['bytes'])}, compression {info.compression.value}")
    console.print(table, highlight=False, soft_wrap=True)


def _camera_lines(camera: RecordedCamera) -> list[str]:
    who = " ".join(part for part in (camera.maker, camera.model) if part) or "camera unknown"
    details = [
        f"{word} {value}"
        for word, value in (("serial", camera.serial), ("firmware", camera.firmware))
        if value
    ]
    named = f" ({', '.join(details)})" if details else ""
    settings = [f"{camera.columns} x {camera.rows} {camera.pixel_format}"]
    for value, text in (
        (camera.exposure_us, "exposure {:g} us"),
        (camera.gain_db, "gain {:g} dB"),
        (camera.gain_raw, "raw gain {:g}"),
        (camera.black_level_dn, "black level {:g} DN"),
        (camera.fps, "{:.4g} fps"),
    ):
        if value is not None:
            settings.append(text.format(value))
    return [f"{who}{named}  {camera.address}", ", ".join(settings), _timing_line(camera)]


def _timing_line(camera: RecordedCamera) -> str:
    proof = proof_word(camera.shutter_proven)
    if camera.shutter_proven is False:
        proof += " by the images"
    mode = camera.shutter_mode.value.replace("_", " ")
    if camera.shutter_mode is ShutterMode.UNKNOWN:
        mode = "shutter mode unknown"
    parts = [f"{mode} ({proof})" if mode == "global reset" else mode]
    if camera.line_time_us is None:
        if camera.shutter_mode is not ShutterMode.GLOBAL:
            parts.append("line time unknown: ngs restore needs --line-time-us")
    elif camera.line_time_us:
        timing = camera.timing
        ramp = "" if timing is None else f", last row x {timing.last_exposure_ratio():.2f}"
        parts.append(f"line time {camera.line_time_us:g} us ({camera.timing_source.value}){ramp}")
    if camera.trigger_source:
        parts.append(f"trigger {camera.trigger_source}")
    return ", ".join([*parts, *(f"[!] {warning}" for warning in camera.warnings)])


def _pairs_line(told: dict[str, Any]) -> str:
    by = "" if told["method"] is None else f" by {told['method']}"
    alone = ", ".join(f"{count} of {name}" for name, count in told["unmatched"].items() if count)
    unmatched = f"without partner: {alone}" if alone else "none without partner"
    return f"{told['pairs']}{by}, {unmatched}\n{told['text']}"


def _stream_lines(told: dict[str, Any]) -> list[str]:
    rate = f" ({told['rate_fps']:.2f} fps)" if told["rate_fps"] else ""
    lost = ", ".join(f"{frames} by {cause}" for cause, frames in told["lost"].items())
    missing = f"lost: {lost}, in {told['gaps']} gaps" if lost else "none lost"
    ratio = told["compression_ratio"]
    size = _megabytes(told["bytes"])
    if ratio is not None and ratio > 1.01:
        size += f", {ratio:.2f} times smaller"
    lines = [f"{told['frames']} frames in {told['seconds']:.2f} s{rate}, {missing}; {size}"]
    if told["damaged_index_lines"]:
        lines.append(f"{told['damaged_index_lines']} damaged index lines: see ngs verify")
    if told["frames_without_index_line"]:
        count = told["frames_without_index_line"]
        lines.append(f"{count} frames without an index line: their times are lost")
    return lines


def _megabytes(size: int) -> str:
    return f"{size / 1e9:.2f} GB" if size >= 1e9 else f"{size / 1e6:.1f} MB"
