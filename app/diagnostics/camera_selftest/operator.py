"""The person at the camera: asked to do something, where there is one."""

import sys
from typing import Protocol

from rich.console import Console

from app import terminal


class Operator(Protocol):
    """Does what a step needs hands for."""

    @property
    def present(self) -> bool:
        """Whether anyone can be asked."""

    def agrees(self, instruction: str) -> bool:
        """Ask for something and wait; False where the operator skips it or is not there."""

    def tell(self, text: str) -> None:
        """Say something that needs no answer."""


class ConsoleOperator:
    """Asks on a terminal: Enter when it is done, s and Enter to skip it."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self.present = sys.stdin is not None and sys.stdin.isatty()

    def agrees(self, instruction: str) -> bool:
        """See :class:`Operator`."""
        if not self.present:
            return False
        try:
            answer = terminal.ask(
                self._console, f"{instruction}, then press Enter (s and Enter skips): "
            )
        except EOFError:
            return False
        return answer.strip().lower() not in ("s", "skip")

    def tell(self, text: str) -> None:
        """See :class:`Operator`."""
        self._console.print(text, highlight=False)


class Nobody:
    """Nobody is asked (``--no-unplug``)."""

    present = False

    def agrees(self, instruction: str) -> bool:
        """See :class:`Operator`."""
        return False

    def tell(self, text: str) -> None:
        """See :class:`Operator`."""
