"""The progress bar of long commands: count, rate, time left."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from rich.console import RenderableType
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TaskID,
    TimeRemainingColumn,
)
from rich.table import Column
from rich.text import Text

from app import terminal

_RATE_OVER_S = 60.0


class _Rate(ProgressColumn):
    """Column of the rate per second; empty before the first step."""

    def __init__(self, unit: str) -> None:
        super().__init__()
        self._unit = unit

    def render(self, task: Task) -> Text:
        return Text(f"{task.speed:.2f} {self._unit}/s" if task.speed else self._unit)


class _WithInstruction(Progress):
    """A bar with a line of its own under it, for what somebody has to do meanwhile."""

    instruction = ""

    def get_renderables(self) -> Iterable[RenderableType]:
        yield from super().get_renderables()
        if self.instruction:
            yield Text(self.instruction, style="bold")


class Bar:
    """A progress bar; call it with the number done and the total."""

    def __init__(self, doing: str, unit: str) -> None:
        self._progress = _WithInstruction(
            terminal.TextColumn(doing),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            _Rate(unit),
            # A note longer than the line ends in dots instead of breaking the bar into two.
            terminal.TextColumn("{task.fields[note]}", table_column=Column(no_wrap=True, ratio=1)),
            TimeRemainingColumn(),
            console=terminal.console(stderr=True),
            speed_estimate_period=_RATE_OVER_S,
            expand=True,
        )
        self._task: TaskID | None = None

    def __call__(self, done: int, total: int, note: str = "") -> None:
        """Show it; ``note`` is a word on how it goes."""
        if self._task is None:
            # Steps done by an earlier run do not count for the rate.
            self._task = self._progress.add_task("", total=total, completed=done, note=note)
            # Started late, so that an early failure leaves one line and no empty bar.
            self._progress.start()
        self._progress.update(self._task, completed=done, note=note)

    def instruct(self, done: int, total: int, instruction: str) -> None:
        """Show it with what somebody has to do, in full width."""
        self._progress.instruction = instruction
        self(done, total)

    def say(self, line: str) -> None:
        """Print a line above the bar that stays."""
        self._progress.console.print(line, highlight=False)

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Hide the bar while the operator is asked something."""
        shown = self._task is not None
        if shown:
            self._progress.stop()
        yield
        if shown:
            self._progress.start()

    def stop(self) -> None:
        """Stop updating the bar."""
        if self._task is not None:
            self._progress.stop()


@contextmanager
def progress(doing: str, unit: str) -> Iterator[Bar]:
    """A bar on standard error with a rate and the time left."""
    bar = Bar(doing, unit)
    try:
        yield bar
    finally:
        bar.stop()
