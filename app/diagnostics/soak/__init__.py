"""``ngs selftest soak``: a session that runs for long, and what it may not do meanwhile."""
