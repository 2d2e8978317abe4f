"""The JSON of ``ngs live``: stable names, for scripts."""

from dataclasses import asdict
from enum import Enum
from pathlib import Path
from typing import Any

import pydantic_core

from app import terminal
from app.session.headless import Usage
from app.session.status import PairStatus, SessionStatus
from app.session.status_text import waiting_text
from drivers.atomic_file import write_file
from drivers.camera_settings import NUMBER_SETTINGS
from drivers.plain_text import json_escapes, utf8

_NOT_REPORTED = ("white_balance_red", "white_balance_blue", "trigger_delay_us")
"""Settings that scripts never found in the report; its keys stay as they are."""


def live_report(status: SessionStatus, usage: Usage) -> dict[str, Any]:
    """The report of one run; null for what could not be measured."""
    settings, counters = status.settings, status.counters
    columns, rows = status.frame_format.columns, status.frame_format.rows
    sensor = status.timing.sensor
    second = {} if status.gs_counters is None else {"gs_frames": asdict(status.gs_counters)}
    return {
        "camera": status.address,
        "identity": asdict(status.identity),
        "state": status.state.value,
        "message": status.message,
        "waiting_for": waiting_text(status) or None,
        "shutter": {
            "mode": status.device_state.shutter_mode.value,
            "proven": status.shutter_proven,
        },
        "trigger": {
            "source": status.device_state.trigger_source,
            "jitter_us_p99": status.jitter_us_p99,
        },
        "settings": {
            **{
                name: getattr(settings, name)
                for name in NUMBER_SETTINGS
                if name not in _NOT_REPORTED
            },
            "width": columns,
            "height": rows,
            "pixel_format": status.frame_format.pixel_format.name,
        },
        "timing": {
            "line_time_us": None if sensor is None else sensor.line_time_us,
            "rows": rows,
            "source": status.timing.source.value,
        },
        "warnings": list(status.device_state.warnings),
        "model": status.restorer.name if status.restored or status.restoring else None,
        "model_note": status.restoring_note,
        "fallback": status.restorer.fallback or None,
        "engine": status.restorer.engine or None,
        "engine_note": status.restorer.engine_note or None,
        "device": status.restorer.device,
        "seconds": status.streamed_s,
        "frames": {
            "captured": counters.captured,
            "lost": counters.lost,
            "incomplete": counters.incomplete,
            "overruns": counters.overruns,
            "discarded": counters.discarded,
            "number_breaks": counters.number_breaks,
            "restored": status.restored,
            "skipped": status.skipped,
            "replaced": status.restorer.replaced,
        },
        **second,
        "clock_steps": dict(status.clock_steps),
        **({} if status.pairs is None else {"pairs": pairs_report(status.pairs)}),
        "rate_fps": {
            "captured": status.mean_captured_fps,
            "restored": status.mean_restored_fps,
        },
        "latency_ms": asdict(status.latency_ms),
        "saturated_share": status.saturated_share,
        "ring": {"seconds": status.ring_seconds, "bytes": status.ring_bytes},
        "cpu_share": usage.cpu_share,
        "main_thread_wake_ms": {
            "p50": usage.main_thread_wake_ms.p50,
            "p99": usage.main_thread_wake_ms.p99,
        },
    }


def pairs_report(status: PairStatus) -> dict[str, Any]:
    """How the frames of two cameras were paired."""
    pairing = status.pairing
    return {
        "wiring": None if status.wiring is None else status.wiring.value,
        "wiring_text": status.wiring_text,
        "synchronous": status.synchronous,
        "synchronous_text": status.text,
        "pictures": None if status.lag is None else status.lag.model_dump(mode="json"),
        "method": None if pairing.method is None else pairing.method.value,
        "pairs": pairing.pairs,
        "unmatched": _by_camera(pairing.unmatched),
        "overruns": _by_camera(status.overruns),
        "residual_us": {"p50": pairing.residual_us_p50, "p99": pairing.residual_us_p99},
        "tolerance_us": pairing.tolerance_us,
        "offset_us": pairing.offset_us,
        "drift_ppm": pairing.drift_ppm,
        "learnt_anew": pairing.learnt_anew,
        "clock_steps": _by_camera(pairing.clock_steps),
    }


def _by_camera(values: tuple[int | None, int | None]) -> dict[str, int | None]:
    return dict(zip(("rsgr", "gs"), values, strict=True))


def to_json(value: Any) -> str:
    r"""JSON with all digits; null for NaN and infinity, which JSON cannot express.

    What is no text, as in names that are not UTF-8, is written as an escape; what a
    terminal would obey, as JSON's own.

    >>> print(to_json(["caf\udce9", "\x9b31m"]))
    [
      "caf\\xe9",
      "\u009b31m"
    ]
    """
    text = pydantic_core.to_json(_valid(value), indent=2, inf_nan_mode="null").decode()
    return json_escapes(text)


def _valid(value: Any) -> Any:
    """``value`` with all text in it as UTF-8 can hold it."""
    match value:
        case Enum():
            return value
        case str() | Path():
            return utf8(value)
        case dict():
            return {_valid(key): _valid(each) for key, each in value.items()}
        case list() | tuple():
            return [_valid(each) for each in value]
    return value


def write_json(value: Any, target: str) -> None:
    """Write JSON to a file, or to standard output for ``-``; never half a file."""
    text = to_json(value)
    if target == "-":
        terminal.say(text)
    else:
        write_file(Path(target), text.encode() + b"\n")
