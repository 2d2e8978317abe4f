"""What a soak may not do: memory, handles and threads, counts, latency, clocks, pieces.

The bounds follow from what is bounded or counted, not from a machine's speed. What a run is too
short or too noisy to tell is told so, and is no failure.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

from app.diagnostics.soak.robust_slope import FEWEST_BLOCKS, RobustSlope, robust_slope
from app.diagnostics.soak.samples import Sample, SoakAccount, SoakFacts
from app.diagnostics.verdicts import (
    Figure,
    Finding,
    Outcome,
    StepResult,
    failed,
    not_possible,
    passed,
    skipped,
)
from drivers.clock_steps import LARGEST_DRIFT_PPM

_LEAST_OBJECT_BYTES = 40
"""The least that a frame can leave behind: a Python number of 32 bytes and its place in a list."""
_FEWEST_SAMPLES = 8
"""In a quarter of the run."""
_LONGER = "give it more time"


@dataclass(frozen=True, slots=True)
class SoakReport:
    """A soak that has ended; ``interrupted`` where the operator ended it before its time."""

    facts: SoakFacts
    account: SoakAccount
    results: tuple[StepResult, ...]
    interrupted: bool

    @property
    def failures(self) -> tuple[StepResult, ...]:
        """The bounds that were broken."""
        return tuple(each for each in self.results if each.finding.outcome is Outcome.FAILED)


def judge(
    facts: SoakFacts, samples: Sequence[Sample], account: SoakAccount
) -> tuple[StepResult, ...]:
    """A verdict for each bound, in the order of the page."""
    findings = {
        "runs to its end": _end(facts, samples, account),
        "memory": _memory(facts, samples),
        "open handles": _floor(facts, samples, lambda each: each.handles, "handles"),
        "threads": _floor(facts, samples, lambda each: each.threads, "threads"),
        **{f"account of {name}": _camera_account(account, name) for name in account.cameras},
        "account of restoring": _restoring_account(account),
        "counts only rise": _counts_rise(samples),
        "latency": _latency(samples),
        **{f"clock of {name}": _clock(samples, name) for name in account.cameras},
        "recording": _recording(facts, account),
    }
    return tuple(StepResult("soak", name, finding) for name, finding in findings.items())


def judged_from_s(facts: SoakFacts, samples: Sequence[Sample]) -> float:
    """When memory begins to be judged: after the warm-up, and not in the first quarter."""
    return max(facts.warm_up_s, _ran_s(samples) / 4)


def memory_slopes(facts: SoakFacts, samples: Sequence[Sample]) -> list[RobustSlope]:
    """Slope of the memory of all processes in MB/h in each third of what is judged.

    None at all in a run too short for it.
    """
    judged = [each for each in samples if each.seconds >= judged_from_s(facts, samples)]
    # What takes as long as the warm-up to show itself would look like a slope before.
    if not judged or judged[-1].seconds - judged[0].seconds < facts.warm_up_s:
        return []
    begin_s, length_s = judged[0].seconds, judged[-1].seconds - judged[0].seconds
    slopes = []
    for third in range(3):
        first_s, last_s = (begin_s + length_s * each / 3 for each in (third, third + 1))
        part = [each for each in judged if first_s <= each.seconds <= last_s]
        seconds, used = [each.seconds for each in part], [each.all_bytes for each in part]
        slope = robust_slope(seconds, used, blocks=FEWEST_BLOCKS)
        if slope is None:
            return []
        slopes.append(slope.times(3600 / 1e6))
    return slopes


def _ran_s(samples: Sequence[Sample]) -> float:
    return samples[-1].seconds if samples else 0.0


def _rate_fps(samples: Sequence[Sample]) -> float:
    """Captured frames of all cameras a second; 0 where none came."""
    if not samples:
        return 0.0
    return sum(each.captured for each in samples[-1].cameras.values()) / samples[-1].seconds


def _end(facts: SoakFacts, samples: Sequence[Sample], account: SoakAccount) -> Finding:
    ran = Figure("ran", _ran_s(samples), "s")
    if account.message:
        return failed(account.message, "the line says what to do", ran)
    if _ran_s(samples) < facts.seconds - 2 * facts.every_s - 1:
        return skipped(f"ended after {_ran_s(samples):.0f} of {facts.seconds:g} s")
    return passed(f"{_ran_s(samples):.0f} s", ran, Figure("samples", len(samples)))


def _memory(facts: SoakFacts, samples: Sequence[Sample]) -> Finding:
    """Growth below the least that each frame could leave behind.

    What every frame leaves behind grows in every third. What the C library takes in one piece, as
    for another thread's heap, grows in one.
    """
    slopes = memory_slopes(facts, samples)
    if not slopes:
        return not_possible(
            f"all that is bounded is full after {facts.warm_up_s:.0f} s; as long again is needed, "
            f"with {3 * FEWEST_BLOCKS} samples",
            f"{_LONGER}: {3 * facts.warm_up_s / 60:.0f} minutes",
        )
    bound = _LEAST_OBJECT_BYTES * _rate_fps(samples) * 3600 / 1e6
    figures = (
        *(
            Figure(
                f"third {number}",
                f"{each.value:+.2f} ({each.low:+.2f} to {each.high:+.2f})",
                "MB/h",
            )
            for number, each in enumerate(slopes, start=1)
        ),
        Figure(f"bound: {_LEAST_OBJECT_BYTES} bytes a frame", bound, "MB/h"),
        Figure("at the end", samples[-1].all_bytes / 1e6, "MB"),
    )
    text = f"{', '.join(f'{each.value:+.2f}' for each in slopes)} MB/h in its thirds"
    if min(each.low for each in slopes) > bound:
        return failed(
            f"{text}: each grows by more than {bound:.2g} MB/h, {_LEAST_OBJECT_BYTES} bytes for "
            "each frame",
            "something is kept for each frame: run it again under tracemalloc or memray",
            *figures,
        )
    if min(each.high for each in slopes) > bound:
        return not_possible(f"{text}: too uncertain for {bound:.2g} MB/h", _LONGER, *figures)
    return passed(f"{text}; one number kept of each frame would be {bound:.2g} MB/h", *figures)


def _quarters(samples: Sequence[Sample]) -> tuple[list[Sample], list[Sample]]:
    """The samples of the second quarter, and of the last."""
    end_s = _ran_s(samples)
    second = [each for each in samples if end_s / 4 <= each.seconds < end_s / 2]
    return second, [each for each in samples if each.seconds >= end_s * 3 / 4]


def _too_short(facts: SoakFacts, samples: Sequence[Sample]) -> str:
    """Why quarters of the run cannot be compared; empty where they can."""
    if min(map(len, _quarters(samples))) < _FEWEST_SAMPLES:
        return f"fewer than {_FEWEST_SAMPLES} samples in a quarter of the run"
    if _ran_s(samples) / 4 < 2 * facts.cycle_s:
        return f"a quarter of the run is shorter than two pieces of {facts.cycle_s:g} s"
    return ""


def _floor(
    facts: SoakFacts, samples: Sequence[Sample], of: Callable[[Sample], int], unit: str
) -> Finding:
    """The number that one sample in four does not exceed, without the short-lived, does not rise.

    Not the least: a single sample between two pieces, when little is open, would tell of a rise.
    """
    if why := _too_short(facts, samples):
        return not_possible(why, _LONGER)
    before, after = (sorted(map(of, quarter))[len(quarter) // 4] for quarter in _quarters(samples))
    most = max(map(of, samples))
    figures = (
        Figure("lower quartile, second quarter", before, unit),
        Figure("lower quartile, last quarter", after, unit),
        Figure("most", most, unit),
    )
    if after > before:
        return failed(
            f"{after} or more in three of four samples of the last quarter, {before} in the second",
            "something is opened or started and never closed or ended",
            *figures,
        )
    return passed(f"{before}, then {after} in a quiet moment; {most} at the most", *figures)


def _camera_account(account: SoakAccount, name: str) -> Finding:
    """Every frame of the camera is in exactly one count."""
    camera = account.cameras[name]
    figures = (
        Figure("captured", camera.captured, "frames"),
        Figure("lost", camera.lost, "frames" if camera.lost is not None else ""),
        Figure("damaged", camera.incomplete, "frames"),
        Figure("frame numbers", camera.numbers),
    )
    if camera.published != camera.captured:
        return failed(
            f"{camera.captured} captured, {camera.published} came into memory",
            "frames are counted wrongly: this is a defect of ngs",
            *figures,
        )
    if camera.captured == 0:
        return not_possible("no frame came", "look at trigger, link and exposure", *figures)
    text = f"{camera.captured} captured, {camera.lost} lost, {camera.incomplete} damaged"
    if camera.lost is None or camera.numbers is None:
        return not_possible(
            f"{camera.captured} captured; the camera's numbers do not tell losses", "", *figures
        )
    # Damaged frames before the first whole one, or after the last, have numbers outside.
    outside = camera.captured + camera.lost + camera.incomplete - camera.numbers
    if not 0 <= outside <= camera.incomplete:
        return failed(
            f"{text}: {-outside:+d} beside {camera.numbers} frame numbers",
            "frames are missing in the counts: this is a defect of ngs",
            *figures,
        )
    return passed(f"{text}: all {camera.numbers} frame numbers", *figures)


def _restoring_account(account: SoakAccount) -> Finding:
    """Every captured frame was restored, skipped, or was in work at the end."""
    if not account.restoring:
        return not_possible("nothing was restored")
    captured = next(iter(account.cameras.values())).captured
    text = f"{account.restored} restored, {account.skipped} skipped, {account.in_work} in work"
    beside = captured - account.restored - account.skipped - account.in_work
    if beside:
        return failed(
            f"{text}: {beside:+d} beside {captured} captured",
            "frames are missing in the counts: this is a defect of ngs",
        )
    return passed(f"{text}: all {captured} captured")


def _counts(sample: Sample) -> dict[str, int]:
    """Everything that is counted since the start."""
    counts = {
        "restored": sample.restored,
        "skipped": sample.skipped,
        "recorded": sample.recorded,
        "lost to the disk": sample.lost_to_disk,
    }
    for name, camera in sample.cameras.items():
        counts[f"captured of {name}"] = camera.captured
        counts[f"damaged of {name}"] = camera.incomplete
    return counts


def _counts_rise(samples: Sequence[Sample]) -> Finding:
    """No count ever falls, and no more is restored than was captured."""
    for before, after in pairwise(samples):
        earlier, later = _counts(before), _counts(after)
        for name, count in later.items():
            if count < earlier[name]:
                return failed(
                    f"{name}: {earlier[name]}, then {count} at {after.seconds:.1f} s",
                    "a count was lost: this is a defect of ngs",
                )
    for sample in samples:
        captured = next(iter(sample.cameras.values())).captured
        if sample.restored + sample.skipped > captured:
            return failed(
                f"{sample.restored} restored and {sample.skipped} skipped of {captured} captured "
                f"at {sample.seconds:.1f} s",
                "a frame was counted twice: this is a defect of ngs",
            )
    return passed(f"in {len(samples)} samples")


def _latency(samples: Sequence[Sample]) -> Finding:
    """It does not rise by a frame period, which one more frame in a queue would take."""
    quarters = [
        [each.latency_p50_ms for each in quarter if each.latency_p50_ms is not None]
        for quarter in _quarters(samples)
    ]
    if min(map(len, quarters)) < _FEWEST_SAMPLES:
        return not_possible(
            f"fewer than {_FEWEST_SAMPLES} samples with restored frames in a quarter of the run",
            _LONGER,
        )
    before_ms, after_ms = map(median, quarters)
    captured = next(iter(samples[-1].cameras.values())).captured
    period_ms = 1e3 * samples[-1].seconds / captured
    highest = [each.latency_p99_ms for each in samples if each.latency_p99_ms is not None]
    figures = (
        Figure("p50, second quarter", before_ms, "ms"),
        Figure("p50, last quarter", after_ms, "ms"),
        Figure("p99, median of all samples", median(highest), "ms"),
        Figure("frame period", period_ms, "ms"),
    )
    text = f"p50 {before_ms:.2f} ms, then {after_ms:.2f} ms"
    if after_ms - before_ms >= period_ms:
        return failed(
            f"{text}: later by a frame period of {period_ms:.1f} ms or more",
            "frames wait in a queue that grows, or the machine became slower: look at the plot",
            *figures,
        )
    return passed(text, *figures)


def clock_drift_ppm(samples: Sequence[Sample], name: str) -> RobustSlope | None:
    """Drift of a camera's clock against the host's; None where it cannot be told."""
    told = list(_clock_offsets(samples, name))
    slope = robust_slope([seconds for seconds, _ in told], [offset for _, offset in told])
    return None if slope is None else slope.times(1e6)


def _clock_offsets(samples: Sequence[Sample], name: str) -> Iterator[tuple[float, float]]:
    """Time of each sample, and the camera's clock less the host's since the first, in s."""
    first_ns: int | None = None
    for sample in samples:
        offset_ns = sample.cameras[name].clock_offset_ns
        if offset_ns is not None:
            first_ns = offset_ns if first_ns is None else first_ns
            yield sample.seconds, (offset_ns - first_ns) / 1e9


def _clock(samples: Sequence[Sample], name: str) -> Finding:
    """Told, never a failure: it is the camera's."""
    drift = clock_drift_ppm(samples, name)
    if drift is None:
        return not_possible("fewer than 8 samples with a time of the camera", _LONGER)
    steps = samples[-1].cameras[name].clock_steps
    text = f"{drift.value:+.2f} ppm ({drift.low:+.2f} to {drift.high:+.2f}), {steps} steps"
    figures = (
        Figure("drift", drift.value, "ppm"),
        Figure("steps", steps),
        Figure("two crystals", LARGEST_DRIFT_PPM, "ppm at the most"),
    )
    if steps:
        return not_possible(f"{text}: over its steps a drift says nothing", "", *figures)
    if drift.low > LARGEST_DRIFT_PPM or drift.high < -LARGEST_DRIFT_PPM:
        return not_possible(
            f"{text}: more than two crystals do, {LARGEST_DRIFT_PPM:g} ppm",
            "its clock may be no crystal's, or count in another unit",
            *figures,
        )
    if max(-drift.low, drift.high) > LARGEST_DRIFT_PPM:
        return not_possible(f"{text}: too uncertain", _LONGER, *figures)
    return passed(text, *figures)


def _recording(facts: SoakFacts, account: SoakAccount) -> Finding:
    """Every piece had the frames that were counted, as they were written."""
    if not facts.cycle_s:
        return not_possible("nothing was recorded", "give --record")
    figures = (
        Figure("pieces", account.pieces),
        Figure("recorded", account.recorded, "frames"),
        Figure("lost to the disk", account.lost_to_disk, "frames"),
    )
    if account.piece_problem:
        return failed(account.piece_problem, "this piece is kept: ngs verify it", *figures)
    return passed(
        f"{account.recorded} frames in {account.pieces} pieces, each verified and deleted; "
        f"{account.lost_to_disk} lost to the disk",
        *figures,
    )
