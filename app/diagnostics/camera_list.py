"""``ngs cameras``: what can be opened, and what shutter modes it offers."""

from typing import Any

from rich.console import Console
from rich.table import Table

from drivers.addresses import list_addresses
from drivers.errors import InstrumentError
from drivers.genicam.hosting.device_search import probe_shutters
from drivers.genicam.producers import DeviceListing, producer_paths
from drivers.genicam.shutter import ShutterCapabilities


def list_cameras() -> tuple[list[dict[str, Any]], list[str]]:
    """Every device of the virtual rig and of the announced producers, and what went wrong.

    Each is opened for a moment to ask for its shutter modes; nothing is changed.
    """
    devices, problems = list_addresses()
    probed = probe_shutters([listing for _, listing in devices])
    return [
        _described(address, listing, answer)
        for (address, listing), answer in zip(devices, probed, strict=True)
    ], problems


def _described(
    address: str, listing: DeviceListing, answer: ShutterCapabilities | InstrumentError
) -> dict[str, Any]:
    if isinstance(answer, InstrumentError):
        modes, note = [], str(answer)
    else:
        modes = [mode.value for mode in answer.modes]
        note = "; ".join(offer.condition for offer in answer.offers if offer.condition)
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
