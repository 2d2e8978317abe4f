"""The tables of docs/makers/README.md say what the driver does today."""

from pathlib import Path

from tests.drivers.genicam import dialect_table

README = Path(__file__).resolve().parents[3] / "docs" / "makers" / "README.md"
AGAIN = "differs from docs/makers/README.md: run python -m tests.drivers.genicam.dialect_table"


def test_every_name_that_is_known_is_recognised_set_and_read_back() -> None:
    made = dialect_table.made_tables()
    assert made in README.read_text(encoding="utf-8"), AGAIN
    cells = [cell.strip() for line in made.splitlines() for cell in line.split("|")]
    assert cells.count("yes") > 60
    assert dialect_table.NO not in cells


def test_the_makers_own_descriptions(shared_folder: Path | None) -> None:
    readme = README.read_text(encoding="utf-8")
    if shared_folder is None:
        assert all(camera.name in readme for camera in dialect_table.REAL_CAMERAS)
        return
    assert dialect_table.real_table(shared_folder) in readme, AGAIN
