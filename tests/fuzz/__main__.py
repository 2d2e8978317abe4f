"""Damage to files that is guided by what it reaches: ``python -m tests.fuzz READER [OPTION...]``.

For readers that are Python themselves. Needs Linux and ``pip install atheris``; the options are
libFuzzer's, such as ``-max_total_time=300``. What is refused in one line is right; anything else
ends the run and leaves the content in ``crash-*``.
"""

import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["app", "calibration", "drivers", "models"]):
    from app.diagnostics.camera_selftest.selftest_zip import read_snapshot
    from app.diagnostics.fault_selftest import file_specimens as specimens
    from app.restore.recipe import FILE_NAME as RESTORE_FILE
    from app.session.window_settings import WindowSettings, read_settings, write_settings
    from calibration.rig_calibration import read_rig
    from drivers.errors import InstrumentError
    from drivers.genicam.description_file import read_camera_description
    from drivers.picture_size import claimed_size_px
    from drivers.plain_text import one_line
    from drivers.recording.description import FILE_NAME as RECORDING_FILE
    from drivers.recording.description import read_description
    from drivers.recording.frame_index import index_path, read_index
    from models.dataset.sequence_info import read_info

Reader = Callable[[Path], object]
"""Reads a file; it lies alone in its folder."""


def read_recipe(path: Path) -> None:
    """As ``ngs restore`` does, which goes on with what it began."""
    specimens.RECIPE.check_against(path.read_bytes(), path)


READERS: dict[str, tuple[str, Reader, Callable[[Path], None]]] = {
    "recording": (
        RECORDING_FILE,
        lambda path: read_description(path.parent),
        specimens.recording,
    ),
    "index": (str(index_path(Path(), "rsgr")), read_index, specimens.recording),
    "older-index": (str(index_path(Path(), "rsgr")), read_index, specimens.older_recording),
    "rig": ("rig.json", read_rig, specimens.rig),
    "sequence": ("sequence.json", read_info, specimens.dataset),
    "recipe": (RESTORE_FILE, read_recipe, specimens.restored_pictures),
    "description": ("d.zip", read_camera_description, specimens.camera_description),
    "selftest": ("d.zip", read_snapshot, specimens.camera_description),
    "picture-size": (
        "0.*",
        lambda path: claimed_size_px(path.read_bytes()),
        specimens.pictures,
    ),
    "settings": (
        "window.json",
        read_settings,
        lambda folder: write_settings(folder / "window.json", WindowSettings()),
    ),
}
"""Pattern of the genuine files, the reader, and what makes them, by the name to give."""


def main(words: list[str]) -> None:
    """Run until an option ends it, or something is found."""
    if len(words) < 2 or words[1] not in READERS:
        sys.exit(f"usage: python -m tests.fuzz {'|'.join(READERS)} [libFuzzer's options]")
    pattern, read, make = READERS[words[1]]
    with tempfile.TemporaryDirectory() as temporary:
        made, corpus, place = (Path(temporary, name) for name in ("made", "corpus", "place"))
        for folder in (made, corpus, place):
            folder.mkdir()
        make(made)
        genuine = sorted(path for path in made.rglob(pattern) if path.is_file())
        for number, path in enumerate(genuine):
            (corpus / str(number)).write_bytes(path.read_bytes())
        name = genuine[0].name

        def try_content(content: bytes) -> None:
            path = place / name
            path.write_bytes(content)
            said = str(place)
            try:
                read(path)
            except InstrumentError as error:
                said = str(error)
            if said != one_line(said) or len(said) > 1000 or str(place) not in said:
                raise ValueError(f"not one clear line: {said}")

        atheris.Setup([*words[:1], *words[2:], str(corpus)], try_content)
        atheris.Fuzz()


main(sys.argv)
