"""Every number on every command line: one type of option, and nothing absurd gets through it."""

import inspect
import sys
from collections.abc import Iterator
from typing import Annotated, Any, get_args, get_origin

import pytest
import typer

from app import cli
from app.commands.number_options import Number, picture_size

MAY_BE_NEGATIVE = {"--gain-db", "--gs-gain-db"}
ABSURD = ("nan", "inf", "-inf", "1e308", "1" + "0" * 30, "-1", "", "1,5", "1e400", "0x10", "½")


def commands(app: typer.Typer, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every command's words and its function."""
    for info in app.registered_commands:
        assert info.callback is not None
        yield (*path, info.name or info.callback.__name__.replace("_", "-")), info.callback
    for group in app.registered_groups:
        assert group.typer_instance is not None
        yield from commands(group.typer_instance, (*path, str(group.name)))


def numbers(callback: Any) -> dict[str, Any]:
    """What typer knows of each option that is a number, by its name."""
    found = {}
    for parameter in inspect.signature(callback).parameters.values():
        if get_origin(parameter.annotation) is Annotated:
            kind, info = get_args(parameter.annotation)
            if {int, float} & {kind, *get_args(kind)}:
                found[f"--{parameter.name.replace('_', '-')}"] = info
    return found


COMMANDS = dict(commands(cli.app))
OPTIONS = [(path, option) for path, callback in COMMANDS.items() for option in numbers(callback)]


def leaf(tree: Any, path: tuple[str, ...]) -> Any:
    for word in path:
        tree = tree.commands[word]
    return tree


@pytest.fixture(scope="module")
def idle_tree() -> Any:
    """All commands as typed, which note that they began instead of doing anything."""
    tree = typer.main.get_command(cli.app)
    for path in COMMANDS:
        leaf(tree, path).callback = began
    return tree


class BeganError(Exception):
    """A command was about to run."""


def began(**_: Any) -> None:
    raise BeganError


def status_of(monkeypatch: pytest.MonkeyPatch, tree: Any, *words: str) -> int:
    monkeypatch.setattr(typer.main, "get_command", lambda _: tree)
    monkeypatch.setattr(sys, "argv", ["ngs", *words])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    return int(ended.value.code or 0)


def required(command: Any) -> list[str]:
    """Words for what must be given."""
    words = []
    for parameter in command.params:
        if parameter.required:
            value = "png" if parameter.name == "format" else "x"
            words += (
                [value] if parameter.param_type_name == "argument" else [parameter.opts[0], value]
            )
    return words


def test_all_are_found() -> None:
    assert len(COMMANDS) > 20
    assert len({option for _, option in OPTIONS}) > 25
    assert (("live",), "--exposure-us") in OPTIONS
    assert (("calibrate", "all"), "--width") in OPTIONS


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_every_number_is_of_the_one_type(path: tuple[str, ...]) -> None:
    for option, info in numbers(COMMANDS[path]).items():
        assert isinstance(info.parser, Number), f"{option} takes any number"
        assert info.parser.most < 1e20
        assert info.parser.least >= 0 or option in MAY_BE_NEGATIVE


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_absurd_numbers_are_usage_errors_of_one_line(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    idle_tree: Any,
    path: tuple[str, ...],
) -> None:
    words = [*path, *required(leaf(idle_tree, path))]
    assert status_of(monkeypatch, idle_tree, *words) == 1
    assert "BeganError" in capsys.readouterr().err  # else what follows would prove nothing
    for option in numbers(COMMANDS[path]):
        for value in ABSURD:
            if value == "-1" and option in MAY_BE_NEGATIVE:
                continue
            status = status_of(monkeypatch, idle_tree, *words, option, value)
            said = capsys.readouterr()
            assert status == 2, (option, value, said.err)
            assert said.out == ""
            assert said.err.count("\n") == 1
            assert said.err.startswith(f"ngs: Invalid value for '{option}': '{value}' is not a")


@pytest.mark.parametrize(
    "size",
    ["0x0", "640", "640x", "-1x480", "nanxnan", "1e9x1e9", "²x³", "640x65537", "640x480\n"],
)
def test_absurd_sizes_are_refused(size: str) -> None:
    with pytest.raises(typer.BadParameter, match="is not WxH in pixels, such as 640x480"):
        picture_size(size)


def test_sensible_values_are_taken() -> None:
    assert picture_size("640X480") == (640, 480)
    assert Number(0.0, 10.0)("1e1") == 10.0
    assert Number(-5, 5)("-5") == -5
    assert isinstance(Number(0, 5)(3), int)
