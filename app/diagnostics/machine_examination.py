"""``ngs doctor``: what this machine has, what is missing, and what to do about it."""

import importlib.metadata
import importlib.util
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

import psutil
from rich.console import Console
from rich.table import Table
from rich.text import Text

from app.diagnostics import qt_libraries
from app.session.headless import has_display
from drivers.addresses import built_in_producer
from drivers.errors import InstrumentError
from drivers.genicam import host_buffers
from drivers.genicam.host_buffers import GIGE_RECEIVE_BUFFER_BYTES, USB_BUFFERS_MB
from drivers.genicam.hosting.device_search import list_devices
from drivers.genicam.producers import producer_paths
from ngs import own_packages

_PACKAGES = (
    "torch",
    "harvesters",
    "genicam",
    "numpy",
    "opencv-python-headless",
    "PyQt6",
    "pyqtgraph",
    "av",
)

_JUMBO_MTU = 9000


class Verdict(StrEnum):
    """How a finding bears on using ngs."""

    GOOD = "good"
    HINT = "hint"
    PROBLEM = "problem"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at: what was found, and what to do about it."""

    subject: str
    verdict: Verdict
    found: str
    advice: str = ""

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def examine() -> list[Finding]:
    """Look at everything; a look that fails is a finding itself."""
    looks: tuple[Callable[[], Iterator[Finding]], ...] = (
        _versions,
        _other_packages,
        _built_in_producer,
        _producers,
        _accelerator,
        _display,
        _memory,
        _network_buffers,
        _network_interfaces,
        _usb_buffers,
    )
    return [finding for look in looks for finding in look()]


def _versions() -> Iterator[Finding]:
    yield Finding("python", Verdict.GOOD, f"{platform.python_version()} on {platform.platform()}")
    for package in _PACKAGES:
        try:
            version = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            yield Finding(package, Verdict.PROBLEM, "not installed", "reinstall ngs with pip")
        else:
            yield Finding(package, Verdict.GOOD, version)
    if sys.platform == "win32":
        yield Finding("system", Verdict.HINT, "Windows", "meant to work, but untested")


def _other_packages() -> Iterator[Finding]:
    advice = own_packages.already_imported() or own_packages.overwritten()
    if advice:
        yield Finding("packages of ngs", Verdict.PROBLEM, "another package is in the way", advice)
    else:
        yield Finding("packages of ngs", Verdict.GOOD, "found first")


def _built_in_producer() -> Iterator[Finding]:
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    try:
        path = built_in_producer()
    except InstrumentError as error:
        yield Finding("virtual rig", Verdict.PROBLEM, "its compiled part is missing", str(error))
        yield Finding("compiler", Verdict.HINT, compiler or "none found")
    else:
        yield Finding("virtual rig", Verdict.GOOD, str(path))


def _producers() -> Iterator[Finding]:
    paths = producer_paths()
    if not paths:
        yield Finding(
            "GenTL producers",
            Verdict.HINT,
            "none announced in GENICAM_GENTL64_PATH",
            "for a real camera install its maker's SDK and open a new shell",
        )
    for path in paths:
        listings, problems = list_devices([path])
        for problem in problems:
            yield Finding("GenTL producer", Verdict.PROBLEM, str(path), problem)
        if not problems:
            names = ", ".join(f"{item.model} {item.serial}".strip() for item in listings)
            yield Finding("GenTL producer", Verdict.GOOD, f"{path}: {names or 'no camera'}")


def _accelerator() -> Iterator[Finding]:
    from models.engines.device import accelerator  # torch takes a second to import

    gpu = accelerator()
    if gpu is not None:
        yield Finding("GPU", Verdict.GOOD, gpu)
        return
    nvidia = shutil.which("nvidia-smi")
    found = "none that torch can use"
    if nvidia is None:
        yield Finding("GPU", Verdict.HINT, found, "restoring runs on the CPU")
        return
    listed = subprocess.run([nvidia, "-L"], capture_output=True, text=True, timeout=10, check=False)
    advice = "install the CUDA build of the same torch version" if listed.returncode == 0 else (
        "the NVIDIA driver does not answer; reinstall it"
    )  # fmt: skip
    yield Finding("GPU", Verdict.PROBLEM, found, advice)


def _display() -> Iterator[Finding]:
    if importlib.util.find_spec("PyQt6.QtWidgets") is None:
        yield Finding("window", Verdict.PROBLEM, "PyQt6 is missing", "reinstall ngs with pip")
        return
    lacking = qt_libraries.missing(qt_libraries.wanted_here())
    if lacking:
        found = f"Qt lacks {', '.join(lacking)}"
        yield Finding("window", Verdict.PROBLEM, found, qt_libraries.advice(lacking))
    elif not has_display():
        yield Finding("window", Verdict.HINT, "no display", "ngs live runs headless here")
    else:
        yield _opened_display()


_OPEN_DISPLAY = (
    "from PyQt6.QtGui import QGuiApplication; "
    "print('Qt opens the display by', QGuiApplication(['ngs']).platformName())"
)
_LONGEST_START_S = 60.0


def _opened_display() -> Finding:
    """Whether Qt's own platform plugin opens this display."""
    # In a process of its own: a Qt that cannot start aborts the process it is in.
    try:
        trial = subprocess.run(
            [sys.executable, "-c", _OPEN_DISPLAY],
            capture_output=True,
            text=True,
            timeout=_LONGEST_START_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        found = f"Qt has not opened the display within {_LONGEST_START_S:g} s"
        return Finding("window", Verdict.PROBLEM, found, "look at DISPLAY and its X server")
    if trial.returncode == 0:
        return Finding("window", Verdict.GOOD, trial.stdout.strip())
    said = [line for line in trial.stderr.splitlines() if line.strip()]
    return Finding(
        "window",
        Verdict.PROBLEM,
        f"Qt cannot open the display: {said[0].strip() if said else 'it gives no reason'}",
        "look at DISPLAY, WAYLAND_DISPLAY and QT_QPA_PLATFORM; ngs live --headless needs none",
    )


def _memory() -> Iterator[Finding]:
    free_gib = psutil.virtual_memory().available / 2**30
    verdict, advice = Verdict.GOOD, ""
    if free_gib < 2:
        verdict, advice = Verdict.HINT, "close other programs: rings and networks want 2 GiB"
    yield Finding("memory", verdict, f"{free_gib:.1f} GiB free, {os.cpu_count()} cores", advice)


def _network_buffers() -> Iterator[Finding]:
    limit = host_buffers.socket_limit_bytes()
    if limit is None:
        return
    enough = limit >= GIGE_RECEIVE_BUFFER_BYTES
    yield Finding(
        "GigE receive buffer",
        Verdict.GOOD if enough else Verdict.HINT,
        f"{limit / 2**20:.1f} MiB",
        "" if enough else f"GigE cameras: sysctl -w net.core.rmem_max={GIGE_RECEIVE_BUFFER_BYTES}",
    )


def _network_interfaces() -> Iterator[Finding]:
    for name, state in psutil.net_if_stats().items():
        if name == "lo" or not state.isup or not 0 < state.mtu < _JUMBO_MTU:
            continue
        yield Finding(
            f"network {name}",
            Verdict.HINT,
            f"MTU {state.mtu}, {state.speed or 'unknown'} Mbit/s",
            f"GigE cameras on it: ip link set {name} mtu {_JUMBO_MTU}",
        )


def _usb_buffers() -> Iterator[Finding]:
    megabytes = host_buffers.usb_limit_mb()
    if megabytes is None:
        return
    enough = megabytes >= USB_BUFFERS_MB or megabytes == 0
    yield Finding(
        "USB buffers",
        Verdict.GOOD if enough else Verdict.HINT,
        f"usbfs_memory_mb = {megabytes}",
        ""
        if enough
        else f"USB3 cameras: kernel parameter usbcore.usbfs_memory_mb={USB_BUFFERS_MB}",
    )


_COLOURS = {Verdict.GOOD: "green", Verdict.HINT: "yellow", Verdict.PROBLEM: "red"}


def print_findings(findings: list[Finding], console: Console) -> None:
    """A line each, and advice below what needs some."""
    table = Table.grid(padding=(0, 2))
    for finding in findings:
        verdict = Text(finding.verdict.value, style=_COLOURS[finding.verdict])
        table.add_row(verdict, finding.subject, finding.found)
        if finding.advice:
            table.add_row("", "", f"→ {finding.advice}")
    console.print(table)
