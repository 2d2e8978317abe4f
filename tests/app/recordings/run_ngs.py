"""``ngs`` as typed, in this process."""

import sys
from pathlib import Path

import pytest

from app import cli


def ngs(monkeypatch: pytest.MonkeyPatch, *arguments: str | Path) -> int:
    """Run a command and return its exit status."""
    monkeypatch.setattr(sys, "argv", ["ngs", *map(str, arguments)])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    return int(ended.value.code or 0)
