"""What the documents name exists: files, modules, names in the code, tests, links, commands."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import typer.main

from app.cli import app
from drivers.genicam.makers.line_times import printed_line_times
from drivers.genicam.makers.table import MAKERS

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("app", "calibration", "drivers", "models", "ngs")
FOLDERS = (*PACKAGES, "docs", "tests")
PAPERS = sorted(
    path.relative_to(ROOT).as_posix() for path in (*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"))
)
NAMING_PAPERS = ("CONTRIBUTING.md", "docs/architecture.md", "docs/physics.md")
"""Here every single word in backticks is a name in the code."""

_FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
_CODE = re.compile(r"`([^`\n]+)`")
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_FILE = re.compile(r"/|\.(json|jsonl|md|pt|py|sh|toml|yaml)$")
_PLACEHOLDER = re.compile(r"[A-Z]{2,}|[*<>%{}]")
"""A part in capitals stands for a name that the reader chooses."""


def text_of(paper: str) -> str:
    return (ROOT / paper).read_text(encoding="utf-8")


def code_spans(text: str) -> list[str]:
    """What stands in backticks, blocks of code left out."""
    return _CODE.findall(_FENCE.sub("", text))


def anchors(text: str) -> set[str]:
    """Where a link may lead within a page, as GitHub names headings."""
    headings = re.findall(r"^#+ (.+)$", _FENCE.sub("", text), re.MULTILINE)
    kept = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in headings)
    return {heading.replace(" ", "-") for heading in kept}


def broken_links(paper: str, text: str) -> Iterator[str]:
    for link in _LINK.findall(_FENCE.sub("", text)):
        target, _, anchor = link.partition("#")
        if ":" in target:
            continue
        path = (ROOT / paper).parent / target if target else ROOT / paper
        if not path.exists():
            yield f"link to {link}: no such file"
        elif anchor and anchor not in anchors(path.read_text(encoding="utf-8")):
            yield f"link to {link}: no such heading"


@cache
def source_files() -> tuple[str, ...]:
    return tuple(
        path.relative_to(ROOT).as_posix()
        for folder in (*PACKAGES, "tests")
        for path in (ROOT / folder).rglob("*.py")
    )


@cache
def syntax(file: str) -> ast.Module:
    return ast.parse(text_of(file))


@cache
def names_in_code() -> frozenset[str]:
    """Every word that the packages' code knows: names, parameters, fields, keys, modules."""
    files = [file for file in source_files() if not file.startswith("tests/")]
    names = {part for file in files for part in Path(file).with_suffix("").parts}
    for file in files:
        for node in ast.walk(syntax(file)):
            for field in ("id", "attr", "name", "arg"):
                names.add(str(getattr(node, field, "")))
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                names.add(node.value)
    return frozenset(names)


@cache
def all_tests() -> frozenset[str]:
    return frozenset(
        node.name
        for file in source_files()
        if file.startswith("tests/")
        for node in ast.walk(syntax(file))
        if isinstance(node, ast.FunctionDef)
    )


def members(body: list[ast.stmt]) -> dict[str, ast.stmt]:
    """What a module or a class defines at its top."""
    found: dict[str, ast.stmt] = {}
    for node in body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            found[node.name] = node
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            found |= {alias.asname or alias.name: node for alias in node.names}
        elif isinstance(node, ast.Assign):
            found |= {each.id: node for each in node.targets if isinstance(each, ast.Name)}
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            found[node.target.id] = node
    return found


def dotted_name_exists(name: str) -> bool:
    """Whether ``package.module.Class.member`` is there, found without importing anything."""
    parts = name.split(".")
    for depth in range(len(parts), 0, -1):
        path = ROOT.joinpath(*parts[:depth])
        file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
        if not file.exists():
            continue
        body = syntax(file.relative_to(ROOT).as_posix()).body
        for member in parts[depth:]:
            node = members(body).get(member)
            if node is None:
                return False
            body = node.body if isinstance(node, ast.ClassDef) else []
        return True
    return False


def wrong_names(text: str) -> Iterator[str]:
    """Paths, modules and tests in backticks that look like ours and are not there."""
    for span in code_spans(text):
        path, _, test = span.partition("::")
        if _PLACEHOLDER.search(span) or " " in span:
            continue
        if path.split("/")[0] in FOLDERS and "/" in path:
            if not (ROOT / path).exists():
                yield f"`{span}`: no such file"
        elif path.endswith(".py"):
            if not any(f"/{file}".endswith(f"/{path}") for file in source_files()):
                yield f"`{span}`: no file of this name"
        elif re.fullmatch(rf"({'|'.join(PACKAGES)})(\.\w+)+", span):
            if not dotted_name_exists(span):
                yield f"`{span}`: no such name"
        elif re.fullmatch(r"test_\w+", span):
            test = span
        if test and test not in all_tests():
            yield f"`{span}`: no such test"


def unknown_words(text: str) -> Iterator[str]:
    """Single words in backticks, also ``Class.member`` and ``call()``, that the code lacks."""
    for span in code_spans(text):
        if _FILE.search(span) or span.startswith("test_"):
            continue
        if re.fullmatch(r"[A-Za-z_]\w*(\.\w+)*(\(\))?", span):
            for word in span.removesuffix("()").split("."):
                if word not in names_in_code():
                    yield f"`{span}`: the code has no {word}"


@cache
def command_line() -> Any:
    """The tree of commands; a group has ``commands``, each has ``params``."""
    return typer.main.get_command(app)


def unknown_commands(text: str) -> Iterator[str]:
    """Commands and their options, in backticks or blocks of code, that ``ngs`` lacks."""
    blocks = "\n".join(_FENCE.findall(text)).replace("\\\n", " ")
    lines = [re.split(r" #| \| ", line)[0] for line in (*code_spans(text), *blocks.splitlines())]
    for line in lines:
        written = re.search(r"(?:^\s*|/|-m )ngs (.+)", line)
        words = written[1].split() if written else []
        command = command_line()
        while hasattr(command, "commands") and words and re.match(r"[a-z]", words[0]):
            word = words.pop(0)
            if word not in command.commands:
                yield f"`{line}`: ngs has no command {word}"
                break
            command = command.commands[word]
        else:
            known = {option for each in command.params for option in each.opts} | {"--help"}
            for word in words:
                if re.fullmatch(r"--[a-z-]+", word) and word not in known:
                    yield f"`{line}`: {command.name} has no option {word}"


@pytest.mark.parametrize("paper", PAPERS)
def test_links_lead_somewhere(paper: str) -> None:
    assert list(broken_links(paper, text_of(paper))) == []


# The changelog names what was there before.
@pytest.mark.parametrize("paper", [paper for paper in PAPERS if paper != "CHANGELOG.md"])
def test_files_modules_and_tests_named_exist(paper: str) -> None:
    assert list(wrong_names(text_of(paper))) == []


@pytest.mark.parametrize("paper", NAMING_PAPERS)
def test_names_of_the_code_exist(paper: str) -> None:
    assert list(unknown_words(text_of(paper))) == []


@pytest.mark.parametrize("paper", PAPERS)
def test_commands_and_their_options_exist(paper: str) -> None:
    assert list(unknown_commands(text_of(paper))) == []


def unproved_promises(text: str) -> Iterator[str]:
    """Rows of ``docs/promises.md`` without a test or a selftest, or without what it found when."""
    rows = [line.split(" | ") for line in text.splitlines() if line.startswith("| ")]
    for promise, proof, *found in (row for row in rows if len(row) == 3):
        if promise == "| promise":
            continue
        if not re.search(r"`(tests/|ngs selftest )", proof):
            yield f"{promise}: no test is named"
        if not re.search(r"20\d\d-\d\d-\d\d|to be measured", *found):
            yield f"{promise}: no figure with its date"


def test_every_promise_names_its_test_and_a_figure_with_its_date() -> None:
    text = text_of("docs/promises.md")
    assert text.count("\n| promise |") == 3
    assert list(unproved_promises(text)) == []


@pytest.mark.parametrize(
    ("wrong", "finder"),
    [
        ("`drivers/timings.py`", wrong_names),
        ("`timings.py`", wrong_names),
        ("`drivers.timing.SensorTiming.row_exposures`", wrong_names),
        ("`drivers.timings`", wrong_names),
        ("`test_that_nobody_wrote`", wrong_names),
        ("`tests/drivers/test_timing.py::test_that_nobody_wrote`", wrong_names),
        ("`SensorTiming.row_exposures`", unknown_words),
        ("`ngs films`", unknown_commands),
        ("`ngs calibrate lens`", unknown_commands),
        ("```sh\nngs live --headles\n```", unknown_commands),
        ("`ngs record OUT --second 3`", unknown_commands),
        ("| nothing hangs | by hand | 2026-11-27 |", unproved_promises),
        ("| nothing hangs | `tests/test_rooms.py` | well |", unproved_promises),
        ("[there](nowhere.md)", lambda text: broken_links("README.md", text)),
        ("[there](docs/guide.md#nowhere)", lambda text: broken_links("README.md", text)),
    ],
)
def test_what_is_wrong_is_found(wrong: str, finder: object) -> None:
    assert callable(finder)
    assert len(list(finder(wrong))) == 1


def test_every_decision_stands_in_the_index() -> None:
    index = text_of("docs/decisions/README.md")
    pages = {path.name for path in (ROOT / "docs" / "decisions").glob("0*.md")}
    assert set(re.findall(r"\((\d{4}-[\w-]+\.md)\)", index)) == pages


def test_code_cites_sections_that_exist() -> None:
    headings = re.findall(r"^## (.+)$", text_of("docs/physics.md"), re.MULTILINE)
    cited = {
        (file, section)
        for file in source_files()
        for section in re.findall(r'docs/physics\.md, "([^"]+)"', text_of(file))
        if not file.startswith("tests/")
    }
    assert cited
    assert {(file, section) for file, section in cited if section not in headings} == set()


def test_pre_commit_runs_what_make_lint_runs() -> None:
    recipe = re.search(r"^lint:.*\n((?:\t.+\n)+)", text_of("Makefile"), re.MULTILINE)
    assert recipe is not None
    folder = re.search(r"^BIN := (\S+)$", text_of("Makefile"), re.MULTILINE)
    assert folder is not None
    commands = [line.strip().replace("$(BIN)", folder[1]) for line in recipe[1].splitlines()]
    hooks = re.findall(r"^ +entry: (.+)$", text_of(".pre-commit-config.yaml"), re.MULTILINE)
    assert hooks == commands


def test_the_makers_pages_name_every_shutter_node_and_value_that_is_tried() -> None:
    pages = "\n".join(path.read_text() for path in (ROOT / "docs" / "makers").glob("*.md"))
    for maker in MAKERS:
        for name in (*maker.shutter_nodes, *maker.shutter_switches, *maker.global_reset):
            assert f"`{name}`" in pages, f"docs/makers says nothing of {maker.maker}: {name}"


def test_the_makers_pages_have_the_printed_line_times() -> None:
    basler = (ROOT / "docs" / "makers" / "basler.md").read_text()
    for printed in printed_line_times():
        for line_time_us in printed.line_time_us.values():
            assert f"{line_time_us:g}" in basler
