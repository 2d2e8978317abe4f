"""How a folder of restored footage was made; a run with another recipe is refused."""

import json
import os
from pathlib import Path

from pydantic import BaseModel, ValidationError

from drivers.atomic_file import check_folder, is_unfinished, remove_unfinished, write_file
from drivers.code_encoding import Encoding
from drivers.errors import InstrumentError
from drivers.frame_conditions import ConditionsRecord
from drivers.input_file import read_input, words

FILE_NAME = "restore.json"


class _MadeFrom(BaseModel):
    """The footage, and what restored it."""

    program: str
    """Version of the program."""
    input: str
    input_frames: int
    input_fingerprint: str
    model: str
    weights_sha256: str | None
    device: str
    engine: str


# In this order, what restored comes before the conditions, in files and in messages.
class Recipe(ConditionsRecord, _MadeFrom):
    """Everything that decides what the pictures look like."""

    input_encoding: Encoding
    encoding: Encoding
    bits: int
    codec: str
    crf: int | None

    def check_against(self, text: str | bytes, place: Path) -> None:
        """Raise :class:`InstrumentError` unless ``text``, found at ``place``, is this recipe."""
        try:
            found = Recipe.model_validate_json(text)
        except ValidationError:
            raise InstrumentError(
                f"{place} was not made by this version of ngs restore; name another OUT"
            ) from None
        mine, theirs = (json.loads(each.model_dump_json()) for each in (self, found))
        for name, value in mine.items():
            if value != theirs[name]:
                # What is fastest here may have changed since, unasked by whoever goes on.
                former = words(theirs[name])
                cure = f"give --engine {former} to go on, " if name == "engine" else ""
                raise InstrumentError(
                    f"{place} was made with {name.replace('_', ' ')} {former}, now it is "
                    f"{value}; {cure}name another OUT, or remove it to start again"
                )


def claim_folder(folder: Path, recipe: Recipe) -> None:
    """Make ``folder`` ready for frames of ``recipe``: new, empty, or begun with the same recipe.

    Raises :class:`InstrumentError` where it holds anything else or cannot be made.
    """
    check_folder(folder)
    mark = folder / FILE_NAME
    try:
        folder.mkdir(parents=True, exist_ok=True)
        # A run that was killed while it wrote the mark leaves nothing else.
        strange = [path.name for path in folder.iterdir() if not is_unfinished(path.name)]
    except OSError as error:
        raise InstrumentError(
            f"{folder} cannot be written: {error.strerror}; name another OUT"
        ) from None
    if os.path.lexists(mark):
        recipe.check_against(_content(mark), folder)
        remove_unfinished(folder)
        return
    if strange:
        raise InstrumentError(
            f"{folder} is not empty ({sorted(strange)[0]}) and holds no {FILE_NAME}; "
            "name a new or empty folder"
        )
    write_file(mark, (recipe.model_dump_json(indent=2) + "\n").encode())


def _content(mark: Path) -> bytes:
    try:
        return read_input(mark)
    except OSError as error:
        raise InstrumentError(
            f"{mark} cannot be read: {error.strerror}; name another OUT"
        ) from None
