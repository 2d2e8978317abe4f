"""GenICam cameras; the only package that imports Harvesters.

``producers`` finds and opens devices, ``buffers`` copies a producer's buffers
into frames, ``genicam_camera`` implements :class:`drivers.camera.Camera`.
"""
