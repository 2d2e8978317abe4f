"""Recorded pairs divided into those to train on, to validate on, and to judge by.

By recording where there are three or more, else by time: frames near each other show nearly the
same, so a gap lies between the parts, and weights are judged by what they have not seen.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.fine_tuning.partial_progress import OnProgress, part_of
from app.recordings.aligned_pairs import PairedRecording
from app.recordings.dataset_export import SEQUENCE_FRAMES, sequence_name, write_sequences
from app.recordings.pair_report import PairReport, assess
from calibration.verdict import Grade
from drivers.atomic_file import write_file
from drivers.errors import InstrumentError
from drivers.input_file import read_input
from drivers.recording import open_recording
from drivers.rig.pairing import FramePair
from models.dataset.layout import TEST, TRAIN, VALIDATION

_PLAN = "plan.json"
_PAIRS = "pairs"

_LEAST_FRAMES = 6
"""The networks look at up to five frames; one more is there to choose from."""
_LEAST_PAIRS = {TRAIN: 60, VALIDATION: 12, TEST: 12}

_VALIDATION_SEQUENCES = 32
"""Each counts by one frame."""
_TEST_FRAMES = 20

_BY_TIME = {
    (TRAIN, VALIDATION, TEST): (0.0, 0.64, 0.70, 0.82, 0.88, 1.0),
    (TRAIN, VALIDATION): (0.0, 0.80, 0.86, 1.0),
}
"""Where each part begins and ends, as a share of a recording's time."""


@dataclass(frozen=True)
class OwnPairs:
    """A dataset of own pairs; ``division`` tells what was held out, ``notes`` what to know."""

    dataset: Path
    division: str
    notes: tuple[str, ...]


def prepared(
    recordings: Sequence[Path],
    rig: Path | None,
    out: Path,
    *,
    accept: bool,
    on_comparing: OnProgress,
    on_writing: OnProgress,
) -> OwnPairs:
    """Write the dataset below ``out``, or take up what an earlier run has written of it.

    Raises :class:`InstrumentError` for recordings that cannot be paired or are too short, for
    pairs nobody should train on unless that is accepted, and where ``out`` holds other pairs.
    """
    opened = [PairedRecording.open(open_recording(each), rig) for each in recordings]
    names = [sequence_name(each.recording) for each in opened]
    if len(set(names)) < len(names):
        raise InstrumentError(
            f"{', '.join(names)}: recordings are told apart by the names of their folders; rename "
            "those of equal names"
        )
    for each in opened:
        if each.restored:
            raise InstrumentError(
                f"{each.recording.folder} is restored already; give the raw recording"
            )
    divided = parts(opened)
    plan, written = _claim(out, opened)
    if written:
        notes = plan["notes"]
    else:
        reports = []
        for number, paired in enumerate(opened):
            on_comparing(number, len(opened))
            reports.append(_fit(paired, accept=accept))
        notes = [
            f"{name}: {report.verdict}"
            for name, report in zip(names, reports, strict=True)
            if report.verdict.grade is not Grade.GOOD
        ]
        _write(reports, divided, out / _PAIRS, on_writing)
        _write_plan(out, {**plan, "written": True, "notes": notes})
    return OwnPairs(out / _PAIRS, _division(names, opened), tuple(notes))


def _fit(paired: PairedRecording, *, accept: bool) -> PairReport:
    report = assess(paired)
    if report.unfit and not accept:
        raise InstrumentError(
            f"{sequence_name(paired.recording)}: nobody should train on these pairs: "
            f"{'; '.join(report.verdict.reasons)}; with --accept they are taken all the same"
        )
    return report


def _write(
    reports: list[PairReport],
    divided: list[dict[str, list[FramePair]]],
    dataset: Path,
    on_progress: OnProgress,
) -> None:
    jobs = [
        (report, split, _runs(report.paired, split, pairs))
        for report, part in zip(reports, divided, strict=True)
        for split, pairs in part.items()
    ]
    total = sum(len(run) for _, _, runs in jobs for run in runs)
    before = 0
    for report, split, runs in jobs:
        here = part_of(on_progress, before, total)
        write_sequences(report, runs, dataset / split, None, here)
        before += sum(map(len, runs))


def _claim(out: Path, opened: list[PairedRecording]) -> tuple[dict[str, Any], bool]:
    """The plan of these recordings, and whether all of it has been written."""
    wanted = {
        "recordings": [[sequence_name(each.recording), len(each.pairing.pairs)] for each in opened],
        "rigs": [
            hashlib.sha256(each.rig.model_dump_json().encode()).hexdigest() for each in opened
        ],
    }
    path = out / _PLAN
    if path.exists():
        try:
            found = json.loads(read_input(path))
            same = {name: found[name] for name in wanted} == wanted
            done, _ = bool(found["written"]), list(found["notes"])
        except (ValueError, TypeError, KeyError, OSError):
            same, done, found = False, False, {}
        if not same:
            raise InstrumentError(
                f"{out} was begun with other recordings or another calibration; give the same, or "
                "a new folder"
            )
        return found, done
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise InstrumentError(f"{out} holds something else; give a new or an empty folder")
    out.mkdir(parents=True, exist_ok=True)
    plan = {**wanted, "written": False, "notes": []}
    _write_plan(out, plan)
    return plan, False


def _write_plan(out: Path, plan: dict[str, Any]) -> None:
    write_file(out / _PLAN, (json.dumps(plan, indent=1) + "\n").encode())


def parts(opened: list[PairedRecording]) -> list[dict[str, list[FramePair]]]:
    """What each recording is for: its pairs by split.

    Raises :class:`InstrumentError` where too few are left for one of them.
    """
    whole = [list(each.pairing.pairs) for each in opened]
    if len(opened) == 1:
        divided = [_by_time(whole[0], (TRAIN, VALIDATION, TEST))]
    elif len(opened) == 2:
        divided = [_by_time(whole[0], (TRAIN, VALIDATION)), {TEST: whole[1]}]
    else:
        *train, validation, test = whole
        divided = [*({TRAIN: each} for each in train), {VALIDATION: validation}, {TEST: test}]
    for split, least in _LEAST_PAIRS.items():
        given = sum(
            len(run)
            for paired, part in zip(opened, divided, strict=True)
            for run in _runs(paired, split, part.get(split, []))
        )
        if given < least:
            raise InstrumentError(
                f"{given} pairs in a row are left to {_PURPOSE[split]}, {least} are needed; record "
                "longer, or give more recordings"
            )
    return divided


_PURPOSE = {TRAIN: "train on", VALIDATION: "validate on", TEST: "judge by"}


def _by_time(pairs: list[FramePair], splits: tuple[str, ...]) -> dict[str, list[FramePair]]:
    if not pairs:
        return {split: [] for split in splits}
    first_ns, last_ns = pairs[0].rsgr.start_time_ns, pairs[-1].rsgr.start_time_ns
    edges_ns = [first_ns + share * (last_ns - first_ns) for share in _BY_TIME[splits]]
    return {
        split: [
            pair
            for pair in pairs
            if edges_ns[2 * number] <= pair.rsgr.start_time_ns <= edges_ns[2 * number + 1]
        ]
        for number, split in enumerate(splits)
    }


def _runs(paired: PairedRecording, split: str, pairs: list[FramePair]) -> list[list[FramePair]]:
    most = {
        TRAIN: SEQUENCE_FRAMES,
        # A run a little longer than this is divided into two that are long enough.
        VALIDATION: max(2 * _LEAST_FRAMES, len(pairs) // _VALIDATION_SEQUENCES),
        TEST: _TEST_FRAMES,
    }[split]
    return paired.runs(_LEAST_FRAMES, most, pairs)


def _division(names: list[str], opened: list[PairedRecording]) -> str:
    if len(names) > 2:
        *train, validation, test = names
        return (
            f"trained on {', '.join(train)}; validated on {validation}; judged by {test}, which "
            "was held out whole"
        )
    pairs = opened[0].pairing.pairs
    seconds = (pairs[-1].rsgr.start_time_ns - pairs[0].rsgr.start_time_ns) / 1e9
    gap = f"{0.06 * seconds:.1f} s apart"
    if len(names) == 2:
        return (
            f"trained and validated on parts of {names[0]}, {gap}; judged by {names[1]}, which was "
            "held out whole"
        )
    return (
        f"trained, validated and judged on parts of {names[0]} one after the other, {gap}: the "
        "same scenes later on"
    )
