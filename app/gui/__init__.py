"""The window: a client of :class:`app.session.session.Session` and nothing else."""

from app.gui.application import run

__all__ = ["run"]
