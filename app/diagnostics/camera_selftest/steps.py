"""The steps of the selftest in their order, and running them: one that fails costs itself."""

import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

from app.diagnostics.camera_selftest import (
    description_steps,
    limit_steps,
    shutter_steps,
    stream_steps,
    unplug_step,
)
from app.diagnostics.camera_selftest.camera_under_test import CameraUnderTest
from app.diagnostics.verdicts import (
    Finding,
    Outcome,
    StepResult,
    failed,
    not_possible,
    skipped,
)
from app.session import interruption
from drivers.camera_contract import PROMISES, NotOfferedError, Patience, Promise
from drivers.errors import CameraLostError, InstrumentError

_ADVICE = "the line says what to do; else send the zip with a question"
_PATIENCE = Patience(longest_s=10.0)


@dataclass(frozen=True, slots=True)
class Step:
    """One step; a step that is ``needed`` ends the tests of its camera where it fails."""

    name: str
    run: Callable[[CameraUnderTest], Finding]
    needed: bool = False
    timed: bool = True
    """Whether it is left out when the time is over; the operator's own time is not counted."""


def steps_of_a_camera() -> Iterator[Step]:
    """What is done with each camera, in order."""
    yield Step("opens", description_steps.opens, needed=True)
    yield Step("tells all its nodes", description_steps.tells_its_nodes)
    for promise in PROMISES:
        yield Step(f"contract: {promise.name}", partial(_keeps, promise))
    yield Step("limits of exposure", limit_steps.exposure_limits)
    yield Step("limits of rate", limit_steps.rate_limits)
    yield Step("shutter, proved from images", shutter_steps.shutter_is_as_told)
    yield Step("readout direction", shutter_steps.direction_is_as_told)
    yield Step("line time", shutter_steps.line_time_is_as_told)
    yield Step("no losses", stream_steps.loses_nothing)
    yield Step("unplugging", unplug_step.survives_unplugging, timed=False)


def _out_of_time(tested: CameraUnderTest) -> Finding:
    return skipped(f"the time was over ({tested.budget.seconds:g} s)", "give more with --seconds")


def _keeps(promise: Promise, tested: CameraUnderTest) -> Finding:
    patience = replace(_PATIENCE, longest_s=min(_PATIENCE.longest_s, tested.budget.left_s))
    text = promise.check(tested.running_by_itself(), patience)
    if promise.closes:
        tested.let_go()
    return Finding(Outcome.PASSED, text)


class Run:
    """Runs steps one after another and keeps their results, also when it is interrupted.

    ``tell`` hears of each result. ``log`` has every line in order, tracebacks included.
    """

    def __init__(self, tell: Callable[[StepResult], None]) -> None:
        self._tell = tell
        self._began_s = time.monotonic()
        self.results: list[StepResult] = []
        self.log: list[str] = []
        self.interrupted = False

    def note(self, text: str) -> None:
        """A line for the log, with the time since the beginning."""
        self.log.append(f"{time.monotonic() - self._began_s:8.2f} s  {text}")

    def of(self, tested: CameraUnderTest, steps: Sequence[Step]) -> None:
        """Do the steps; those that follow an interruption or a failure of a needed one are not."""
        before = len(self.results)
        try:
            while (done := len(self.results) - before) < len(steps):
                try:
                    self._do(tested, steps[done:])
                except KeyboardInterrupt:
                    interruption.taken()
                    self.interrupted = True  # it came between two steps
        finally:
            self._let_go(tested)

    def _do(self, tested: CameraUnderTest, steps: Sequence[Step]) -> None:
        why_not: Finding | None = None
        for step in steps:
            before_s = time.monotonic()
            if self.interrupted:
                finding = skipped("the selftest was ended before")
            elif why_not is not None:
                finding = why_not
            elif step.timed and tested.budget.left_s <= 0:
                finding = _out_of_time(tested)
            else:
                self.note(f"{tested.name}: {step.name} ...")
                finding = self._done(tested, step)
            if step.needed and finding.outcome is Outcome.FAILED:
                why_not = not_possible(f"it failed before: {step.name}")
            result = StepResult(tested.name, step.name, finding, time.monotonic() - before_s)
            self.results.append(result)
            self.note(f"{tested.name}: {step.name}: {finding.outcome.value}: {finding.text}")
            self._tell(result)

    def _done(self, tested: CameraUnderTest, step: Step) -> Finding:
        try:
            return step.run(tested)
        except KeyboardInterrupt:
            interruption.taken()
            self.interrupted = True
            finding = skipped("interrupted while it ran")
        except NotOfferedError as why:
            return not_possible(str(why))
        except CameraLostError as error:
            finding = failed(str(error), "look at cable, power and the maker's SDK")
        except InstrumentError as error:
            # Without time nothing can be waited for; that is no failure of the camera.
            cut = step.timed and tested.budget.left_s <= 0
            finding = _out_of_time(tested) if cut else failed(str(error), _ADVICE)
        except Exception as error:
            self.log += traceback.format_exc().splitlines()
            finding = failed(
                f"unexpected {type(error).__name__}: {error}",
                "this is a defect of ngs: send the zip, its log has where it happened",
            )
        self._let_go(tested)
        return finding

    def _let_go(self, tested: CameraUnderTest) -> None:
        try:
            tested.let_go()
        except InstrumentError as error:
            self.note(f"{tested.name}: closing: {error}")
