"""Real cameras over GenICam: the only package that knows Harvesters.

``producers`` finds and opens devices, ``buffers`` turns what a producer
delivers into frames, ``genicam_camera`` is the :class:`drivers.camera.Camera`.
"""
