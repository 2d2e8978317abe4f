"""The state of a restorer: plain values, without torch."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RestorerState:
    """What restores, on what, and how it fares; taken at one moment.

    ``name`` is that of what runs, as given to ``--model``, on ``device`` in torch's
    words. ``engine`` computes the network, empty without one and before the first frame;
    ``engine_note`` says if it proved slower than remembered.
    ``fallback`` says why another one runs than was asked for, empty when it is that one.
    ``replaced`` frames were given by row gain, because values that are no numbers came.

    ``params`` are the trained numbers, ``converged`` is whether more training would hardly
    help; None without a network or where it is not known.
    """

    name: str
    device: str
    engine: str = ""
    engine_note: str = ""
    fallback: str = ""
    replaced: int = 0
    params: int | None = None
    converged: bool | None = None
