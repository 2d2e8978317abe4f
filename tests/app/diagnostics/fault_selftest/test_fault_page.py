"""The page of thousands of trials, and the command that writes it, also when it is interrupted."""

import json
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app import cli
from app.diagnostics.fault_selftest import kinds
from app.diagnostics.fault_selftest.defects import Defect, Trial
from app.diagnostics.fault_selftest.fault_page import (
    FaultReport,
    fault_page,
    kind_table,
    subject_and_fault,
)
from app.diagnostics.fault_selftest.kinds import TrialOrder

COMMANDS = ("live", "record", "restore a recording")
SIGNALS = ("SIGINT", "SIGTERM", "SIGKILL")


def trials(count: int) -> list[Trial]:
    """Every hundredth of ``count`` hangs."""
    return [
        Trial(
            f"{COMMANDS[number % 3]}, {SIGNALS[number // 3 % 3]} after {number / 7:.2f} s",
            (Defect.HANG,) if number % 100 == 50 else (),
            "ngs: interrupted" if number % 2 else "",
            30.0 if number % 100 == 50 else number % 10 / 10,
        )
        for number in range(count)
    ]


def report(**of_kinds: list[Trial]) -> FaultReport:
    return FaultReport(
        started=datetime(2026, 1, 1, tzinfo=UTC),
        program="ngs 1",
        machine="none",
        versions="numpy 2",
        command="ngs selftest faults --page page.html",
        seed=7,
        times=100,
        seconds=3600.0,
        trials=of_kinds,
        interrupted=False,
    )


def test_counts_are_by_subject_and_fault() -> None:
    table = kind_table("kills", trials(900))
    assert table.faults == SIGNALS
    assert [row for row, _, _ in table.rows] == list(COMMANDS)
    assert all(cell.trials == 100 for _, cells, _ in table.rows for cell in cells)
    assert sum(every.broken for _, _, every in table.rows) == 9
    assert sum(cell.broken for _, cells, _ in table.rows for cell in cells) == 9


def test_thousands_of_trials_make_a_page_of_what_matters() -> None:
    text = fault_page(report(kills=trials(9000), files=[Trial("verify: 3 bytes cut", (), "", 1)]))
    assert len(text) < 200_000
    assert "9001 trials: 90 hang" in text
    assert text.count("--kind kills --only") == 90
    assert "--only &#39;restore a recording&#39; --times 100 --seed 7" in text
    assert "http" not in text
    assert "<script" not in text


def test_more_broken_promises_than_a_page_holds_are_counted() -> None:
    many = [Trial(f"live, SIGINT after {number} s", (Defect.HANG,), "", 1) for number in range(700)]
    text = fault_page(report(kills=many))
    assert text.count("--kind kills --only") == 500
    assert "200 more are not shown" in text


def test_what_is_rare_among_many_stands_together() -> None:
    rare = [Trial(f"command{'x' * number}, SIGINT", (), "", 1) for number in range(300)]
    table = kind_table("kills", [*rare, *trials(90)])
    assert len(table.rows) == 41
    assert table.rows[-1][0] == "others"
    assert sum(every.trials for _, _, every in table.rows) == 390


TEXTS = st.lists(st.text(max_size=30), max_size=30)


@settings(max_examples=40)
@given(whats=TEXTS, said=st.text(max_size=40))
def test_any_words_are_shown_and_every_trial_is_counted(whats: list[str], said: str) -> None:
    made = [
        Trial(what, (Defect.TRACEBACK,) if number % 2 else (), said, 1.0)
        for number, what in enumerate(whats)
    ]
    table = kind_table("any", made)
    assert sum(every.trials for _, _, every in table.rows) == len(made)
    assert sum(every.broken for _, _, every in table.rows) == len(made) // 2
    shown = fault_page(report(any=made))
    assert "<script" not in shown
    for what in whats:
        assert subject_and_fault(what)[0] or not what


def ngs(monkeypatch: pytest.MonkeyPatch, *words: object) -> int:
    monkeypatch.setattr("sys.argv", ["ngs", "selftest", "faults", *map(str, words)])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    return int(ended.value.code or 0)


def test_the_command_writes_the_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def some(order: TrialOrder) -> list[Trial]:
        for trial in trials(60):
            order.told(trial)
        return trials(60)

    monkeypatch.setattr(kinds, "KINDS", {"some": some})
    page, told = tmp_path / "page.html", tmp_path / "told.json"
    assert ngs(monkeypatch, "--page", page, "--json", told, "--seed", 3) == 1
    assert "some: 60 trials: 1 hang" in capsys.readouterr().err.splitlines()[-1]
    text = page.read_text()
    assert re.search(r"repeat all</td><td><code>ngs selftest faults --page .*--seed 3</code>", text)
    document = json.loads(told.read_text())
    assert len(document["trials"]["some"]) == 60
    assert document["trials"]["some"][50]["defects"] == ["hang"]
    assert ngs(monkeypatch, "--page", tmp_path / "page.pdf") == 1
    assert "must end in .html" in capsys.readouterr().err


def test_an_interrupted_run_has_its_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(order: TrialOrder) -> list[Trial]:
        for trial in trials(5):
            order.told(trial)
        raise KeyboardInterrupt

    monkeypatch.setattr(kinds, "KINDS", {"some": interrupted})
    page = tmp_path / "page.html"
    assert ngs(monkeypatch, "--page", page) == 130
    assert "interrupted; before that some: 5 trials" in capsys.readouterr().err
    assert "ended before its end" in page.read_text()
