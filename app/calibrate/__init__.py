"""``ngs calibrate``: cameras shot, steps computed, ``rig.json`` written."""
