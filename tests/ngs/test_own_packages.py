"""A user's own ``models`` or ``app.py`` never gets in the way of ours."""

import json
import sys
import types
from importlib import metadata
from pathlib import Path

import pytest

import ngs
from app.diagnostics.machine_examination import Verdict, examine
from ngs import own_packages
from tests.models.small_dataset import written
from tests.ngs.shadowed import run, shadow

WORKERS = """
import multiprocessing, sys
import ngs

def home(name):
    return __import__(name).__file__

if __name__ == "__main__":
    before = list(sys.path)
    ngs.own_packages.find_first()
    assert sys.path == before
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        print(pool.apply(home, ("models",)))
    import models
    print(models.__file__)
"""

NOTEBOOK = "from ngs.__main__ import main; main()"
"""A program without a main module, as a notebook is."""


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    return shadow(tmp_path)


def test_the_command_line_runs_beside_packages_of_the_same_names(mine: Path) -> None:
    ended = run([sys.executable, "-m", "ngs", "models"], path=mine)
    assert ended.returncode == 0, ended.stderr
    assert "row-gain" in ended.stdout


def test_a_process_that_lists_cameras_finds_ours(mine: Path) -> None:
    ended = run([sys.executable, "-m", "ngs", "cameras", "--json"], folder=mine)
    assert ended.returncode == 0, ended.stderr
    report = json.loads(ended.stdout)
    assert report["problems"] == []
    assert len(report["cameras"]) >= 2


def test_spawned_processes_find_ours_and_paths_stay(mine: Path, tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(WORKERS, encoding="utf-8")
    ended = run([sys.executable, str(program)], path=mine)
    assert ended.returncode == 0, ended.stderr
    ours = str(Path(ngs.__file__).parents[1] / "models" / "__init__.py")
    assert ended.stdout.split() == [ours, ours]


@pytest.mark.parametrize("start", [["-m", "ngs"], ["-c", NOTEBOOK]], ids=["python -m", "notebook"])
def test_processes_of_a_synthesis_find_ours(mine: Path, tmp_path: Path, start: list[str]) -> None:
    written(tmp_path / "pictures")
    stills = tmp_path / "pictures" / "test" / "00000" / "GS" / "PNG"
    ended = run(
        [
            sys.executable, *start,
            "synthesize", str(tmp_path / "dataset"), "--stills", str(stills), "--workers", "2",
            "--sequences", "2", "--frames", "2", "--size", "64x48", "--test-share", "0.5",
            "--val-share", "0",
        ],
        folder=mine,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr


@pytest.mark.whole
def test_a_user_keeps_the_own_packages_of_other_names(mine: Path) -> None:
    (mine / "numpy_of_mine.py").write_text("VALUE = 3\n", encoding="utf-8")
    program = "import ngs, numpy_of_mine, drivers; print(numpy_of_mine.VALUE, drivers.__file__)"
    ended = run([sys.executable, "-c", program], path=mine)
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.startswith("3 ")
    assert str(mine) not in ended.stdout


@pytest.mark.whole
def test_processes_of_a_training_find_ours(mine: Path, tmp_path: Path) -> None:
    dataset = tmp_path / "dataset"
    for split in ("train", "val"):
        written(dataset, split=split)
    ended = run(
        [
            sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "1", "-m", "ngs",
            "train", str(dataset), "--model", "live", "--out", str(tmp_path / "run"),
            "--steps", "2", "--batch", "4", "--crop", "32", "--validate-every", "2",
            "--workers", "1",
        ],
        path=mine,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    assert (tmp_path / "run" / "live.safetensors").is_file()


def test_a_foreign_package_that_is_imported_already_is_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    foreign = types.ModuleType("models")
    foreign.__file__ = "/somewhere/models/__init__.py"
    monkeypatch.setitem(sys.modules, "models", foreign)
    with pytest.raises(ImportError, match=r"models is already imported from /somewhere.*before"):
        ngs.__getattr__("open_restorer")


def test_ours_reached_by_a_link_is_not_foreign(tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(Path(ngs.__file__).parents[1], target_is_directory=True)
    program = "import drivers, ngs; ngs.InstrumentError"
    ended = run([sys.executable, "-c", program], path=link, folder=tmp_path)
    assert ended.returncode == 0, ended.stderr


def test_a_foreign_package_that_is_imported_already_ends_the_command_in_one_line(
    tmp_path: Path,
) -> None:
    (tmp_path / "models.py").write_text("", encoding="utf-8")
    program = "import models, sys; sys.argv = ['ngs', 'models']; import ngs.__main__ as m; m.main()"
    ended = run([sys.executable, "-c", program], path=tmp_path)
    assert ended.returncode == 1
    assert ended.stderr.startswith("ngs: models is already imported from ")
    assert ended.stderr.count("\n") == 1


def test_doctor_tells_of_another_distribution_in_our_folders(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(
        metadata,
        "packages_distributions",
        lambda: {"models": ["zoo-of-models", own_packages.DISTRIBUTION]},
    )
    found = next(each for each in examine() if each.subject == "packages of ngs")
    assert found.verdict is Verdict.PROBLEM
    assert "zoo-of-models is installed into the same folder models" in found.advice
