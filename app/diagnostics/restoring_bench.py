"""``ngs bench live``: how fast frames are restored, by each engine this machine has."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from rich.console import Console
from rich.table import Table

from models.engines.device import accelerator, best_device
from models.evaluation.engine_speed import ROUNDS, EngineFigures, bench_engines
from models.restorers.registry import check_model

SIZES_PX = ((640, 480), (1440, 1080))


def bench_live(
    model: str, sizes_px: Sequence[tuple[int, int]], console: Console, *, compiled: bool = False
) -> dict[str, Any]:
    """Figures of every size, printed as they come; for JSON. Raises for an unknown model."""
    check_model(model)
    device = best_device()
    console.print(f"{model} on {accelerator() or 'the CPU'}, medians of {ROUNDS} turns")
    results = []
    for size_px in sizes_px:
        figures = bench_engines(model, size_px, device, compiled=compiled)
        _print(figures, size_px, console)
        results += [
            {"width": size_px[0], "height": size_px[1], **asdict(each), "fps": each.fps}
            for each in figures
        ]
    return {"model": model, "device": str(device), "accelerator": accelerator(), "results": results}


def _print(figures: Sequence[EngineFigures], size_px: tuple[int, int], console: Console) -> None:
    table = Table(
        title=f"{size_px[0]} x {size_px[1]} px, mono, codes in to screen picture out",
        title_justify="left",
        box=None,
        pad_edge=False,
        header_style="bold",
    )
    table.add_column("engine")
    for heading in ("ms per frame", "CPU ms", "fps", "torch fp32 / it"):
        table.add_column(heading, justify="right")
    table.add_column("")
    for each in figures:
        cells = (
            "-" if value is None else f"{value:.{decimals}f}"
            for value, decimals in (
                (each.ms_per_frame, 2),
                (each.cpu_ms_per_frame, 2),
                (each.fps, 1),
                (each.ratio, 2),
            )
        )
        table.add_row(each.engine, *cells, each.why_not)
    console.print(table)
