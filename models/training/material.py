"""What a network is trained and validated on."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from drivers.code_encoding import Encoding
from drivers.errors import InstrumentError
from drivers.given_conditions import GivenConditions
from models.dataset.layout import TRAIN, VALIDATION
from models.dataset.sequences import Sequence, open_dataset

_NOTHING_GIVEN = GivenConditions()


@dataclass(frozen=True)
class TrainingMaterial:
    """Sequences to train and to validate on.

    ``general`` are of other scenes, on which weights are to stay good: ``general_share`` of the
    clips come from them. ``told`` is what an operator said of the dataset.
    """

    training: list[Sequence]
    validation: list[Sequence]
    general_training: list[Sequence]
    general_validation: list[Sequence]
    general_share: float
    told: list[Any]

    @classmethod
    def open(
        cls,
        dataset: Path,
        *,
        given: GivenConditions = _NOTHING_GIVEN,
        gs_encoding: Encoding | None = None,
        general: Path | None = None,
        general_share: float = 0.5,
    ) -> "TrainingMaterial":
        """Of a dataset, and of another one of ``general`` scenes that describes itself.

        ``given`` and ``gs_encoding`` are as for
        :func:`models.dataset.sequences.open_dataset`, and it raises the same. Raises
        :class:`InstrumentError` where ``general_share`` leaves nothing of either.
        """
        if general is not None and not 0.0 < general_share < 1.0:
            raise InstrumentError(
                f"a share of {general_share:g} of general clips must lie between 0 and 1"
            )
        training, validation = (
            open_dataset(dataset, split, given=given, gs_encoding=gs_encoding)
            for split in (TRAIN, VALIDATION)
        )
        return cls(
            training,
            validation,
            [] if general is None else open_dataset(general, TRAIN),
            [] if general is None else open_dataset(general, VALIDATION),
            general_share,
            _told(given, gs_encoding),
        )

    def identity(self) -> list[Any]:
        """What tells it from other material."""
        identity = [_named(self.training + self.validation), *self.told]
        if self.general_training:
            named = _named(self.general_training + self.general_validation)
            identity.append({"general": named, "share": self.general_share})
        return identity


def _named(sequences: list[Sequence]) -> list[list[Any]]:
    return [[each.folder.name, len(each), each.info.seed] for each in sequences]


def _told(given: GivenConditions, gs_encoding: Encoding | None) -> list[Any]:
    """What an operator says of the dataset, for comparing; the direction as it always stood."""
    told = {name: value for name, value in asdict(given).items() if value is not None}
    direction = told.pop("direction", None)
    if told.pop("encoding") is not Encoding.LINEAR:
        told["encoding"] = given.encoding
    if gs_encoding is not None:
        told["gs_encoding"] = gs_encoding
    return [*([] if direction is None else [direction]), *([told] if told else [])]
