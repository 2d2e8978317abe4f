"""Whether weights are worth using: what was held out, restored by them and by others."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.fine_tuning.partial_progress import OnProgress, part_of
from models.dataset.layout import TEST
from models.dataset.sequences import Sequence, open_dataset
from models.engines.device import best_device
from models.evaluation.comparison import ROW_GAIN, evaluate
from models.evaluation.results import Evaluation
from models.evaluation.tables import markdown_report
from models.restorers.registry import open_restorer

WARP, TUNED = "warp", "tuned"

WORTH_DB = 0.2
"""A smaller gain is not worth another file to look after."""
GENERAL_LOSS_DB = 0.2

_MOST_SEQUENCES = 12
"""Enough to tell, evenly spread."""


@dataclass(frozen=True)
class Judgement:
    """``own`` is on pairs that were held out, ``general`` on other scenes where some were given.

    Both compare row gain, warp, the weights that training started from, by ``start`` their name,
    and the tuned ones.
    """

    start: str
    own: Evaluation
    general: Evaluation | None

    @property
    def gain_db(self) -> float:
        """Over the start, on own pairs."""
        return _psnr_db(self.own, TUNED) - _psnr_db(self.own, self.start)

    @property
    def general_gain_db(self) -> float | None:
        """Over the start, on other scenes; None if there are none."""
        if self.general is None:
            return None
        return _psnr_db(self.general, TUNED) - _psnr_db(self.general, self.start)

    @property
    def worth_using(self) -> bool:
        """Better than the start and the simple methods, and hardly worse on other scenes."""
        best_db = max(_psnr_db(self.own, name) for name in (ROW_GAIN, WARP))
        lost_db = -(self.general_gain_db or 0.0)
        better = self.gain_db >= WORTH_DB and _psnr_db(self.own, TUNED) > best_db
        return better and lost_db <= GENERAL_LOSS_DB

    def text(self) -> str:
        """The verdict in one line."""
        others = self.general_gain_db
        elsewhere = (
            "other scenes were not measured, give --general for that"
            if others is None
            else f"{others:+.2f} dB on other scenes"
        )
        figures = (
            f"{self.gain_db:+.2f} dB over {self.start} on what was held out "
            f"({_psnr_db(self.own, TUNED):.2f} dB; row gain {_psnr_db(self.own, ROW_GAIN):.2f}, "
            f"warp {_psnr_db(self.own, WARP):.2f}); {elsewhere}"
        )
        return f"{'worth using' if self.worth_using else 'not worth using'}: {figures}"

    def document(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "worth_using": self.worth_using,
            "verdict": self.text(),
            "start": self.start,
            "gain_db": self.gain_db,
            "general_gain_db": self.general_gain_db,
            "own": self.own.document(),
            "general": None if self.general is None else self.general.document(),
        }

    def report(self) -> str:
        """The tables of both, as Markdown."""
        parts = [f"# {self.text()}", "## Own pairs, held out", markdown_report(self.own)]
        if self.general is not None:
            parts += ["## Other scenes", markdown_report(self.general)]
        return "\n\n".join(parts)


def judge(
    dataset: Path,
    general: Path | None,
    start: str,
    weights: Path,
    on_progress: OnProgress,
) -> Judgement:
    """Evaluate ``weights`` on the test splits; ``start`` is what training started from."""
    device = best_device()
    restorers = {
        name: open_restorer(model, device)
        for name, model in ((WARP, WARP), (start, start), (TUNED, str(weights)))
    }
    chosen = [_spread(open_dataset(each, TEST)) for each in (dataset, general) if each is not None]
    sizes = [sum(map(len, sequences)) for sequences in chosen]
    own, *others = (
        evaluate(
            sequences, restorers, device, part_of(on_progress, sum(sizes[:number]), sum(sizes))
        )
        for number, sequences in enumerate(chosen)
    )
    return Judgement(start, own, others[0] if others else None)


def _spread(sequences: list[Sequence]) -> list[Sequence]:
    step = -(-len(sequences) // _MOST_SEQUENCES)
    return sequences[::step]


def _psnr_db(evaluation: Evaluation, name: str) -> float:
    return next(each.psnr_db for each in evaluation.results if each.restorer == name)
