"""``ngs cameras``: what can be opened, and what shutter modes it offers."""

from typing import Any

from rich.console import Console
from rich.table import Table

from drivers import virtual
from drivers.errors import InstrumentError
from drivers.genicam import DeviceListing, list_devices, probe_shutter, producer_paths


def list_cameras() -> tuple[list[dict[str, Any]], list[str]]:
    """Every device of the virtual rig and of the announced producers, and what went wrong.

    Each is opened for a moment to ask for its shutter modes; nothing is changed.
    """
    problems: list[str] = []
    paths = producer_paths()
    try:
        paths.insert(0, virtual.producer_path().resolve())
    except InstrumentError as error:
        problems.append(str(error))
    listings, listing_problems = list_devices(paths)
    return [_describe(listing) for listing in listings], problems + listing_problems


def _describe(listing: DeviceListing) -> dict[str, Any]:
    virtual_name = next(
        (name for name, serial in virtual.DEVICES.items() if _is_virtual(listing, serial)), None
    )
    try:
        capabilities = probe_shutter(listing)
        modes = [mode.value for mode in capabilities.modes]
        note = "; ".join(offer.condition for offer in capabilities.offers if offer.condition)
    except InstrumentError as error:
        modes, note = [], str(error)
    return {
        "address": f"virtual:{virtual_name}" if virtual_name else listing.address,
        "maker": listing.maker,
        "model": listing.model,
        "serial": listing.serial,
        "transport": listing.transport,
        "shutter_modes": modes,
        "note": note,
    }


def _is_virtual(listing: DeviceListing, serial: str) -> bool:
    return listing.serial == serial and listing.producer.parent.name == "virtual"


def print_cameras(found: list[dict[str, Any]], problems: list[str], console: Console) -> None:
    """A table for people; advice where nothing was found."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("address", "camera", "shutter modes", "note"):
        table.add_column(heading, overflow="fold")
    for camera in found:
        table.add_row(
            camera["address"],
            f"{camera['maker']} {camera['model']} {camera['serial']}".strip(),
            ", ".join(camera["shutter_modes"]) or "not told",
            camera["note"],
        )
    console.print(table)
    for problem in problems:
        console.print(f"problem: {problem}")
    if not producer_paths():
        console.print(
            "No maker's producer is announced: install the camera maker's SDK, which sets "
            "GENICAM_GENTL64_PATH, and open a new shell."
        )
