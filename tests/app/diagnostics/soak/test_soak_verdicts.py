"""Verdicts of a soak: what was planted is found, and clean samples pass."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.diagnostics.soak.robust_slope import robust_slope
from app.diagnostics.soak.samples import (
    CameraAccount,
    CameraSample,
    Sample,
    SoakAccount,
    SoakFacts,
)
from app.diagnostics.soak.soak_page import soak_page
from app.diagnostics.soak.soak_verdicts import SoakReport, judge
from app.diagnostics.soak.time_plot import time_plot
from app.diagnostics.verdicts import Finding, Outcome

HOUR_S, EVERY_S, FPS = 3600.0, 10.0, 30
PIECE_S = 60.0
FACTS = SoakFacts(
    started=datetime(2026, 1, 1, tzinfo=UTC),
    program="ngs",
    machine="none",
    command="ngs selftest soak",
    cameras={"rsgr": "a camera"},
    stream="320 x 240 Mono8 at 30 fps",
    model="row-gain",
    seconds=HOUR_S,
    every_s=EVERY_S,
    warm_up_s=333.0,
    cycle_s=PIECE_S,
)
ACCOUNT = SoakAccount(
    cameras={"rsgr": CameraAccount(107_990, 107_990, 8, 2, 108_000)},
    restoring=True,
    restored=107_000,
    skipped=989,
    in_work=1,
    pieces=60,
    recorded=107_990,
    lost_to_disk=0,
    piece_problem="",
    message="",
)


def clean_sample(number: int, random: np.random.Generator) -> Sample:
    """As an hour goes: memory goes up and down with each piece, frames are lost now and then."""
    seconds = number * EVERY_S
    frames = round(seconds * FPS)
    in_piece = seconds % PIECE_S / PIECE_S
    return Sample(
        seconds=seconds,
        memory_bytes=round(300e6 + 1e6 * in_piece + 3e5 * random.normal() + 20e6 * (seconds > 40)),
        children_bytes=0,
        handles=20 + 6 * (in_piece < 0.3),
        threads=25 + (in_piece < 0.2),
        cpu_share=0.4,
        cameras={
            "rsgr": CameraSample(
                captured=frames - frames // 10_000,
                lost=frames // 10_000,
                incomplete=0,
                overruns=0,
                clock_offset_ns=round(10**15 + 20e3 * seconds + 3e5 * random.normal()),
                clock_steps=0,
            )
        },
        restored=frames - frames // 100 - frames // 10_000,
        skipped=frames // 100,
        latency_p50_ms=2.0 + 0.3 * abs(random.normal()),
        latency_p99_ms=6.0 + 10 * abs(random.normal()),
        waiting=0,
        ring_frames=62,
        recorded=frames,
        lost_to_disk=0,
    )


def clean_samples() -> list[Sample]:
    random = np.random.default_rng(1)
    return [clean_sample(number, random) for number in range(1, round(HOUR_S / EVERY_S) + 1)]


def planted(**change: Callable[[Sample], object]) -> list[Sample]:
    """Clean samples with fields computed from what they were."""
    return [
        replace(each, **{name: of(each) for name, of in change.items()}) for each in clean_samples()
    ]


def camera_planted(**change: Callable[[Sample], object]) -> list[Sample]:
    return planted(
        cameras=lambda each: {
            "rsgr": replace(each.cameras["rsgr"], **{name: of(each) for name, of in change.items()})
        }
    )


def found(
    samples: list[Sample], account: SoakAccount = ACCOUNT, facts: SoakFacts = FACTS
) -> dict[str, Finding]:
    return {each.step: each.finding for each in judge(facts, samples, account)}


def failures(samples: list[Sample], account: SoakAccount = ACCOUNT) -> dict[str, str]:
    return {
        name: finding.text
        for name, finding in found(samples, account).items()
        if finding.outcome is Outcome.FAILED
    }


def test_clean_samples_pass_in_everything() -> None:
    outcomes = {name: finding.outcome for name, finding in found(clean_samples()).items()}
    assert outcomes == dict.fromkeys(outcomes, Outcome.PASSED)
    drift = {each.name: each.value for each in found(clean_samples())["clock of rsgr"].figures}
    assert drift["drift"] == pytest.approx(20.0, abs=0.5)


def grown(bytes_per_frame: float) -> list[Sample]:
    return planted(
        memory_bytes=lambda each: round(each.memory_bytes + bytes_per_frame * FPS * each.seconds)
    )


def test_memory_that_every_frame_takes_is_found() -> None:
    (text,) = failures(grown(200)).values()
    assert "each grows by more than 4.3 MB/h, 40 bytes for each frame" in text
    assert failures(grown(10)) == {}


def test_memory_too_noisy_to_tell_is_no_verdict() -> None:
    random = np.random.default_rng(2)
    noisy = planted(memory_bytes=lambda each: round(3e8 + 1e8 * random.random()))
    memory = found(noisy)["memory"]
    assert memory.outcome is Outcome.NOT_POSSIBLE
    assert "too uncertain" in memory.text
    assert "more time" in memory.advice


def test_a_run_shorter_than_what_fills_is_no_verdict() -> None:
    short = [each for each in grown(1000) if each.seconds < 2 * FACTS.warm_up_s]
    memory = found(short, facts=replace(FACTS, seconds=2 * FACTS.warm_up_s))["memory"]
    assert memory.outcome is Outcome.NOT_POSSIBLE
    assert "17 minutes" in memory.advice


@pytest.mark.parametrize("at_s", [600, 1400, 2400, 3300])
def test_what_is_taken_in_one_piece_is_no_growth(at_s: int) -> None:
    once = planted(memory_bytes=lambda each: each.memory_bytes + (each.seconds > at_s) * 10**8)
    assert found(once)["memory"].outcome is Outcome.PASSED


@pytest.mark.parametrize("name", ["handles", "threads"])
def test_one_handle_or_thread_left_is_found(name: str) -> None:
    samples = planted(**{name: lambda each: getattr(each, name) + (each.seconds > HOUR_S / 2)})
    ((step, text),) = failures(samples).items()
    assert name in step
    assert "of the last quarter" in text


def test_a_sample_when_little_is_open_is_no_rise() -> None:
    """As between two pieces of the recording: three threads fewer in one sample of 492."""
    samples = clean_samples()
    at = len(samples) * 3 // 8
    samples[at] = replace(samples[at], handles=10, threads=12)
    assert failures(samples) == {}


@pytest.mark.parametrize(
    ("camera", "text"),
    [
        (CameraAccount(107_990, 107_989, 8, 2, 108_000), "107989 came into memory"),
        (CameraAccount(107_990, 107_990, 7, 2, 108_000), "+1 beside 108000 frame numbers"),
        (CameraAccount(107_990, 107_990, 12, 2, 108_000), "-4 beside 108000 frame numbers"),
    ],
)
def test_a_frame_in_no_count_or_in_two_is_found(camera: CameraAccount, text: str) -> None:
    told = failures(clean_samples(), replace(ACCOUNT, cameras={"rsgr": camera}))
    assert text in told["account of rsgr"]


def test_damaged_frames_at_the_ends_have_numbers_outside() -> None:
    camera = CameraAccount(107_990, 107_990, 8, 2, 107_998)
    assert failures(clean_samples(), replace(ACCOUNT, cameras={"rsgr": camera})) == {}


def test_unknown_losses_are_no_verdict() -> None:
    camera = CameraAccount(107_990, 107_990, None, 0, None)
    told = found(clean_samples(), replace(ACCOUNT, cameras={"rsgr": camera}))["account of rsgr"]
    assert told.outcome is Outcome.NOT_POSSIBLE
    assert "do not tell losses" in told.text


@pytest.mark.parametrize("beside", [-1, 1])
def test_a_frame_neither_restored_nor_skipped_is_found(beside: int) -> None:
    account = replace(ACCOUNT, skipped=ACCOUNT.skipped + beside)
    assert list(failures(clean_samples(), account)) == ["account of restoring"]


def test_a_count_that_falls_is_found() -> None:
    samples = planted(recorded=lambda each: 5 if each.seconds == 1000.0 else each.recorded)
    assert "recorded: 29700, then 5 at 1000.0 s" in failures(samples)["counts only rise"]


def test_more_restored_than_captured_is_found() -> None:
    samples = planted(restored=lambda each: each.restored + 500)
    assert "restored and" in failures(samples)["counts only rise"]


def test_a_queue_that_grows_is_found_by_its_latency() -> None:
    slower = planted(latency_p50_ms=lambda each: 2.0 + 80.0 * each.seconds / HOUR_S)
    assert "later by a frame period of 33.3 ms" in failures(slower)["latency"]
    a_little = planted(latency_p50_ms=lambda each: 2.0 + 10.0 * each.seconds / HOUR_S)
    assert failures(a_little) == {}


def test_a_clock_that_no_crystal_has_is_told_and_not_judged() -> None:
    samples = camera_planted(clock_offset_ns=lambda each: round(1e6 * each.seconds))
    clock = found(samples)["clock of rsgr"]
    assert clock.outcome is Outcome.NOT_POSSIBLE
    assert "+1000.00 ppm" in clock.text


def test_a_camera_without_a_clock_passes() -> None:
    samples = camera_planted(clock_offset_ns=lambda each: None)
    assert found(samples)["clock of rsgr"].outcome is Outcome.NOT_POSSIBLE
    assert "</svg>" in page(samples)


def test_a_damaged_piece_and_a_lost_camera_are_failures() -> None:
    account = replace(ACCOUNT, piece_problem="piece-0007: rsgr: frame 3", message="camera lost")
    assert set(failures(clean_samples(), account)) == {"recording", "runs to its end"}


def test_a_run_without_samples_has_verdicts_too() -> None:
    silent = {"rsgr": CameraAccount(0, 0, 0, 0, 0)}
    account = replace(ACCOUNT, cameras=silent, restoring=False, restored=0, skipped=0, in_work=0)
    assert failures([], account) == {}
    assert found([], account)["account of rsgr"].text == "no frame came"
    assert "<h2>Verdicts</h2>" in page([])


def page(samples: list[Sample]) -> str:
    results = judge(FACTS, samples, ACCOUNT)
    return soak_page(SoakReport(FACTS, ACCOUNT, results, interrupted=False), samples)


def test_the_page_names_what_failed() -> None:
    text = page(grown(200))
    assert '<span class="badge failed">failed</span>' in text
    assert text.count("<svg") == 9
    assert "http" not in text
    assert "<script" not in text


@settings(max_examples=30)
@given(st.floats(-1e3, 1e3), st.integers(8, 60), st.integers(0, 2**32 - 1))
def test_a_slope_is_not_moved_by_outliers(slope: float, count: int, seed: int) -> None:
    x = np.arange(count, dtype=float)
    y = slope * x
    outliers = np.random.default_rng(seed).choice(count, count // 10, replace=False)
    y[outliers] += 1e6
    fitted = robust_slope(x, y)
    assert fitted is not None
    assert fitted.value == pytest.approx(slope, abs=1e-6)
    assert fitted.low <= fitted.value <= fitted.high


def test_the_interval_of_a_slope_holds_the_true_one_as_often_as_it_says() -> None:
    random = np.random.default_rng(3)
    x = np.arange(240.0)
    fits = [robust_slope(x, 0.1 * x + random.normal(size=240)) for _ in range(60)]
    held = [fit is not None and fit.low <= 0.1 <= fit.high for fit in fits]
    assert 0.87 <= np.mean(held) <= 0.99


def test_peaks_among_many_samples_are_drawn() -> None:
    values = [0.0] * 100_000
    values[77_777] = 5.0
    plot = time_plot("one", "MB", [float(each + 1) for each in range(100_000)], {"one": values})
    (line,) = plot.curves[0].lines
    heights = [float(point.split(",")[1]) for point in line.split()]
    assert len(heights) < 1000
    assert min(heights) < plot.top + 15
    assert [tick.text for tick in plot.x_ticks] == ["0", "5", "10", "15", "20", "25"]
    assert plot.time_unit == "h"


@pytest.mark.parametrize("value", [0.0, 5e8, -3.0, 1e-7])
def test_a_figure_that_stands_still_is_drawn(value: float) -> None:
    plot = time_plot("one", "MB", [1.0, 2.0], {"one": [value, value]}, from_zero=False)
    assert len(plot.y_ticks) >= 2
    assert len({tick.text for tick in plot.y_ticks}) == len(plot.y_ticks)
    assert all(plot.top - 1 <= tick.place <= plot.bottom + 1 for tick in plot.y_ticks)
