"""What puts two cameras on one trigger."""

from dataclasses import dataclass
from enum import StrEnum


class Wiring(StrEnum):
    """What puts the two cameras on one trigger.

    ``EXTERNAL``: a generator on a line of both. ``MASTER``: the RSGR camera tells on an
    output line that it exposes, which triggers the GS camera. ``SOFTWARE``: a command to
    each, one after the other, for trying only.
    """

    EXTERNAL = "external"
    MASTER = "master"
    SOFTWARE = "software"


@dataclass(frozen=True, slots=True)
class WiringRequest:
    """How the cameras are wired; None takes what the cameras offer first.

    ``wiring`` None: ``MASTER`` where the RSGR camera can tell and the GS camera hear,
    else ``SOFTWARE``. ``output_line`` is of the RSGR camera, ``gs_line``,
    ``gs_activation`` and ``gs_delay_us`` are of the GS camera's trigger.
    """

    wiring: Wiring | None = None
    output_line: str | None = None
    gs_line: str | None = None
    gs_activation: str | None = None
    gs_delay_us: float | None = None
