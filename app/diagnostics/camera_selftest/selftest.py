"""The selftest of one camera or two: runs the steps, then writes the page and the zip."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from app.diagnostics.camera_selftest.camera_under_test import (
    CameraUnderTest,
    TimeBudget,
    alone,
)
from app.diagnostics.camera_selftest.operator import Operator
from app.diagnostics.camera_selftest.private_words import PrivateWords
from app.diagnostics.camera_selftest.selftest_page import selftest_page
from app.diagnostics.camera_selftest.selftest_report import SelftestReport
from app.diagnostics.camera_selftest.selftest_zip import write_zip
from app.diagnostics.camera_selftest.steps import Run, Step, steps_of_a_camera
from app.diagnostics.camera_selftest.wiring_step import pairs_are_true
from app.diagnostics.report_origin import machine_text, program_text
from app.diagnostics.verdicts import StepResult
from app.session.config import SessionConfig
from drivers.atomic_file import check_file, write_file
from drivers.errors import InstrumentError


@dataclass(frozen=True, slots=True)
class SelftestRequest:
    """Which cameras are tested, and what the report may contain.

    ``config`` names one camera or two. ``out`` is the name of the page and the zip without
    their endings. ``private`` allows serial numbers and network addresses in them.
    """

    config: SessionConfig
    out: Path
    seconds: float
    private: bool = False
    pictures: bool = False

    @property
    def page(self) -> Path:
        """The page of verdicts."""
        return self.out.with_name(self.out.name + ".html")

    @property
    def zip(self) -> Path:
        """What to send with a question."""
        return self.out.with_name(self.out.name + ".zip")

    def check(self) -> None:
        """Raise :class:`InstrumentError` where the files cannot be written; touches no camera."""
        check_file(self.page, self.zip)
        for target in (self.page, self.zip):
            if target.exists():
                raise InstrumentError(f"{target} exists; choose another name with --out")


def run_selftest(
    request: SelftestRequest,
    operator: Operator,
    tell: Callable[[StepResult], None],
    clock: Callable[[], float] = time.monotonic,
) -> SelftestReport:
    """Do every step, then write page and zip, also where it was interrupted.

    ``tell`` hears of each result, ``clock`` tells the time in s. Raises
    :class:`InstrumentError` where a file cannot be written.
    """
    request.check()
    config = request.config
    budget = TimeBudget(request.seconds, clock)
    run = Run(tell)

    def tested(name: str, config: SessionConfig) -> CameraUnderTest:
        return CameraUnderTest(name, config, operator, budget, request.private, request.pictures)

    addresses = {"rsgr": config.camera}
    if config.gs_camera is not None:
        addresses["gs"] = config.gs_camera
    cameras = [
        tested(name, alone(config, address, first=name == "rsgr"))
        for name, address in addresses.items()
    ]
    for camera in cameras:
        run.of(camera, tuple(steps_of_a_camera()))
    if len(cameras) > 1:
        both = replace(config, model=None)
        run.of(tested("rig", both), (Step("both triggered, pairs true", pairs_are_true),))
    report = SelftestReport(
        created=datetime.now(UTC),
        program=program_text(),
        machine=machine_text(),
        cameras=addresses,
        results=tuple(run.results),
        interrupted=run.interrupted,
        private=request.private,
    )
    words = PrivateWords.none() if request.private else PrivateWords.of(cameras)
    page = words.left_out(selftest_page(report, _pictures(cameras)))
    write_file(request.page, page.encode())
    write_zip(request.zip, report, page, run.log, cameras, words)
    return report


def _pictures(cameras: list[CameraUnderTest]) -> dict[str, bytes]:
    return {
        name: content
        for camera in cameras
        for name, content in camera.files.items()
        if name.endswith(".png")
    }
