"""What carries a camera's frames to the host, and the rate that it carries."""

from dataclasses import dataclass

from drivers.errors import SettingRefusedError


@dataclass(frozen=True, slots=True)
class Link:
    """What carries a camera's frames to the host; None and empty: not known.

    Cameras that share a link have the same ``name``. ``frame_bytes`` are those of one frame as
    it is sent, ``bytes_per_s`` the most picture data that the camera may send, which
    ``limited_by`` tells, ``wire_bytes_per_s`` what the link carries of all cameras.
    """

    name: str = ""
    frame_bytes: int | None = None
    bytes_per_s: float | None = None
    wire_bytes_per_s: float | None = None
    limited_by: str = ""

    @property
    def highest_fps(self) -> float | None:
        """The rate that the link carries; None where it is not known.

        >>> Link(frame_bytes=2_000_000, bytes_per_s=1e8).highest_fps
        50.0
        """
        if not self.frame_bytes or not self.bytes_per_s:
            return None
        return self.bytes_per_s / self.frame_bytes

    def check_rate(self, fps: float) -> None:
        """Raise :class:`SettingRefusedError` for a rate that the link cannot carry.

        The camera would skip triggers, or frames would arrive with holes.
        """
        highest = self.highest_fps
        if highest is not None and self.frame_bytes and self.bytes_per_s and fps > highest:
            raise SettingRefusedError(
                f"frame rate {fps:g} fps of {self.frame_bytes / 1e6:.3g} MB frames needs "
                f"{fps * self.frame_bytes / 1e6:.4g} MB/s, the camera may send "
                f"{self.bytes_per_s / 1e6:.4g} MB/s ({self.limited_by}): at most "
                f"{highest:.4g} fps; lower the rate, make the region smaller or choose a pixel "
                "format of fewer bits"
            )


UNKNOWN_LINK = Link()
"""Of a camera that tells nothing."""
