"""The system libraries that Qt needs on Linux, and the Debian packages that have them.

Qt's wheels bring Qt, but not the libraries it draws with. This is the only list of them.
``.ci/qt-libraries`` runs this file as a program, before ngs is installed: it imports
nothing of ngs.
"""

import ctypes
import os
import sys

EVERY_WINDOW = {
    "libGL.so.1": "libgl1",
    "libEGL.so.1": "libegl1",
    "libX11.so.6": "libx11-6",
    "libxkbcommon.so.0": "libxkbcommon0",
    "libdbus-1.so.3": "libdbus-1-3",
    "libfontconfig.so.1": "libfontconfig1",
    "libglib-2.0.so.0": "libglib2.0-0",
}
"""Library -> Debian package: Qt cannot even start without a display where one is missing."""

X11_WINDOW = {
    "libX11-xcb.so.1": "libx11-xcb1",
    "libxcb-cursor.so.0": "libxcb-cursor0",
    "libxcb-icccm.so.4": "libxcb-icccm4",
    "libxcb-image.so.0": "libxcb-image0",
    "libxcb-keysyms.so.1": "libxcb-keysyms1",
    "libxcb-randr.so.0": "libxcb-randr0",
    "libxcb-render-util.so.0": "libxcb-render-util0",
    "libxcb-shape.so.0": "libxcb-shape0",
    "libxcb-sync.so.1": "libxcb-sync1",
    "libxcb-xfixes.so.0": "libxcb-xfixes0",
    "libxcb-xkb.so.1": "libxcb-xkb1",
    "libxkbcommon-x11.so.0": "libxkbcommon-x11-0",
}
"""Library -> Debian package: what a window on an X display needs beside :data:`EVERY_WINDOW`."""

PACKAGES = tuple(sorted({*EVERY_WINDOW.values(), *X11_WINDOW.values()}))
"""Debian packages of a system that shows the window."""


def wanted_here() -> dict[str, str]:
    """Library -> Debian package of all that Qt needs to open a window on this display.

    Without a display it is what a window on an X display would need.
    """
    if sys.platform != "linux":
        return {}
    platform = os.environ.get("QT_QPA_PLATFORM", "").partition(":")[0]
    on_x11 = platform == "xcb" or (not platform and "WAYLAND_DISPLAY" not in os.environ)
    return {**EVERY_WINDOW, **X11_WINDOW} if on_x11 else EVERY_WINDOW


def missing(libraries: dict[str, str]) -> dict[str, str]:
    """Those of ``libraries`` that this system cannot load."""
    return {library: package for library, package in libraries.items() if not _loads(library)}


def advice(libraries: dict[str, str]) -> str:
    """How to install the packages of missing libraries."""
    return f"Debian/Ubuntu: apt install {' '.join(sorted(set(libraries.values())))}"


def _loads(library: str) -> bool:
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True


if __name__ == "__main__":
    # Asked from a shell: ``needed`` for what Qt needs to start at all, else for a window too.
    needed = EVERY_WINDOW if sys.argv[1:] == ["needed"] else {**EVERY_WINDOW, **X11_WINDOW}
    print(*sorted(missing(needed).values()))
