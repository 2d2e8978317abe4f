"""The page of the selftest: the verdicts at the top, what failed first, then every figure."""

import base64
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from app.diagnostics.camera_selftest.selftest_report import SelftestReport
from app.diagnostics.verdicts import Finding, Outcome, StepResult, counts_text
from app.html_page import html_page

_TEMPLATE = Path(__file__).with_name("selftest_page.html")
_SUBJECTS = {"rsgr": "Camera", "gs": "Second camera (GS)", "rig": "Both cameras"}


def selftest_page(report: SelftestReport, pictures: Mapping[str, bytes]) -> str:
    """One HTML page with everything inside; ``pictures`` are PNG files by name."""
    failures = report.failures
    subjects = {
        subject: [result for result in report.results if result.subject == subject]
        for subject in dict.fromkeys(result.subject for result in report.results)
    }
    return html_page(
        _TEMPLATE,
        report=report,
        title=_title(report),
        grade="failed" if failures else "interrupted" if report.interrupted else "passed",
        summary=counts_text(report.results),
        failures=_together(failures),
        open_questions=_together(_open_questions(report.results)),
        subjects=[
            (_SUBJECTS[subject], report.cameras.get(subject, ""), results)
            for subject, results in subjects.items()
        ],
        outcome_class={outcome: outcome.name.lower().replace("_", "-") for outcome in Outcome},
        pictures=[(name, base64.b64encode(png).decode()) for name, png in pictures.items()],
    )


def _title(report: SelftestReport) -> str:
    """Maker and model of the first camera; its address where it did not open."""
    opened = report.results[0].finding
    if opened.outcome is Outcome.PASSED:
        return opened.text.partition(", firmware")[0]
    return report.cameras["rsgr"]


class Together(NamedTuple):
    """Steps that ended alike, in one row."""

    steps: str
    subjects: str
    finding: Finding


def _together(results: Iterable[StepResult]) -> list[Together]:
    """Results that say the same, each once, in the order of the first."""
    alike: dict[tuple[str, str, str], list[StepResult]] = {}
    for result in results:
        finding = result.finding
        alike.setdefault((finding.outcome, finding.text, finding.advice), []).append(result)
    return [
        Together(
            ", ".join(dict.fromkeys(each.step for each in same)),
            ", ".join(dict.fromkeys(each.subject for each in same)),
            same[0].finding,
        )
        for same in alike.values()
    ]


def _open_questions(results: tuple[StepResult, ...]) -> list[StepResult]:
    """What was not tested although something could be done about it."""
    return [
        result
        for result in results
        if result.finding.advice
        and result.finding.outcome in (Outcome.NOT_POSSIBLE, Outcome.SKIPPED)
    ]
