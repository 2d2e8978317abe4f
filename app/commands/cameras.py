"""The command ``ngs cameras``."""

from app import terminal
from app.commands.option_values import PrintJson


def cameras(
    as_json: PrintJson = False,
) -> None:
    """List the cameras that can be opened, and the shutter modes they offer."""
    from app.commands.json_report import to_json
    from app.diagnostics import camera_list

    found, problems = camera_list.list_cameras()
    if as_json:
        terminal.say(to_json({"cameras": found, "problems": problems}))
        return
    camera_list.print_cameras(found, problems, terminal.console())
