"""``ngs cameras``: what can be opened, and what shutter modes it offers."""

from typing import Any

from rich.console import Console
from rich.table import Table

from drivers.addresses import list_addresses
from drivers.errors import InstrumentError
from drivers.genicam.producers import DeviceListing, probe_shutter, producer_paths


def list_cameras() -> tuple[list[dict[str, Any]], list[str]]:
    """Every device of the virtual rig and of the announced producers, and what went wrong.

    Each is opened for a moment to ask for its shutter modes; nothing is changed.
    """
    devices, problems = list_addresses()
    return [_describe(address, listing) for address, listing in devices], problems


def _describe(address: str, listing: DeviceListing) -> dict[str, Any]:
    try:
        capabilities = probe_shutter(listing)
        modes = [mode.value for mode in capabilities.modes]
        note = "; ".join(offer.condition for offer in capabilities.offers if offer.condition)
    except InstrumentError as error:
        modes, note = [], str(error)
    return {
        "address": address,
        "maker": listing.maker,
        "model": listing.model,
        "serial": listing.serial,
        "transport": listing.transport,
        "shutter_modes": modes,
        "note": note,
    }


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
