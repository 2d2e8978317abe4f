"""Damaged files find every kind of broken promise, and no reader of the program breaks one."""

import json
import os
import random
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.diagnostics.fault_selftest import broken_files, reading_process
from app.diagnostics.fault_selftest.broken_files import REPLACEMENTS, BrokenFiles
from app.diagnostics.fault_selftest.container_mutations import meanings_of
from app.diagnostics.fault_selftest.defects import Defect, Trial
from app.diagnostics.fault_selftest.file_readers import READERS
from app.diagnostics.fault_selftest.mutations import BYTES, json_lines_mutation, json_mutation
from app.diagnostics.fault_selftest.reading_process import FileReader
from drivers.errors import InstrumentError
from tests.app.diagnostics.fault_selftest import planted_readers as planted

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="FIFOs and links of POSIX")

SLOW_TO_MAKE = ("training run",)


def tried(folder: Path, *readers: FileReader, seed: int = 0) -> list[Trial]:
    return BrokenFiles(folder / "files", seed).run(readers, 1, lambda trial: None)


@pytest.fixture
def one_each(monkeypatch: pytest.MonkeyPatch) -> None:
    """One damaged file for each reader, and little patience."""
    monkeypatch.setattr(broken_files, "QUICK", 1)
    monkeypatch.setattr(reading_process, "LONGEST_S", 5.0)
    monkeypatch.setattr(reading_process, "MOST_BYTES", planted.TOO_LARGE_BYTES // 2)


@pytest.mark.usefixtures("one_each")
def test_broken_promises_are_found(tmp_path: Path) -> None:
    readers = (planted.KEEPS, planted.TWO_LINES, *planted.BROKEN.values())
    found = dict(zip((each.name for each in readers), tried(tmp_path, *readers), strict=True))
    assert found["keeps"].defects == ()
    assert found["keeps"].said.endswith("is damaged; copy it again")
    assert found["two lines"].defects == (Defect.UNCLEAR,)
    for defect, reader in planted.BROKEN.items():
        assert found[reader.name].defects == (defect,), reader.name
    assert found["crashes"].said == "the process ended with 11"


@pytest.mark.usefixtures("one_each")
def test_a_reader_that_refuses_what_is_whole_is_told(tmp_path: Path) -> None:
    with pytest.raises(InstrumentError, match=r"undamaged files: .* is damaged; run ngs doctor"):
        tried(tmp_path, planted.REFUSES_EVERYTHING)


def test_every_reader_keeps_its_promises(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(broken_files, "QUICK", 1)
    readers = [each for each in READERS if each.name not in SLOW_TO_MAKE]
    trials = tried(tmp_path, *readers, seed=1)
    assert [trial for trial in trials if trial.defects] == []
    assert len(trials) == sum(each.share for each in readers)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=8,
)
SEEDS = st.integers(0, 1 << 32)


@given(content=st.binary(min_size=1, max_size=300), seed=SEEDS)
def test_any_content_can_be_damaged_and_the_same_again(content: bytes, seed: int) -> None:
    for mutation in (*BYTES, *meanings_of(content)):
        done, damaged = mutation(content, random.Random(seed))
        assert (done, damaged) == mutation(content, random.Random(seed))
        assert done
        assert isinstance(damaged, bytes)


@settings(max_examples=25)
@given(document=st.dictionaries(st.text(max_size=3), JSON, min_size=1), seed=SEEDS)
def test_any_document_can_be_damaged_by_its_meaning(document: dict, seed: int) -> None:
    content = json.dumps(document).encode()
    assert meanings_of(content) == (json_mutation,)
    json_mutation(content, random.Random(seed))
    lines = content + b"\n" + content + b"\n"
    assert meanings_of(lines) == (json_lines_mutation,)
    json_lines_mutation(lines, random.Random(seed))


def test_files_are_known_by_their_content(tmp_path: Path) -> None:
    kinds = set()
    for reader in READERS:
        if reader.name in SLOW_TO_MAKE:
            continue
        folder = tmp_path / reader.name
        folder.mkdir()
        reader.make(folder)
        for path in folder.rglob("*"):
            if path.is_file() and (content := path.read_bytes()):
                kinds |= {mutation.__name__ for mutation in meanings_of(content)}
                for mutation in meanings_of(content):
                    for seed in range(3):
                        mutation(content, random.Random(seed))
    assert len(kinds) == 8, kinds


@pytest.mark.parametrize("name", REPLACEMENTS)
def test_what_stands_in_place_of_a_file_takes_no_disk(tmp_path: Path, name: str) -> None:
    path = tmp_path / "run" / "files" / "a.json"
    path.parent.mkdir(parents=True)
    (tmp_path / "run" / "outside").touch()
    REPLACEMENTS[name](path)
    assert os.path.lexists(path) == (name != "missing")
    assert sum(each.lstat().st_blocks for each in tmp_path.rglob("*") if each.is_file()) <= 64
