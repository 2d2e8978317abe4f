"""The options that every command with a camera takes, defined once."""

import functools
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Concatenate, ParamSpec

import typer

from app import terminal
from app.commands.number_options import LONGEST_PX, number
from drivers.camera_settings import (
    NUMBER_SETTINGS,
    ExposureSettings,
    Region,
    SettingGroup,
    ShutterMode,
)
from drivers.rig.wiring import Wiring, WiringRequest
from drivers.timing import ReadoutDirection

if TYPE_CHECKING:
    from app.session.config import SessionConfig
    from app.session.session import Session
    from drivers.addresses import CameraOptions

_Rest = ParamSpec("_Rest")


def opened(config: "SessionConfig") -> "Session":
    """A session whose cameras are open; where that takes long, it is said."""
    from app.session.session import Session

    session = Session(config)
    cameras = " and ".join(each for each in (config.camera, config.gs_camera) if each)
    with terminal.told_if_slow(f"opening {cameras}"):
        session.open()
    return session


def takes_cameras(
    command: "Callable[Concatenate[SessionConfig, _Rest], None]", *, as_argument: bool = False
) -> Callable[..., None]:
    """Give a command all options of the cameras; its first argument is what they ask for.

    With ``as_argument`` the camera's address is an argument, which has to be given.
    """
    options = _options()
    if as_argument:
        options["camera"] = options["camera"].replace(
            default=inspect.Parameter.empty,
            annotation=Annotated[str, typer.Argument(metavar="ADDRESS", help="Camera address.")],
        )
    numbers = _numbers(*SettingGroup)
    own = list(inspect.signature(command).parameters.values())[1:]

    @functools.wraps(command)
    def with_options(**values: Any) -> None:
        asked = {name: values.pop(name) for name in options}
        config = _config({name: asked.pop(name) for name in numbers}, **asked)
        command(config, **values)  # type: ignore[call-arg]  # typer calls by name

    parameters = [
        parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY)
        for parameter in (*own, *options.values())
    ]
    with_options.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    with_options.__annotations__ = {item.name: item.annotation for item in parameters}
    return with_options


def _options() -> dict[str, inspect.Parameter]:
    """All options of the cameras in the order of ``--help``: settings stand in their groups."""
    options: dict[str, inspect.Parameter] = {}
    for parameter in list(inspect.signature(_config).parameters.values())[1:]:
        for name in _NUMBERS_BEFORE.get(parameter.name, ()):
            setting = NUMBER_SETTINGS[name]
            option = number(setting.option, *setting.sensible, setting.unit)
            annotation = Annotated[float | None, option]
            options[name] = inspect.Parameter(
                name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=annotation
            )
        options[parameter.name] = parameter
    return options


def _numbers(*groups: SettingGroup) -> tuple[str, ...]:
    return tuple(
        name for name, each in NUMBER_SETTINGS.items() if each.option and each.group in groups
    )


_NUMBERS_BEFORE = {
    "black_level_dn": _numbers(*(group for group in SettingGroup if group != SettingGroup.TRIGGER)),
    "scene": _numbers(SettingGroup.TRIGGER),
}
"""Options that are numbers of the camera, by the option that they stand before."""


_GAIN = NUMBER_SETTINGS["gain_db"]


def _config(
    numbers: dict[str, Any],
    camera: Annotated[str, typer.Option(help="Camera address.")] = "virtual:rsgr",
    gs: Annotated[str | None, typer.Option(help="Second, global-shutter camera.")] = None,
    wiring: Annotated[
        Wiring | None,
        typer.Option(
            help="What puts two cameras on one trigger: a generator on a line of both, the RSGR "
            "camera's output line on a line of the GS camera, or software, which is not "
            "synchronous. Default: master where the cameras offer it."
        ),
    ] = None,
    output_line: Annotated[
        str | None,
        typer.Option(help="RSGR camera's line that triggers the GS camera; default: its first."),
    ] = None,
    gs_line: Annotated[
        str | None, typer.Option(help="GS camera's trigger line; default: its first.")
    ] = None,
    gs_activation: Annotated[
        str | None,
        typer.Option(
            help="Edge of the GS camera's line; default: that of the RSGR camera on a "
            "common wire, else RisingEdge."
        ),
    ] = None,
    gs_delay_us: Annotated[
        float | None, number("GS camera's delay from the trigger.", 0.0, 1e9, "us")
    ] = None,
    black_level_dn: Annotated[
        float | None,
        number("Black level of the codes, overrides the camera's.", 0.0, 65535.0, "DN"),
    ] = None,
    line_time_us: Annotated[
        float | None, number("Line time, overrides the camera's own word.", 0.0, 1e6, "us")
    ] = None,
    readout: Annotated[
        ReadoutDirection | None,
        typer.Option(help="Order of the rows; default: as images showed, else top-down."),
    ] = None,
    rig: Annotated[
        Path | None,
        typer.Option(metavar="rig.json", help="Calibration by ngs calibrate; goes before options."),
    ] = None,
    width: Annotated[int | None, number("Region width in pixels.", 1, LONGEST_PX, "px")] = None,
    height: Annotated[int | None, number("Region height in pixels.", 1, LONGEST_PX, "px")] = None,
    offset_x: Annotated[
        int | None, number("Region's left edge; default: centred.", 0, LONGEST_PX, "px")
    ] = None,
    offset_y: Annotated[
        int | None, number("Region's upper edge; default: centred.", 0, LONGEST_PX, "px")
    ] = None,
    pixel_format: Annotated[str | None, typer.Option(help="PFNC name, e.g. Mono12.")] = None,
    shutter: Annotated[
        ShutterMode | None, typer.Option(help="Default: global reset where offered.")
    ] = None,
    trigger: Annotated[
        str | None,
        typer.Option(help="auto, internal, software, off, or the camera's name of a line."),
    ] = None,
    trigger_activation: Annotated[str | None, typer.Option(help="e.g. RisingEdge.")] = None,
    scene: Annotated[
        Path | None,
        typer.Option(
            help="What the virtual rig looks at: a video, a folder of images, or bench, dark, "
            "flat, board, chart, slide, lamp."
        ),
    ] = None,
    shutter_node: Annotated[
        str | None,
        typer.Option(metavar="NODE=VALUE", help="Global reset of a maker ngs does not know."),
    ] = None,
    node: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NODE=VALUE", help="Write any node after opening."),
    ] = None,
    description: Annotated[
        Path | None,
        typer.Option(metavar="FILE.xml", help="Device description to use for the camera's own."),
    ] = None,
    gs_exposure_us: Annotated[
        float | None,
        number("Exposure of the GS camera; default: as long as the RSGR camera's.", 1.0, 1e9, "us"),
    ] = None,
    gs_gain_db: Annotated[
        float | None,
        number("Gain of the GS camera; default: its own.", *_GAIN.sensible, _GAIN.unit),
    ] = None,
    gs_pixel_format: Annotated[
        str | None, typer.Option(help="--pixel-format of the GS camera; default: the same.")
    ] = None,
    gs_shutter_node: Annotated[
        str | None,
        typer.Option(metavar="NODE=VALUE", help="--shutter-node of the GS camera."),
    ] = None,
    gs_node: Annotated[
        list[str] | None,
        typer.Option(
            "--gs-set",
            metavar="NODE=VALUE",
            help="--set of the GS camera; with --gs-set, --gs-shutter-node or --gs-description "
            "those of the RSGR camera are not for it.",
        ),
    ] = None,
    gs_description: Annotated[
        Path | None,
        typer.Option(metavar="FILE.xml", help="--description of the GS camera."),
    ] = None,
) -> "SessionConfig":
    from app.session.config import SessionConfig  # the drivers take a second to import
    from calibration.rig_calibration import read_rig
    from drivers.addresses import CameraOptions

    request = WiringRequest(wiring, output_line, gs_line, gs_activation, gs_delay_us)
    if gs is None and request != WiringRequest():
        raise typer.BadParameter("how cameras are wired needs a second camera: give --gs too")
    of_gs = (gs_shutter_node, gs_node, gs_description)
    gs_settings = ExposureSettings(
        exposure_us=gs_exposure_us, gain_db=gs_gain_db, pixel_format=gs_pixel_format
    )
    asked = (*of_gs, gs_exposure_us, gs_gain_db, gs_pixel_format)
    if gs is None and any(each is not None for each in asked):
        raise typer.BadParameter("options of the GS camera need one: give --gs too")
    size_px, region = _region(width, height, offset_x, offset_y)
    return SessionConfig(
        camera=camera,
        gs_camera=gs,
        wiring=request,
        settings=ExposureSettings(
            region=region,
            pixel_format=pixel_format,
            shutter=shutter,
            trigger_source=trigger,
            trigger_activation=trigger_activation,
            **numbers,
        ),
        size_px=size_px,
        options=CameraOptions(
            scene=scene,
            scene_field=(width, height) if scene and width and height else None,
            shutter_node=None if shutter_node is None else _assignment(shutter_node),
            node_settings=[_assignment(text) for text in node or []],
            description=description,
        ),
        gs_options=_gs_options(*of_gs),
        gs_settings=gs_settings,
        line_time_us=line_time_us,
        readout=readout,
        black_level_dn=black_level_dn,
        rig=None if rig is None else read_rig(rig),
        inputs=tuple(
            each
            for each in (rig, description, gs_description, scene)
            if each is not None and each.is_file()
        ),
    )


def _gs_options(
    shutter_node: str | None, nodes: list[str] | None, description: Path | None
) -> "CameraOptions | None":
    """Options of the GS camera alone; None where it takes those of the RSGR camera."""
    from drivers.addresses import CameraOptions

    if shutter_node is None and nodes is None and description is None:
        return None
    return CameraOptions(
        shutter_node=None if shutter_node is None else _assignment(shutter_node),
        node_settings=[_assignment(text) for text in nodes or []],
        description=description,
    )


def _assignment(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name.strip():
        raise typer.BadParameter(f"{text!r} is not NODE=VALUE")
    return name.strip(), value.strip()


def _region(
    width: int | None, height: int | None, offset_x: int | None, offset_y: int | None
) -> tuple[tuple[int | None, int | None] | None, Region | None]:
    """A size to be centred, or a whole region if offsets are given."""
    if offset_x is None and offset_y is None:
        return (None if width is None and height is None else (width, height)), None
    if width is None or height is None:
        raise typer.BadParameter("--offset-x and --offset-y need --width and --height too")
    return None, Region(offset_x or 0, offset_y or 0, width, height)
