"""What is installed: small, complete, and readable where there is no checkout."""

import re
import runpy
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[1]
LARGEST_BYTES = 4_000_000
NOT_COPIED = shutil.ignore_patterns(".git", ".venv", "build", "*.egg-info", ".*_cache", "*.so")


@pytest.mark.whole
@pytest.mark.timeout(600)
def test_the_wheel_is_small_and_complete(tmp_path: Path) -> None:
    source = shutil.copytree(CHECKOUT, tmp_path / "source", ignore=NOT_COPIED)
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", tmp_path, source],
        check=True,
    )
    (wheel,) = tmp_path.glob("*.whl")
    assert wheel.stat().st_size < LARGEST_BYTES
    with zipfile.ZipFile(wheel) as archive:
        held = set(archive.namelist())
        (metadata,) = (name for name in held if name.endswith("METADATA"))
        described = archive.read(metadata).decode()
    assert not any("nafnet.safetensors" in name for name in held)
    for package in ("ngs", "app", "calibration", "drivers", "models"):
        assert f"{package}/py.typed" in held
        modules = {str(path.relative_to(source)) for path in (source / package).rglob("*.py")}
        pages = {str(path.relative_to(source)) for path in (source / package).rglob("*.html")}
        assert modules | pages <= held
    assert {"models/weights/live.safetensors", "models/weights/benchmark-v1.json"} <= held
    assert re.findall(r"\]\((?!https?:|#)", described) == []


def test_links_of_the_readme_are_absolute_for_a_package_index(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made: dict[str, str] = {}
    monkeypatch.setattr("setuptools.setup", made.update)
    monkeypatch.chdir(CHECKOUT)
    runpy.run_path("setup.py")
    links = re.findall(r"\]\(([^)]+)\)", made["long_description"])
    source = "https://github.com/neural-global-shutter/ngs/"
    assert len(links) > 5
    for link in links:
        assert link.startswith("https://"), link
        if link.startswith(source):
            assert (CHECKOUT / link.removeprefix(source).split("/", 2)[2]).exists(), link
