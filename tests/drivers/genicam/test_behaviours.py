"""Real commands against a hostile producer: one line that tells, and an exit status."""

from pathlib import Path

import pytest

from tests.drivers.genicam.hostile.behaviours import BEHAVIOURS, Behaviour, answer, is_as_expected

PAGE = Path(__file__).resolve().parents[3] / "docs" / "hostile-producer.md"
QUICK = (
    "a formula of a missing node",
    "goes away while streaming, comes back after 1 s",
    "silent for want of triggers",
)
"""Those of every run; all of them in make test-all."""


@pytest.mark.parametrize(
    "behaviour",
    [
        pytest.param(each, id=each.name, marks=() if each.name in QUICK else pytest.mark.whole)
        for each in BEHAVIOURS
    ],
)
def test_what_is_said_of_a_behaviour(
    behaviour: Behaviour, hostile_library: Path, tmp_path: Path
) -> None:
    answered = answer(behaviour, hostile_library, tmp_path / "producer")
    assert is_as_expected(behaviour, answered), answered


def test_the_page_has_every_behaviour() -> None:
    rows = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| ")]
    told = [line.split(" | ")[0].removeprefix("| ") for line in rows]
    assert told[2:] == [each.name for each in BEHAVIOURS]
