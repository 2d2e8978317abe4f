"""Programs run as a user runs them, where packages of the same names lie in the way."""

import os
import subprocess
from pathlib import Path

_CHECKOUT = Path(__file__).resolve().parents[2]


def shadow(folder: Path) -> Path:
    """A folder with a user's own ``models`` package and modules of the other three names."""
    package = folder / "mine" / "models"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text('MINE = "a package of the user\'s"\n', encoding="utf-8")
    for name in ("app", "drivers", "calibration"):
        (folder / "mine" / f"{name}.py").write_text("raise SystemExit('not ours')\n", "utf-8")
    return folder / "mine"


def run(
    program: list[str], *, path: Path | None = None, folder: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """Run ``program`` with ``path`` first on PYTHONPATH, in ``folder``."""
    paths = [str(each) for each in (path, _CHECKOUT) if each is not None]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
    return subprocess.run(
        program,
        env=environment,
        cwd=folder or path,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
