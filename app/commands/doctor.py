"""The command ``ngs doctor``."""

from app import terminal
from app.commands.option_values import PrintJson


def doctor(
    as_json: PrintJson = False,
) -> None:
    """Look at this machine: versions, producers, compiler, GPU, display, network limits."""
    from app.commands.json_report import to_json
    from app.diagnostics import machine_examination

    findings = machine_examination.examine()
    if as_json:
        terminal.say(to_json([finding.as_dict() for finding in findings]))
        return
    machine_examination.print_findings(findings, terminal.console())
