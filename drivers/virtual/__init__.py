"""The virtual rig: a GenTL producer with an RSGR and a GS camera that look at one scene.

A GenTL client in this Python process loads the file that :func:`producer_path`
returns and finds two devices. Clients use this GenTL interface only.
"""

import importlib
import importlib.machinery
import sys
import weakref
from pathlib import Path

from drivers.errors import InstrumentError
from drivers.virtual.scene.named_scenes import SCENE_NAMES

DEVICES = {"rsgr": "VRSGR-1", "gs": "VGS-1"}
"""Device ID -> serial number."""


def producer_path() -> Path:
    """Path of the shared object for a GenTL client.

    Raises :class:`InstrumentError` if it was not built at installation.
    """
    folder = Path(__file__).parent / "producer"
    for suffix in importlib.machinery.EXTENSION_SUFFIXES:
        path = folder / f"_gentl{suffix}"
        if path.is_file():
            return path
    raise InstrumentError(
        "the virtual rig needs its compiled part; install a C compiler "
        "(Debian/Ubuntu: apt install build-essential python3-dev), then reinstall"
    )


def load() -> None:
    """Import the rig itself, before a client of this process calls it.

    Its C side would do so in a call, where no interruption comes through.
    """
    importlib.import_module("drivers.virtual.producer.system_functions")


def scene_settings(
    scene: Path | None, field_px: tuple[int, int] | None, *, frozen: bool = False
) -> list[tuple[str, str]]:
    """Nodes and values, in order, that put ``scene`` before the cameras.

    ``scene`` is footage, or the name of one of
    :data:`drivers.virtual.scene.named_scenes.SCENE_NAMES` in any case; None is the bench.
    ``field_px`` are the (columns, rows) in the middle of the sensor that footage
    has to cover. ``frozen`` lets scene time stand still.
    """
    settings: list[tuple[str, str]] = [("SceneFrozen", "1")] if frozen else []
    if field_px is not None:
        settings += [
            ("SceneFieldWidth", str(field_px[0])),
            ("SceneFieldHeight", str(field_px[1])),
        ]
    named = {name.lower(): name for name in SCENE_NAMES}.get(str(scene).lower())
    if named is not None:
        settings.append(("SceneName", named))
    elif scene is not None:
        settings.append(("SceneFile", str(scene.expanduser().absolute())))
    return settings


def _shut_down() -> None:
    producer = sys.modules.get("drivers.virtual.producer.system_functions")
    if producer is not None:
        producer.shut_down()


# Finalizers run at exit in reverse order of their creation. This one is created before any
# client exists, so it runs after the finalizers of clients such as Harvesters.
weakref.finalize(producer_path, _shut_down)
