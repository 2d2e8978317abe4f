"""How two cameras are put on one trigger."""

from dataclasses import dataclass
from enum import StrEnum


class Wiring(StrEnum):
    """How the two cameras are put on one trigger.

    ``EXTERNAL``: a generator on a line of both. ``MASTER``: an output line of the RSGR
    camera signals its exposure and triggers the GS camera. ``SOFTWARE``: a command to each
    camera, one after the other, for trials only.
    """

    EXTERNAL = "external"
    MASTER = "master"
    SOFTWARE = "software"


@dataclass(frozen=True, slots=True)
class WiringRequest:
    """How the cameras are wired; None takes the first that the cameras offer.

    ``wiring`` None: ``MASTER`` if the RSGR camera has an output line and the GS camera a
    trigger line, else ``SOFTWARE``. ``output_line`` is of the RSGR camera; ``gs_line``,
    ``gs_activation`` and ``gs_delay_us`` are of the GS camera's trigger.
    """

    wiring: Wiring | None = None
    output_line: str | None = None
    gs_line: str | None = None
    gs_activation: str | None = None
    gs_delay_us: float | None = None
