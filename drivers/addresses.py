"""Camera addresses, and opening a camera by its address.

``virtual:rsgr`` · ``virtual:gs`` · ``genicam:SERIAL`` ·
``genicam:/path/to/producer.cti#SERIAL`` · ``replay:/path/to/images`` ·
``replay:/path/to/recording#rsgr`` (or ``#gs``; without it the first camera), then options:
``?speed=2&frames=100:400``. ``speed`` is a factor on the recorded pace, or ``max`` for as
fast as frames are asked for; ``frames`` is a slice of the camera's frames.
"""

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from drivers import virtual
from drivers.camera import Camera
from drivers.errors import InstrumentError, UnknownCameraError
from drivers.genicam.genicam_camera import GenicamCamera, GenicamOptions
from drivers.genicam.hosting.device_search import known_addresses, list_devices, producer_of
from drivers.genicam.hosting.hosted_camera import HostedCamera
from drivers.genicam.producers import DeviceListing, producer_paths
from drivers.replay import open_replay

SCHEMES = ("virtual:rsgr", "virtual:gs", "genicam:SERIAL", "genicam:PRODUCER.cti#SERIAL",
           "replay:FOLDER", "replay:RECORDING#CAMERA?speed=N&frames=A:B")  # fmt: skip


@dataclass(frozen=True, slots=True)
class CameraOptions:
    """Options for opening a camera.

    The scene is for what :func:`stages_scenes`: ``scene`` is footage or a scene's name
    (None: the bench), ``scene_field`` the (columns, rows) that footage has to fill, and
    ``scene_frozen`` lets the scene's time stand still. ``shutter_node`` names
    node and value of global reset for a maker the driver does not know.
    ``node_settings`` are (node, value as text) written after opening.
    ``description`` is a device description XML to use in place of the camera's own.
    """

    scene: Path | None = None
    scene_field: tuple[int, int] | None = None
    scene_frozen: bool = False
    shutter_node: tuple[str, str] | None = None
    node_settings: Sequence[tuple[str, str]] = ()
    description: Path | None = None


def open_camera(address: str, options: CameraOptions | None = None) -> Camera:
    """Open the camera at ``address``.

    Raises :class:`UnknownCameraError` listing the known addresses and the
    nearest match, and the errors of the driver concerned.
    """
    options = options or CameraOptions()
    scheme, _, rest = address.partition(":")
    if scheme == "replay" and rest:
        return open_replay(address, rest)
    if scheme == "genicam" and rest:
        named, serial = _genicam_target(rest)
        producer = named or producer_of(serial)
        driver: type[GenicamCamera | HostedCamera] = HostedCamera
        if _is_built_in(producer):
            # Two cameras of the virtual rig look at one scene: in this process, by any address.
            virtual.load()
            driver = GenicamCamera
        return driver(address, producer, serial, _genicam_options(options, []))
    if scheme == "virtual" and rest in virtual.DEVICES:
        scene = virtual.scene_settings(
            options.scene, options.scene_field, frozen=options.scene_frozen
        )
        producer = virtual.producer_path()
        virtual.load()
        return GenicamCamera(
            address,
            producer,
            virtual.DEVICES[rest],
            _genicam_options(options, scene),
        )
    raise unknown_address(address)


def _is_built_in(producer: Path) -> bool:
    try:
        return producer.resolve() == built_in_producer().resolve()
    except InstrumentError:
        return False  # it was not built


def stages_scenes(address: str) -> bool:
    """Whether the camera at ``address`` puts ``CameraOptions.scene`` before itself.

    >>> stages_scenes("genicam:1234")
    False
    """
    return address.startswith("virtual:")


def built_in_producer() -> Path:
    """The producer that comes with ngs; raises :class:`InstrumentError` if it was not built."""
    return virtual.producer_path()


def list_addresses() -> tuple[list[tuple[str, DeviceListing]], list[str]]:
    """Address and listing of every device of the known producers, and error texts."""
    problems: list[str] = []
    paths = producer_paths()
    try:
        paths.insert(0, built_in_producer().resolve())
    except InstrumentError as error:
        problems.append(str(error))
    listings, listing_problems = list_devices(paths)
    return [(_address_of(each), each) for each in listings], problems + listing_problems


def _address_of(listing: DeviceListing) -> str:
    for name, serial in virtual.DEVICES.items():
        if listing.serial == serial and listing.producer == built_in_producer().resolve():
            return f"virtual:{name}"
    return listing.address


def _genicam_options(options: CameraOptions, scene: list[tuple[str, str]]) -> GenicamOptions:
    return GenicamOptions(
        options.shutter_node, (*scene, *options.node_settings), options.description
    )


def _genicam_target(rest: str) -> tuple[Path | None, str]:
    """Producer file (None: search the announced ones) and serial number."""
    producer, mark, serial = rest.rpartition("#")
    if not mark and rest.endswith(".cti"):
        raise UnknownCameraError(
            f"genicam:{rest} names a producer and no camera; add # and the camera's serial number, "
            "ngs cameras lists them"
        )
    return (Path(producer).expanduser(), serial) if mark else (None, rest)


def unknown_address(address: str) -> UnknownCameraError:
    """The error for an address that names no camera."""
    known = [f"virtual:{name}" for name in virtual.DEVICES] + known_addresses()
    nearest = difflib.get_close_matches(address, known, n=1, cutoff=0.4)
    hint = f"did you mean {nearest[0]}? " if nearest else ""
    return UnknownCameraError(
        f"unknown camera {address!r}; {hint}known: {', '.join(known)}; forms: {', '.join(SCHEMES)}"
    )
