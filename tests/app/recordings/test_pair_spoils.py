"""One thing wrong with a recording of two cameras: it is called so, with its cause."""

from pathlib import Path

import pytest

from tests.app.recordings.pair_spoils import SPOILS, Spoil, is_right, verdict_of

QUICK = ("GS out of focus",)


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(each, id=each.name, marks=() if each.name in QUICK else pytest.mark.whole)
        for each in SPOILS
    ],
)
def test_what_is_wrong_is_told(spoil: Spoil, tmp_path: Path) -> None:
    said = verdict_of(spoil, tmp_path / "recording")
    assert is_right(spoil, said), said
