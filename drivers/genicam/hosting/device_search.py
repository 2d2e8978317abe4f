"""What cameras there are: each producer is asked in a process of its own, all at once."""

from pathlib import Path

from drivers.errors import InstrumentError, UnknownCameraError
from drivers.genicam import producers
from drivers.genicam.hosting.child_call import ChildCall
from drivers.genicam.producers import PRODUCER_VARIABLE, DeviceListing, producer_paths
from drivers.genicam.shutter import ShutterCapabilities


def list_devices(paths: list[Path] | None = None) -> tuple[list[DeviceListing], list[str]]:
    """Devices of the given producers (default: all announced ones), and error texts.

    A producer that hangs or crashes costs its own devices, and is named.
    """
    calls = [
        ChildCall(path, "listing its cameras", producers.devices_of, path)
        for path in (producer_paths() if paths is None else paths)
    ]
    listings: list[DeviceListing] = []
    problems: list[str] = []
    for call in calls:
        try:
            listings += call.result()
        except InstrumentError as error:
            problems.append(str(error))
    return listings, problems


def known_addresses() -> list[str]:
    """Addresses of all devices of the announced producers."""
    return [listing.address for listing in list_devices()[0]]


def probe_shutters(listings: list[DeviceListing]) -> list[ShutterCapabilities | InstrumentError]:
    """Open each device for a moment and read which shutter modes it offers, or why it cannot.

    Changes nothing on the devices.
    """
    calls = [
        ChildCall(
            listing.producer,
            f"asking camera {listing.serial or listing.device_id} for its shutter modes",
            producers.probe_shutter,
            listing,
        )
        for listing in listings
    ]
    answers: list[ShutterCapabilities | InstrumentError] = []
    for call in calls:
        try:
            answers.append(call.result())
        except InstrumentError as error:
            answers.append(error)
    return answers


def producer_of(serial: str) -> Path:
    """The announced producer that lists this serial number or device ID.

    Raises :class:`UnknownCameraError` naming what was found.
    """
    listings, problems = list_devices()
    for listing in listings:
        if serial in (listing.serial, listing.device_id):
            return listing.producer
    known = ", ".join(f"{item.serial} ({item.maker} {item.model})" for item in listings)
    trouble = f"; {'; '.join(problems)}" if problems else ""
    where = ", ".join(str(path) for path in producer_paths()) or f"none in {PRODUCER_VARIABLE}"
    raise UnknownCameraError(
        f"no camera with serial {serial!r}; found: {known or 'none'}; producers: {where}{trouble}"
    )
