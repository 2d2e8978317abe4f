"""Producers in processes of their own: foreign code that may be slow, hang or crash.

The program keeps a :class:`drivers.genicam.hosting.hosted_camera.HostedCamera`; the camera
itself, Harvesters and the producer live in the process of
:mod:`drivers.genicam.hosting.host_process`. Why: docs/decisions/0017.
"""
