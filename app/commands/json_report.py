"""The JSON of ``ngs live``: stable names, for scripts."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import pydantic_core

from app.session.headless import Usage
from app.session.status import PairStatus, SessionStatus
from app.session.status_text import waiting_text
from drivers.atomic_file import write_file
from drivers.camera import NUMBER_SETTINGS

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
            "restored": status.restored,
            "skipped": status.skipped,
            "replaced": status.restorer.replaced,
        },
        **second,
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
        "synchronous": pairing.synchronous,
        "synchronous_text": pairing.text,
        "method": None if pairing.method is None else pairing.method.value,
        "pairs": pairing.pairs,
        "unmatched": _by_camera(pairing.unmatched),
        "overruns": _by_camera(status.overruns),
        "residual_us": {"p50": pairing.residual_us_p50, "p99": pairing.residual_us_p99},
        "tolerance_us": pairing.tolerance_us,
        "offset_us": pairing.offset_us,
        "drift_ppm": pairing.drift_ppm,
        "learnt_anew": pairing.learnt_anew,
    }


def _by_camera(values: tuple[int | None, int | None]) -> dict[str, int | None]:
    return dict(zip(("rsgr", "gs"), values, strict=True))


def to_json(value: Any) -> str:
    """JSON with all digits; null for NaN and infinity, which JSON cannot express."""
    return pydantic_core.to_json(value, indent=2, inf_nan_mode="null").decode()


def write_json(value: Any, target: str) -> None:
    """Write JSON to a file, or to standard output for ``-``; never half a file."""
    text = to_json(value) + "\n"
    if target == "-":
        print(text, end="")
        return
    write_file(Path(target), text.encode())
