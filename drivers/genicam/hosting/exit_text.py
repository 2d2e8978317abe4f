"""How a process ended, in words."""

import signal


def exit_text(exit_code: int | None) -> str:
    """Words for an exit code of :mod:`multiprocessing`.

    >>> exit_text(-11), exit_text(3)
    ('crashed (SIGSEGV)', 'ended its process (status 3)')
    """
    if exit_code is None or exit_code >= 0:
        return f"ended its process (status {exit_code})"
    try:
        return f"crashed ({signal.Signals(-exit_code).name})"
    except ValueError:
        return f"crashed (signal {-exit_code})"
