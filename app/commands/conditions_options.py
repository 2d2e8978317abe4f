"""The options that tell how pictures were taken, defined once for every command that reads some."""

import functools
import inspect
from collections.abc import Callable
from typing import Annotated, Any

import typer

from app.commands.number_options import number
from drivers.code_encoding import Encoding
from drivers.timing import ReadoutDirection


def takes_conditions(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command these options, in place of its parameter ``given``."""
    options = inspect.signature(_given).parameters

    @functools.wraps(command)
    def with_options(**values: Any) -> None:
        asked = {name: values.pop(name) for name in options}
        command(**values, given=_given(**asked))

    parameters = [
        parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY)
        for own in inspect.signature(command).parameters.values()
        for parameter in (options.values() if own.name == "given" else (own,))
    ]
    with_options.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    with_options.__annotations__ = {item.name: item.annotation for item in parameters}
    return with_options


def _given(
    exposure_us: Annotated[
        float | None, number("Exposure of the first row.", 0.001, 1e9, "us")
    ] = None,
    line_time_us: Annotated[float | None, number("Line time.", 0.0, 1e6, "us")] = None,
    fps: Annotated[
        float | None,
        number("Frame rate; a video tells its own if it is even.", 0.001, 1e6, "fps"),
    ] = None,
    readout: Annotated[
        ReadoutDirection | None, typer.Option(help="Order in which rows were read.")
    ] = None,
    pixel_format: Annotated[
        str | None,
        typer.Option(
            help="PFNC name of the codes, e.g. Mono12, BayerRG8; 8 bit tells its own. "
            "Mono8 takes the luma of a colour video: H.264 of a grey camera is one."
        ),
    ] = None,
    black_level_dn: Annotated[
        float | None, number("Black level of the codes.", 0.0, 65535.0, "DN")
    ] = None,
    saturation_dn: Annotated[
        float | None, number("Code of saturation; default: the largest code.", 1.0, 65535.0, "DN")
    ] = None,
    input_encoding: Annotated[
        Encoding,
        typer.Option(
            help="linear: codes as a camera with gamma 1 gives them, whatever the file; "
            "srgb: a video or pictures made for viewing."
        ),
    ] = Encoding.LINEAR,
) -> Any:
    from drivers.given_conditions import GivenConditions, interval_of

    return GivenConditions(
        exposure_us=exposure_us,
        line_time_us=line_time_us,
        interval_us=None if fps is None else interval_of(fps),
        direction=readout,
        pixel_format=pixel_format,
        black_level_dn=black_level_dn,
        saturation_dn=saturation_dn,
        encoding=input_encoding,
    )
