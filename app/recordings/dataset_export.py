"""Recorded pairs as a dataset that networks are trained on."""

import glob
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from app.recordings.aligned_pairs import Aligned, PairedRecording
from app.recordings.code_scaling import PictureCoding
from app.recordings.export_formats import ExportRequest, ExportSummary
from app.recordings.pair_report import PairReport, assess
from calibration.verdict import Grade
from drivers.atomic_file import whole_folder, write_file
from drivers.errors import InstrumentError
from drivers.frame_conditions import record_fields
from drivers.pixel_format import Pixels
from drivers.plain_text import utf8
from drivers.recording import Recording
from drivers.rig.pairing import FramePair
from drivers.srgb import srgb_codes
from models.dataset.layout import GS_FOLDER, RSGR_FOLDER, SPLITS
from models.dataset.sequence_info import (
    FILE_NAME,
    GS_FULL_SCALE,
    RecordedPairs,
    SequenceInfo,
)

LEAST_FRAMES = 4
SEQUENCE_FRAMES = 60
"""Shorter pieces of a long recording are read and shuffled more easily."""

_PNG_OPTIONS = [cv2.IMWRITE_PNG_COMPRESSION, 1]


def export_dataset(
    request: ExportRequest, recording: Recording, on_progress: Callable[[int, int], None]
) -> ExportSummary:
    """Write the recording's pairs, aligned; each sequence appears whole or not at all.

    The dataset may exist: recordings are added to it one by one. With 8 bit the published
    RSGR-GS layout is written: GS encoded as sRGB, no ``sequence.json``; else codes as they
    are and GS in 16 bit linear light. Raises :class:`InstrumentError` where pairs or steps
    of the calibration are missing, for a recording that is in the dataset already, and for
    pairs nobody should train on, unless that is accepted.
    """
    split = request.split or SPLITS[0]
    if split not in SPLITS:
        raise InstrumentError(f"--split {split} is none of {', '.join(SPLITS)}")
    paired = PairedRecording.open(recording, request.rig)
    name = sequence_name(recording)
    for other in SPLITS:
        if any((request.target / other).glob(f"{glob.escape(name)}-[0-9]*")):
            raise InstrumentError(
                f"{request.target / other} has sequences of {name} already; a recording belongs to "
                "one split, once: remove them, or name another OUT"
            )
    runs = paired.runs(LEAST_FRAMES, SEQUENCE_FRAMES)
    if not runs:
        raise InstrumentError(
            f"{request.source} has no {LEAST_FRAMES} pairs in a row "
            f"({paired.pairing.report.text}); ngs verify tells what was lost"
        )
    report = assess(paired)
    if report.unfit and not request.accept:
        raise InstrumentError(
            f"nobody should train on these pairs: {'; '.join(report.verdict.reasons)}; with "
            "--accept they are written all the same"
        )
    total = sum(map(len, runs))
    write_sequences(report, runs, request.target / split, request.bits, on_progress)
    line = f"{request.target / split}: {total} pairs in {len(runs)} sequences"
    return ExportSummary(line, _notes(report, total, request.bits))


def write_sequences(
    report: PairReport,
    runs: list[list[FramePair]],
    folder: Path,
    bits: int | None,
    on_progress: Callable[[int, int], None],
) -> None:
    """Write each run as a sequence in ``folder``, whole or not at all.

    They are named after the recording and numbered; one that is there already is kept.
    ``on_progress`` gets pairs written and pairs in all.
    """
    total, done = sum(map(len, runs)), 0
    name = sequence_name(report.paired.recording)
    for number, run in enumerate(runs):
        place = folder / f"{name}-{number:03d}"
        if place.exists():
            done += len(run)
            on_progress(done, total)
            continue
        with whole_folder(place) as unfinished:
            for aligned in _write_pairs(report.paired, run, unfinished, bits):
                done += 1
                on_progress(done, total)
                valid = aligned.gs.valid
            if bits != 8:
                info = _info(report, valid, name)
                write_file(unfinished / FILE_NAME, info.model_dump_json(indent=2).encode())


def sequence_name(recording: Recording) -> str:
    """What the sequences of a recording are named after."""
    return utf8(recording.folder.resolve().name)


def _write_pairs(
    paired: PairedRecording, run: list[FramePair], folder: Path, bits: int | None
) -> Iterator[Aligned]:
    """Write the pictures of one sequence; yields each pair when it is written."""
    for kind in (RSGR_FOLDER, GS_FOLDER):
        (folder / kind).mkdir(parents=True)
    coding = PictureCoding.asked(paired.rsgr.camera.frame_format.pixel_format, bits)
    for number, aligned in enumerate(paired.read(run)):
        name = f"{number:08d}.png"
        _write_png(folder / RSGR_FOLDER / name, coding(aligned.rsgr))
        light = np.clip(aligned.gs.light, 0.0, 1.0)
        gs: Pixels = np.rint(light * GS_FULL_SCALE).astype(np.uint16)
        if bits == 8:
            gs = srgb_codes(light.astype(np.float64))
        _write_png(folder / GS_FOLDER / name, gs)
        yield aligned


def _write_png(path: Path, codes: Pixels) -> None:
    stored = codes[..., ::-1] if codes.ndim == 3 else codes
    _, png = cv2.imencode(".png", stored, _PNG_OPTIONS)
    path.write_bytes(png.tobytes())


def _info(report: PairReport, valid: NDArray[np.bool_], name: str) -> SequenceInfo:
    paired = report.paired
    camera, dark = paired.rsgr.camera, paired.rig.rsgr.dark
    assert dark is not None  # calibrated
    transfer = None if paired.restored else dark.photon_transfer
    generator = f"ngs {version('neural-global-shutter')}, recorded pairs"
    if paired.restored:
        by = (paired.recording.info.processing or {}).get("model")
        generator += f", restored by {by}"
    return SequenceInfo(
        **record_fields(paired.conditions, paired.interval_us),
        columns=camera.columns,
        system_gain_dn_per_e=None if transfer is None else transfer.system_gain_dn_per_e,
        temporal_dark_noise_e=None if paired.restored else dark.temporal_dark_noise_e,
        synthetic=False,
        sources=(name,),
        generator=generator,
        pairs=_judged(report),
        overlap_px=largest_rectangle(valid),
    )


def _judged(report: PairReport) -> RecordedPairs:
    verdict, delay = report.verdict, report.paired.rig.exposure_delay
    delay_us = report.paired.view.delay_us
    return RecordedPairs(
        grade=verdict.grade.value,
        reasons=verdict.reasons,
        accepted=report.unfit,
        synchronous=report.synchronous,
        exposure_delay_us=delay_us,
        exposure_delay_error_us=None if delay_us is None or delay is None else delay.delay_error_us,
    )


def largest_rectangle(valid: NDArray[np.bool_]) -> tuple[int, int, int, int]:
    """Left, top, columns and rows of the largest rectangle in which all is valid.

    Row by row, of the columns' heights above it (the largest rectangle in a histogram).

    >>> mask = np.zeros((4, 6), bool)
    >>> mask[1:, 2:5] = True
    >>> largest_rectangle(mask)
    (2, 1, 3, 3)
    """
    best, area = (0, 0, 0, 0), 0
    heights = np.zeros(valid.shape[1] + 1, int)  # the last column stays empty and ends all
    for row, line in enumerate(valid):
        heights[:-1] = np.where(line, heights[:-1] + 1, 0)
        open_columns: list[tuple[int, int]] = []
        for column, height in enumerate(heights.tolist()):
            left = column
            while open_columns and open_columns[-1][1] >= height:
                left, tall = open_columns.pop()
                if tall * (column - left) > area:
                    area = tall * (column - left)
                    best = (left, row - tall + 1, column - left, tall)
            open_columns.append((left, height))
    return best


def _notes(judged: PairReport, exported: int, bits: int | None) -> tuple[str, ...]:
    paired = judged.paired
    report = paired.pairing.report
    notes = []
    if judged.unfit:
        notes.append(f"accepted, but do not train on it: {'; '.join(judged.verdict.reasons)}")
    elif judged.verdict.grade is Grade.USABLE:
        notes.append(f"usable: {'; '.join(judged.verdict.reasons)}")
    left_out = report.pairs - exported
    if left_out:
        notes.append(f"{left_out} pairs stand alone between losses and are left out")
    unmatched = sum(report.unmatched)
    if unmatched:
        notes.append(f"{unmatched} frames without a partner are left out")
    if bits == 8:
        notes.append("8 bit without sequence.json: give exposure, line time and rate when reading")
    return tuple(notes)
