"""``python -m app`` is ``ngs``."""

from app.cli import main

main()
