"""Real cameras over GenICam: the only package that knows Harvesters.

``producers`` finds and opens devices, ``buffers`` turns what a producer
delivers into frames, ``camera`` is the :class:`drivers.camera.Camera`.
"""

import logging

from drivers.genicam.camera import GenicamCamera, GenicamOptions
from drivers.genicam.producers import (
    DeviceListing,
    known_addresses,
    list_devices,
    probe_shutter,
    producer_paths,
)

__all__ = [
    "DeviceListing",
    "GenicamCamera",
    "GenicamOptions",
    "known_addresses",
    "list_devices",
    "probe_shutter",
    "producer_paths",
]

# Harvesters logs every incomplete buffer; we count and show them instead.
logging.getLogger("harvesters").addHandler(logging.NullHandler())
