"""``ngs selftest faults``: what the program promises, tried in great number on this machine."""
