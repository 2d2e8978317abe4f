"""What the window remembers from one session to the next, in a file of its own.

Not in Qt's settings: Qt makes objects of any type that such a file names, and ends the process
over a damaged one.
"""

from contextlib import suppress
from pathlib import Path
from typing import Annotated

import platformdirs
from pydantic import BaseModel, ConfigDict, Field

from drivers.atomic_file import write_file
from drivers.errors import InstrumentError
from drivers.input_file import read_input

_Hexadecimal = Annotated[str, Field(pattern=r"^([0-9a-f]{2})*$", max_length=2000)]


class WindowSettings(BaseModel):
    """``geometry`` is in Qt's form, in hexadecimal; ``snapshot_folder`` empty: the usual one."""

    model_config = ConfigDict(frozen=True)

    geometry: _Hexadecimal = ""
    profile: bool = True
    snapshot_folder: str = ""


def settings_file() -> Path:
    """Where they are kept for this user."""
    return platformdirs.user_config_path("ngs", appauthor=False) / "window.json"


def read_settings(path: Path) -> WindowSettings:
    """Those of the last session; the usual ones where there are none or they are damaged."""
    try:
        return WindowSettings.model_validate_json(read_input(path))
    except (OSError, ValueError):
        return WindowSettings()


def write_settings(path: Path, settings: WindowSettings) -> None:
    """Keep them; where that is not possible, the next session begins with the usual ones."""
    with suppress(OSError, InstrumentError):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_file(path, settings.model_dump_json(indent=1).encode())
