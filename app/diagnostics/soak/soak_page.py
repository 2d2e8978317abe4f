"""The page of a soak: verdicts at the top, then every figure over time."""

from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path

from app.diagnostics.soak.samples import CameraSample, Sample
from app.diagnostics.soak.soak_verdicts import SoakReport, judged_from_s
from app.diagnostics.soak.time_plot import TimePlot, time_plot
from app.diagnostics.verdicts import counts_text
from app.html_page import html_page

_TEMPLATE = Path(__file__).with_name("soak_page.html")


def soak_page(report: SoakReport, samples: Sequence[Sample]) -> str:
    """One HTML page with everything inside."""
    return html_page(
        _TEMPLATE,
        report=report,
        facts=report.facts,
        title=" and ".join(report.facts.cameras.values()),
        grade="failed" if report.failures else "interrupted" if report.interrupted else "passed",
        summary=counts_text(report.results),
        plots=_plots(report, samples) if samples else [],
        samples=len(samples),
    )


def _plots(report: SoakReport, samples: Sequence[Sample]) -> list[TimePlot]:
    seconds = [each.seconds for each in samples]
    names = list(report.account.cameras)

    def of(figure: Callable[[Sample], float | None]) -> list[float | None]:
        return [figure(each) for each in samples]

    def of_cameras(
        text: str, figure: Callable[[CameraSample], float | None]
    ) -> dict[str, list[float | None]]:
        return {
            f"{text} {name}": [figure(each.cameras[name]) for each in samples] for name in names
        }

    def rates(figure: Callable[[Sample], float]) -> list[float | None]:
        return [
            None,
            *(
                (figure(after) - figure(before)) / (after.seconds - before.seconds)
                for before, after in pairwise(samples)
            ),
        ]

    captured = {f"captured {name}": rates(_captured_of(name)) for name in names}
    children = {"child processes": of(lambda each: each.children_bytes / 1e6)}
    return [
        time_plot(
            "Resident memory",
            "MB",
            seconds,
            {"all processes": of(lambda each: each.all_bytes / 1e6)}
            | (children if any(each.children_bytes for each in samples) else {}),
            from_zero=False,
            shaded_to_s=judged_from_s(report.facts, samples),
        ),
        time_plot(
            "Open handles and threads",
            "count",
            seconds,
            {"handles": of(lambda each: each.handles), "threads": of(lambda each: each.threads)},
        ),
        time_plot(
            "From buffer to restored picture",
            "ms",
            seconds,
            {
                "p50": of(lambda each: each.latency_p50_ms),
                "p99": of(lambda each: each.latency_p99_ms),
            },
        ),
        time_plot(
            "Frames a second",
            "fps",
            seconds,
            captured | {"restored": rates(lambda each: each.restored)},
        ),
        time_plot(
            "Frames not there, since the start",
            "frames",
            seconds,
            of_cameras("lost", lambda each: each.lost)
            | of_cameras("damaged", lambda each: each.incomplete),
        ),
        time_plot(
            "Frames not restored, or not recorded, since the start",
            "frames",
            seconds,
            {
                "skipped": of(lambda each: each.skipped),
                "lost to the disk": of(lambda each: each.lost_to_disk),
            },
        ),
        time_plot(
            "In memory, still to be written",
            "% of the ring",
            seconds,
            {"recorder": of(lambda each: 100 * each.waiting / max(1, each.ring_frames))},
        ),
        time_plot("Processor", "cores", seconds, {"cores": of(lambda each: each.cpu_share)}),
        time_plot(
            "Camera's clock less this computer's, since the start",
            "ms",
            seconds,
            {name: _clock_ms(samples, name) for name in names},
            from_zero=False,
        ),
    ]


def _captured_of(name: str) -> Callable[[Sample], int]:
    return lambda sample: sample.cameras[name].captured


def _clock_ms(samples: Sequence[Sample], name: str) -> list[float | None]:
    offsets = [each.cameras[name].clock_offset_ns for each in samples]
    first = next((each for each in offsets if each is not None), 0)
    return [None if each is None else (each - first) / 1e6 for each in offsets]
