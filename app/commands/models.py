"""The command ``ngs models``."""

from app import terminal


def models() -> None:
    """List the restorers that --model takes, with the quality and cost measured on benchmark-v1."""
    from rich.table import Table

    from models.restorers.registry import restorer_names, summary_of
    from models.weights.shipped import absent_references, measured

    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("model", "over row gain", "last third", "parameters", "GMAC/Mpx", "ms"):
        table.add_column(heading, justify="left" if heading == "model" else "right")
    found = measured()
    baseline = found.get("row-gain")
    for name in restorer_names():
        row = ["", "", "", "", ""]
        result = found.get(name)
        if result is not None and baseline is not None:
            params, macs = result["params"], result["macs_per_megapixel"]
            row = [
                f"{result['delta_db']:+.2f} dB",
                f"{result['psnr_db_bottom'] - baseline['psnr_db_bottom']:+.2f} dB",
                "" if params is None else f"{params:,}",
                "" if macs is None else f"{macs / 1e9:.1f}",
                f"{result['ms_per_frame']:.1f}",
            ]
        table.add_row(name, *row)
    terminal.console().print(table)
    terminal.say()
    for name in restorer_names():
        terminal.say(f"{name:9} {summary_of(name)}")
    for name in absent_references():
        terminal.say(
            f"{name:9} Network to compare with; not in this installation, but in the repository."
        )
    if baseline is not None:
        terminal.say(
            "\nMeasured by ngs evaluate on benchmark-v1 (synthetic): mean PSNR over row gain's "
            f"{baseline['psnr_db']:.2f} dB, its gain in the rows read last,\nand the time of a "
            f"640 x 480 frame on {baseline['device']}."
        )
