"""Engines: what computes a network; which one is fastest here is measured."""
