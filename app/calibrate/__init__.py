"""``ngs calibrate``: acquires frames, computes the steps, writes ``rig.json``."""
