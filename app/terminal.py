"""The one place that prints: text from outside is shown as it is, and nothing in it acts.

Notes, names and messages of libraries may hold what rich takes for markup and what a terminal
obeys. Whatever is printed goes through :func:`console`, :func:`say` or :class:`TextColumn`.
"""

import errno
import os
import sys
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import IO, Any

from rich.console import Console, ConsoleOptions, RenderableType
from rich.progress import Task
from rich.progress import TextColumn as RichTextColumn
from rich.segment import Segment
from rich.text import Text

from drivers.errors import InstrumentError
from drivers.plain_text import lines, one_line

_LONGEST_ANSWER = 10_000
"""Letters of a line that somebody may have typed."""


class _PlainConsole(Console):
    """Takes strings for text, not for markup, and keeps control characters to itself."""

    def __init__(self, *, stderr: bool, file: IO[str] | None) -> None:
        super().__init__(stderr=stderr, file=file)

    def print(self, *objects: Any, **options: Any) -> None:
        """See :class:`rich.console.Console`; raises :class:`InstrumentError` on a full disk."""
        with _refusals_told():
            super().print(*objects, **options)

    def render_str(self, text: str, **options: Any) -> Text:
        """See :class:`rich.console.Console`: strings, also those in tables."""
        return super().render_str(lines(text), **{**options, "markup": False, "emoji": False})

    def render(
        self, renderable: RenderableType, options: ConsoleOptions | None = None
    ) -> Iterable[Segment]:
        """See :class:`rich.console.Console`: all that is printed, whatever it is made of."""
        for text, style, control in super().render(renderable, options):
            yield Segment(text if control else lines(text), style, control)


def console(*, stderr: bool = False, file: IO[str] | None = None) -> Console:
    """A console for standard output, for standard error, or for a file."""
    return _PlainConsole(stderr=stderr, file=file)


class TextColumn(RichTextColumn):
    """A column of a progress bar whose text is shown as it is."""

    def render(self, task: Task) -> Text:
        """See :class:`rich.progress.TextColumn`."""
        return Text(one_line(self.text_format.format(task=task)))


def say(text: object = "") -> None:
    """Print lines of plain text on standard output; raises :class:`InstrumentError`."""
    with _refusals_told():
        print(lines(text), flush=True)


def ask(console: Console, question: str) -> str:
    """Ask, and wait for a line of standard input; raises ``EOFError`` where none can come."""
    console.print(question, end="")
    try:
        line = "" if sys.stdin is None else sys.stdin.readline(_LONGEST_ANSWER)
    except (OSError, UnicodeDecodeError):
        line = ""
    if not line or len(line) == _LONGEST_ANSWER:
        raise EOFError  # closed, or a device that writes without an end
    return line.rstrip("\n")


def say_error(text: object) -> None:
    """Print one line of plain text on standard error."""
    print(one_line(text), file=sys.stderr)


@contextmanager
def told_if_slow(doing: str, after_s: float = 8.0) -> Iterator[None]:
    """Say on standard error what is being done, where it takes longer than ``after_s``."""
    telling = threading.Timer(after_s, say_error, [f"{doing} takes long; still at it"])
    telling.start()
    try:
        yield
    finally:
        telling.cancel()
        telling.join()


@contextmanager
def _refusals_told() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno == errno.EPIPE:
            raise  # who reads has seen enough: that is for the command line
        # Else Python tries again when it ends, and complains in several lines.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise InstrumentError(f"standard output cannot be written: {error.strerror}") from None
