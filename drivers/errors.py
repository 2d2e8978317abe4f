"""Errors for the operator.

Every failure that an operator can cause or fix is raised as an
:class:`InstrumentError`. Its text is one line: the value, the limit, the unit and
the next step. The command line prints that line and exits with status 1; the
window shows it. Any other exception is a defect of the program and ends the
session in order.
"""


class InstrumentError(Exception):
    """A failure an operator can act upon; its text is one complete line."""


class StoppedByOperatorError(InstrumentError):
    """A signal, such as Ctrl-C, ended the work before it was done; the text says what is left."""


class UnknownCameraError(InstrumentError):
    """The address names no camera that can be opened."""


class CameraLostError(InstrumentError):
    """The camera stopped answering: unplugged, powered off or reset."""


class SettingRefusedError(InstrumentError):
    """A value outside what the device offers; the text states the limits."""


class ShutterUnavailableError(SettingRefusedError):
    """The shutter mode is not available; the text names the nodes searched for."""
