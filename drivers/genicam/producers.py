"""GenTL producers: find them, list their devices, open a device.

One Harvester serves one producer file, while a device of that producer is open.
``Harvester.update()`` breaks every open device of its producer, so it is called
only while none is open. A device that disappeared is searched again through its
interface, which does not disturb the others.
"""

import logging
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from genicam import genapi, gentl
from harvesters import core
from harvesters.core import DeviceInfo, Harvester, ImageAcquirer, ParameterKey, ParameterSet

from drivers.errors import CameraLostError, InstrumentError, UnknownCameraError
from drivers.genicam import shutter
from drivers.genicam.binding_errors import one_line
from drivers.genicam.description_file import read_camera_description
from drivers.genicam.mended_description import MendingNodeMap
from drivers.genicam.shutter import ShutterCapabilities

# Harvesters writes incomplete buffers, failures and even an interruption to the console, with
# tracebacks; here they are counted, raised and told in one line.
logging.getLogger("harvesters").addHandler(logging.NullHandler())
# Of loggers without a handler Python shows errors all the same.
logging.getLogger("harvesters.core").handlers[:] = [logging.NullHandler()]

# Harvesters makes its node maps of what it finds under this name.
core.NodeMap = MendingNodeMap

PRODUCER_VARIABLE = "GENICAM_GENTL64_PATH"
"""Environment variable with the producers' folders (GenTL 1.6, section 4.1.1)."""

_UPDATE_TIMEOUT_MS = 1000
BUFFERS = 8
"""Buffers that a producer can fill while this process is not scheduled: 40 ms at 200 fps."""


@dataclass(frozen=True, slots=True)
class DeviceListing:
    """One device as a producer lists it."""

    producer: Path
    device_id: str
    maker: str
    model: str
    serial: str
    transport: str

    @property
    def address(self) -> str:
        """The address that opens exactly this device."""
        return f"genicam:{self.producer}#{self.serial or self.device_id}"


@dataclass(slots=True)
class _OpenProducer:
    harvester: Harvester
    open_devices: int = 0


_producers: dict[Path, _OpenProducer] = {}
_lock = threading.RLock()


def producer_paths() -> list[Path]:
    """Producer files found through the environment variable, in order, each once."""
    found: dict[Path, None] = {}
    for entry in os.environ.get(PRODUCER_VARIABLE, "").split(os.pathsep):
        path = Path(entry).expanduser()
        if not entry:
            continue
        files = sorted(path.glob("*.cti")) if path.is_dir() else [path]
        # A symbolic link to a producer loads the same library.
        found.update(dict.fromkeys(file.resolve() for file in files if file.is_file()))
    return list(found)


@contextmanager
def keep_interrupt_handler() -> Iterator[None]:
    """Restore the program's SIGINT handler: Harvesters installs its own."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    handler = signal.getsignal(signal.SIGINT)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, handler)


def _load(path: Path) -> Harvester:
    """A Harvester with the devices of one producer listed."""
    if not path.is_file():
        raise UnknownCameraError(f"producer {path} does not exist; check {PRODUCER_VARIABLE}")
    harvester = Harvester()
    harvester.add_file(str(path))
    harvester.timeout_for_update = _UPDATE_TIMEOUT_MS
    harvester.update()
    if not harvester.device_info_list:
        harvester.reset()
        _check_loadable(path)
    return harvester


def _check_loadable(path: Path) -> None:
    """Raise :class:`InstrumentError` if a producer does not load; Harvesters only logs that."""
    producer = gentl.GenTLProducer.create_producer()
    try:
        producer.open(str(path))
        producer.close()
    except gentl.GenericException as error:
        raise InstrumentError(
            f"producer {path} cannot be loaded: {one_line(error)}; "
            "reinstall the maker's SDK or correct the path"
        ) from error


def _listing(path: Path, info: DeviceInfo) -> DeviceListing:
    def text(name: str) -> str:
        try:
            return str(getattr(info, name) or "")
        except gentl.GenericException:
            return ""  # an optional entry of the producer's list (GenTL 1.6, table 6-29)

    return DeviceListing(
        producer=path,
        device_id=text("id_"),
        maker=text("vendor"),
        model=text("model"),
        serial=text("serial_number"),
        transport=text("tl_type"),
    )


def devices_of(path: Path) -> list[DeviceListing]:
    """Devices of one producer; :class:`InstrumentError` where it cannot be asked.

    A producer with an open device gives the list from when that device was opened.
    """
    with _lock:
        entry = _producers.get(path)
        harvester = entry.harvester if entry else _load(path)
        listings = [_listing(path, info) for info in harvester.device_info_list]
        if entry is None:
            harvester.reset()
        return listings


def probe_shutter(listing: DeviceListing) -> ShutterCapabilities:
    """Open a device for a moment and read which shutter modes it offers.

    Raises like :func:`open_device`; changes nothing on the device.
    """
    device = open_device(listing.producer, listing.serial or listing.device_id)
    try:
        return shutter.probe(device.acquirer.remote_device.node_map)
    finally:
        device.release()


class OpenDevice:
    """An exclusively opened device and the Harvesters acquirer that streams from it."""

    def __init__(self, path: Path, acquirer: ImageAcquirer, listing: DeviceListing) -> None:
        self._path = path
        self._released = False
        self.acquirer = acquirer
        self.listing = listing

    def release(self, *, lost: bool = False) -> None:
        """Close the device, and with the last device the producer; safe to repeat.

        Closing a ``lost`` device may fail in the producer in any way; it is closed then.
        """
        with _lock:
            if self._released:
                return
            self._released = True
            failures: list[Exception] = []
            try:
                self.acquirer.destroy()
            except (gentl.GenericException, genapi.GenericException) as error:
                failures.append(error)
            entry = _producers[self._path]
            entry.open_devices -= 1
            if entry.open_devices == 0:
                del _producers[self._path]
                try:
                    entry.harvester.reset()
                except gentl.GenericException as error:
                    failures.append(error)
            if failures and not lost:
                raise InstrumentError(f"closing failed: {one_line(failures[0])}") from failures[0]


def open_device(path: Path, serial: str, description: Path | None = None) -> OpenDevice:
    """Open a device of a producer by serial number or the producer's device ID.

    ``description`` replaces the device's own description XML. Raises
    :class:`UnknownCameraError` listing the devices found, and :class:`InstrumentError`
    if the device is in use or gives no description.
    """
    with _lock:
        path = path.resolve()
        entry = _producers.get(path)
        if entry is None:
            entry = _OpenProducer(_load(path))
            _producers[path] = entry
        try:
            info, listing = _find(path, entry.harvester, serial)
            acquirer = _create(entry.harvester, info, listing, description)
        except BaseException:
            if entry.open_devices == 0:
                del _producers[path]
                entry.harvester.reset()
            raise
        entry.open_devices += 1
        return OpenDevice(path, acquirer, listing)


def _find(path: Path, harvester: Harvester, serial: str) -> tuple[DeviceInfo, DeviceListing]:
    listings = []
    for info in harvester.device_info_list:
        listing = _listing(path, info)
        listings.append(listing)
        if serial in (listing.serial, listing.device_id):
            # Update the interface, not the Harvester: open devices stay open.
            info.parent.update_device_info_list(_UPDATE_TIMEOUT_MS)
            return info, listing
    known = ", ".join(item.serial or item.device_id for item in listings) or "none"
    raise UnknownCameraError(f"no camera {serial!r} in {path}; it lists: {known}")


def _create(
    harvester: Harvester, info: DeviceInfo, listing: DeviceListing, description: Path | None
) -> ImageAcquirer:
    if description is not None:
        read_camera_description(description)  # refused here; the binding reads it without a limit
    parameters = ParameterSet(
        {
            ParameterKey.REMOTE_DEVICE_SOURCE_XML_FILE_PATH: (
                None if description is None else str(description)
            ),
            # Searching every buffer for chunks costs time; the camera reads those it uses.
            ParameterKey.ENABLE_AUTO_CHUNK_DATA_UPDATE: False,
            # The binding holds the interpreter lock while it waits: never wait there.
            ParameterKey.TIMEOUT_PERIOD_ON_UPDATE_EVENT_DATA_CALL: 0,
            ParameterKey.NUM_BUFFERS_FOR_FETCH_CALL: BUFFERS,
        }
    )
    name = f"{listing.maker} {listing.model} {listing.serial}".strip()
    try:
        with keep_interrupt_handler():
            acquirer = harvester.create(info, config=parameters)
    except gentl.AccessDeniedException as error:
        raise InstrumentError(
            f"camera {name} is in use; close the program that holds it"
        ) from error
    except gentl.ResourceInUseException as error:
        raise InstrumentError(
            f"camera {name} is in use; close the program that holds it"
        ) from error
    except gentl.GenericException as error:
        raise CameraLostError(
            f"camera {name} cannot be opened: {one_line(error)}; check cable and power"
        ) from error
    except genapi.GenericException as error:
        raise _broken_description(name, description) from error
    if not acquirer.remote_device.node_map.has_node("Width"):
        acquirer.destroy()
        raise _broken_description(name, description)
    return acquirer


def _broken_description(camera: str, description: Path | None) -> InstrumentError:
    """The error of a device without features.

    An unknown schema gives an empty node map; a broken file gives an exception.
    """
    return InstrumentError(
        f"camera {camera}: the device description {description or 'it brings'} is broken or of "
        "an unknown schema; update firmware or producer, or give another by --description"
    )
