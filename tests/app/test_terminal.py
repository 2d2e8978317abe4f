"""What is printed: text from outside as it is, no markup, nothing a terminal obeys."""

import ast
import io
import json
import os
import subprocess
import sys
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.table import Table

import app
from app import terminal
from app.commands.json_report import to_json
from drivers.plain_text import lines, one_line, utf8
from tests import small_recording as small
from tests.app.recordings.run_ngs import ngs
from tests.patience import LONGEST_S, wait_until

NASTY = "[bold]a[/] [/] [link=x]b :smile:\x1b[31mred\x1b]0;title\x07\r\n\x9b2J\u202egpj\u2066"
SHOWN = (
    "[bold]a[/] [/] [link=x]b :smile:\\x1b[31mred\\x1b]0;title\\x07\\r\\n\\x9b2J\\u202egpj\\u2066"
)
ANY_TEXT = st.text(st.characters(codec=None)) | st.text(
    st.sampled_from("[]/\\ab\x1b\x9b\r\n\t\0\u2028\u202e\u2069\u200f\udcff\ud800")
)


def acts(text: str) -> set[str]:
    """Characters in it that a terminal would obey, or cannot be sent to it."""
    return {
        each
        for each in text
        if each != "\n"
        and (
            unicodedata.category(each) in ("Cc", "Cs", "Zl", "Zp")
            or unicodedata.bidirectional(each) in ("LRE", "RLE", "LRO", "RLO", "PDF")
            or unicodedata.bidirectional(each) in ("LRI", "RLI", "FSI", "PDI")
            or each in "\u200e\u200f\u061c"
        )
    }


@given(ANY_TEXT)
def test_no_text_acts(text: str) -> None:
    assert not acts(lines(text))
    assert not acts(one_line(text))
    assert "\n" not in one_line(text)
    assert one_line(one_line(text)) == one_line(text)
    utf8(text).encode()


@settings(max_examples=30)
@given(ANY_TEXT)
def test_no_text_acts_through_a_console(text: str) -> None:
    shown = io.StringIO()
    console = terminal.console()
    console.file, console.width = shown, 10_000
    table = Table(title=text)
    table.add_column(text)
    table.add_row(text)
    console.print(text, markup=True)
    console.print(table)
    console.rule(text)
    assert not acts(shown.getvalue())


@given(ANY_TEXT)
def test_json_is_valid_and_acts_on_no_terminal(text: str) -> None:
    document = to_json({text: [text, Path(text.replace("\0", ""))]})
    document.encode()
    assert not acts(document)
    assert json.loads(document)[utf8(text)][0] == utf8(text)


def test_markup_is_shown_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    terminal.console().print(NASTY.replace("\n", ""), soft_wrap=True)
    terminal.say(NASTY.replace("\n", ""))
    terminal.say_error(NASTY)
    printed = capsys.readouterr()
    assert printed.out == 2 * (SHOWN.replace("\\n", "") + "\n")
    assert printed.err == SHOWN + "\n"


def test_a_column_of_a_progress_bar_takes_any_text() -> None:
    from rich.progress import Progress

    shown = io.StringIO()
    console = terminal.console()
    console.file, console.width = shown, 500
    column = terminal.TextColumn("{task.fields[note]}")
    with Progress(column, console=console, auto_refresh=False) as bar:
        bar.add_task("", note=NASTY)
    assert SHOWN in shown.getvalue()


def test_nothing_else_prints() -> None:
    root = Path(app.__file__).parent
    strays = []
    for path in root.rglob("*.py"):
        place = path.relative_to(root).as_posix()
        if place in ("terminal.py", "diagnostics/qt_libraries.py"):  # a program of its own
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                name = getattr(node.func, "id", getattr(node.func, "attr", ""))
                plain = isinstance(node.func, ast.Name)
                if (name == "print" and plain) or name in ("Console", "echo", "secho"):
                    strays.append(f"{place}:{node.lineno} calls {name}")
            if isinstance(node, ast.ImportFrom) and node.module == "rich.progress":
                strays += [place for each in node.names if each.name == "TextColumn"]
    assert strays == []


def test_a_recording_with_nasty_words_is_shown_as_it_is(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "1000")
    words = {"maker": NASTY, "model": NASTY, "serial": NASTY, "address": NASTY}
    camera = small.camera(**words, warnings=(NASTY,))
    folder = small.write(
        tmp_path / "take", {"rsgr": range(3)}, small.info({"rsgr": camera}, note=NASTY)
    )
    folder = folder.rename(tmp_path / f"[bold]{os.fsdecode(bytes([0xE9]))}\n take")
    # Reached as one does: words that are not UTF-8 are refused on the command line.
    monkeypatch.chdir(folder)
    assert ngs(monkeypatch, "info", Path.cwd()) == 2
    assert "\\xe9\\n take is not UTF-8" in capsys.readouterr().err
    assert ngs(monkeypatch, "info", ".") == 0
    page = capsys.readouterr().out
    assert not acts(page)
    assert page.count(SHOWN) == 6
    assert page.startswith("[bold]\\xe9\\n take\n")
    for command in (("info", ".", "--json"), ("verify", ".", "--json", "-")):
        assert ngs(monkeypatch, *command) == 0
        document = capsys.readouterr().out
        assert not acts(document)
        json.loads(document)


@pytest.mark.parametrize(
    "words",
    [
        ("info", NASTY),
        ("export", NASTY, "out", "--format", "png"),
        ("live", "--trigger-activation", NASTY, "--fps", NASTY),
        ("live", f"--{NASTY}"),
        (NASTY,),
        ("record", NASTY, "--json", NASTY),
        ("calibrate", "show", NASTY),
        ("restore", NASTY, NASTY),
        ("evaluate", NASTY),
        ("verify", NASTY, "--report", "[/].html"),
    ],
    ids=lambda words: words[0] if words[0] != NASTY else "unknown",
)
def test_errors_are_one_line_whatever_the_words(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    words: tuple[str, ...],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert ngs(monkeypatch, *words) in (1, 2)
    said = capsys.readouterr()
    assert said.err.count("\n") == 1
    assert said.err.startswith("ngs: ")
    assert not acts(said.out + said.err)
    assert "MarkupError" not in said.err
    assert list(tmp_path.iterdir()) == []


def test_a_full_standard_output_is_one_line() -> None:
    with open("/dev/full", "wb") as full:
        ended = subprocess.run(
            [sys.executable, "-m", "ngs", "models"],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert ended.returncode == 1
    assert ended.stderr == "ngs: standard output cannot be written: No space left on device\n"


def test_what_takes_long_is_told_while_it_lasts(capsys: pytest.CaptureFixture[str]) -> None:
    said = ""

    def is_told() -> bool:
        nonlocal said
        said += capsys.readouterr().err
        return said != ""

    with terminal.told_if_slow("opening genicam:x#1", after_s=0.01):
        wait_until(is_told)
    assert said == "opening genicam:x#1 takes long; still at it\n"
    with terminal.told_if_slow("opening genicam:x#1", after_s=LONGEST_S):
        pass
    assert capsys.readouterr().err == ""


def test_letters_that_the_terminal_lacks_are_escapes() -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "ngs", "calibrate", "show", "\u03bb.json"],
        env={**os.environ, "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 1
    assert ended.stderr.startswith("ngs: \\u03bb.json")


@pytest.mark.parametrize("given", ["yes\n", "yes"])
def test_an_answer_is_one_line(monkeypatch: pytest.MonkeyPatch, given: str) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(given))
    assert terminal.ask(terminal.console(stderr=True), "ready? ") == "yes"


class Endless(io.StringIO):
    """As ``/dev/zero`` for standard input: what asks for a whole line never gets it."""

    def readline(self, size: int | None = -1, /) -> str:
        assert size is not None
        assert 0 < size < 1_000_000
        return "\0" * size


@pytest.mark.parametrize(
    "given",
    [None, io.StringIO(), Endless(), io.TextIOWrapper(io.BytesIO(b"\xff\n"), encoding="utf-8")],
    ids=["closed", "ended", "endless", "no text"],
)
def test_nobody_answers(monkeypatch: pytest.MonkeyPatch, given: io.TextIOBase | None) -> None:
    monkeypatch.setattr(sys, "stdin", given)
    with pytest.raises(EOFError):
        terminal.ask(terminal.console(stderr=True), "ready? ")
