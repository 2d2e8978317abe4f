"""Engines compute a network; the fastest one on this machine is found by measurement."""
