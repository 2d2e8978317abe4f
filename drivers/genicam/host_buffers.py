"""What the host's system holds of a camera's stream until somebody reads it.

Sources: Linux, Documentation/admin-guide/sysctl/net.rst (rmem_max) and kernel-parameters.txt
(usbcore.usbfs_memory_mb).
"""

from pathlib import Path

GIGE_RECEIVE_BUFFER_BYTES = 8 << 20
"""Receive buffer that carries a GigE camera over a few milliseconds of not being scheduled."""

USB_BUFFERS_MB = 1000
"""What USB3 Vision makers advise for usbfs_memory_mb."""

_SOCKET_LIMIT = Path("/proc/sys/net/core/rmem_max")
_USB_LIMIT = Path("/sys/module/usbcore/parameters/usbfs_memory_mb")

GIGE, USB = "GEV", "U3V"
"""Transports as GenTL names them (GenTL 1.6, table of TLType strings)."""


def _number_in(path: Path) -> int | None:
    try:
        return int(path.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None  # another system, or a kernel without it


def socket_limit_bytes() -> int | None:
    """The largest receive buffer of a socket; None where the system does not tell."""
    return _number_in(_SOCKET_LIMIT)


def usb_limit_mb() -> int | None:
    """Memory for all transfers over USB, 0 for any amount; None where it is not told."""
    return _number_in(_USB_LIMIT)


def shortage(transport: str, frame_bytes: int, buffers: int) -> str:
    """What the system holds too little of for ``buffers`` frames, and the cure; else empty."""
    limit_bytes = socket_limit_bytes()
    if transport == GIGE and limit_bytes is not None and limit_bytes < frame_bytes:
        return (
            f"a socket may hold {limit_bytes / 1e6:.2g} MB, a frame is {frame_bytes / 1e6:.3g} "
            "MB: frames may arrive incomplete; sudo sysctl -w "
            f"net.core.rmem_max={max(GIGE_RECEIVE_BUFFER_BYTES, 2 * frame_bytes)}"
        )
    limit_mb, needed_mb = usb_limit_mb(), buffers * frame_bytes / 2**20
    if transport == USB and limit_mb and limit_mb < needed_mb:
        return (
            f"USB may hold {limit_mb} MB, {buffers} buffers need {needed_mb:.0f} MB: starting may "
            "fail and frames may arrive incomplete; set the kernel parameter "
            f"usbcore.usbfs_memory_mb={USB_BUFFERS_MB}"
        )
    return ""
