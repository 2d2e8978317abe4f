"""``ngs selftest camera``: the first hour with a camera, done by the program, told on one page."""
