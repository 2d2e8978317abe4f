"""``ngs export-model``: a network as ONNX."""

from pathlib import Path
from typing import Annotated

import typer

from app import terminal
from app.commands.number_options import picture_size
from drivers.atomic_file import check_file
from drivers.errors import InstrumentError


def export_model(
    name: Annotated[str, typer.Argument(help="A network of ngs models, or a weights file.")],
    out: Annotated[Path, typer.Argument(metavar="OUT.onnx", help="The file to write.")],
    size: Annotated[str, typer.Option(metavar="WxH", help="Of the frames.")] = "640x480",
    colour: Annotated[bool, typer.Option("--colour", help="Three planes instead of one.")] = False,
) -> None:
    """Write a network as ONNX, once ONNX Runtime gives what torch gives."""
    from models.engines.onnx_export import export_onnx
    from models.restorers.registry import check_model, weights_of

    if out.suffix.lower() != ".onnx":
        raise InstrumentError(f"{out} must end in .onnx")
    check_file(out)
    weights = weights_of(check_model(name))
    if weights is None:
        raise InstrumentError(f"{name} has no network to export; ngs models lists those that have")
    export_onnx(weights, out, picture_size(size), planes=3 if colour else 1)
    terminal.say(f"{out}: {name} for {size}, checked with ONNX Runtime")
