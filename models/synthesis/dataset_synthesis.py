"""Synthesis of RSGR / GS datasets: random scenes of a recipe, rendered by the sensor model.

Light comes from layered scenes or real video, exposure and digitisation from
:mod:`drivers.virtual.scene.sensor`: there is no second model of the sensor. Every
sequence has its own random numbers, from the seed, its split and its number, so
the result depends neither on the number of processes nor on interruptions.
"""

import json
import multiprocessing
import os
import threading
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict, dataclass
from pathlib import Path

import cv2

from drivers.atomic_file import remove_unfinished, whole_folder, write_file
from drivers.errors import InstrumentError
from drivers.input_file import read_input
from drivers.pixel_format import Pixels
from models.dataset.layout import GS_FOLDER, RSGR_FOLDER, SPLITS
from models.dataset.sequence_info import FILE_NAME
from models.synthesis.recipes import Recipe
from models.synthesis.scene_sources import Sources
from models.synthesis.sequence_plan import SequencePlan, plan_sequence
from ngs.own_packages import found_first_in_children

_RECIPE_FILE = "recipe.json"
_PNG_COMPRESSION = 1


@dataclass(frozen=True, slots=True)
class _Job:
    """One sequence to be made, as it is sent to a process."""

    recipe: Recipe
    sources: Sources
    split: str
    number: int
    folder: Path


def synthesize(
    out: Path,
    recipe: Recipe,
    *,
    stills: Path,
    objects: Path | None = None,
    video: Path | None = None,
    workers: int = 1,
    on_progress: Callable[[int, int], None] | None = None,
) -> None:
    """Write a dataset to ``out``; sequences that are complete already are kept.

    ``stills`` holds images, ``objects`` folders with ``frames`` and ``masks``,
    ``video`` video files. ``on_progress`` is called with the sequences done and
    wanted. The result is the same for any number of ``workers``, processes.
    Raises :class:`InstrumentError` for sources that cannot be read or do not
    suffice, and where ``out`` holds something else.
    """
    found = Sources.find(stills, objects, video)
    jobs = [
        _Job(recipe, sources, split, number, out / split / f"{number:05d}")
        for split, count in zip(SPLITS, recipe.sequences, strict=True)
        if count > 0
        for sources in [_sufficient(found.of_split(split, recipe.fractions), split)]
        for number in range(count)
    ]
    _claim(out, recipe, found)
    wanted = [job for job in jobs if not job.folder.exists()]
    done = len(jobs) - len(wanted)
    report = on_progress or (lambda _done, _total: None)
    report(done, len(jobs))
    if workers <= 1:
        for job in wanted:
            _make(job)
            done += 1
            report(done, len(jobs))
        return
    # Spawned, not forked: in a forked process a lock held by another thread is never released.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=context, initializer=_begin_worker) as pool:
        with found_first_in_children():
            pending = [pool.submit(_make, job) for job in wanted]
        try:
            for future in as_completed(pending):
                future.result()
                done += 1
                report(done, len(jobs))
        except BrokenProcessPool:
            raise InstrumentError(
                f"one of {workers} worker processes died, perhaps for want of memory, with {done} "
                f"of {len(jobs)} sequences done; run again with fewer workers to continue"
            ) from None
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def _sufficient(sources: Sources, split: str) -> Sources:
    if not sources.stills:
        raise InstrumentError(
            f"no still falls into the split {split!r}; give more stills or a larger fraction"
        )
    return sources


def _claim(out: Path, recipe: Recipe, found: Sources) -> None:
    """Note what ``out`` is made from, or refuse to mix two datasets in one folder."""
    note = {
        "recipe": asdict(recipe),
        "stills": [path.name for path in found.stills],
        "objects": [path.name for path in found.objects],
        "videos": [path.name for path in found.videos],
    }
    text = json.dumps(note, indent=1) + "\n"
    path = out / _RECIPE_FILE
    if path.exists():
        if _content(path) != text.encode():
            raise InstrumentError(
                f"{out} was begun with another recipe, seed or sources (see {path.name} there); "
                "continue with the same, or give a new folder"
            )
        for split in SPLITS:
            if (out / split).is_dir():
                remove_unfinished(out / split)
        return
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise InstrumentError(f"{out} holds something else; give a new or an empty folder")
    out.mkdir(parents=True, exist_ok=True)
    write_file(path, text.encode())


def _content(path: Path) -> bytes:
    try:
        return read_input(path)
    except OSError as error:
        raise InstrumentError(
            f"{path} cannot be read ({error.strerror}); give a new folder"
        ) from None


def _begin_worker() -> None:
    """One thread for OpenCV, and an end when the program is no more: a pool waits on for ever."""
    cv2.setNumThreads(1)
    threading.Thread(target=_end_with_program, daemon=True).start()


def _end_with_program() -> None:
    program = multiprocessing.parent_process()
    assert program is not None  # this is a worker
    program.join()
    os._exit(1)


def _make(job: _Job) -> None:
    plan = plan_sequence(job.recipe, job.sources, job.split, job.number)
    write_sequence(plan, job.folder)


def write_sequence(plan: SequencePlan, folder: Path) -> None:
    """Render a sequence into ``folder``, which appears only once it is complete."""
    with whole_folder(folder) as part:
        for kind in (RSGR_FOLDER, GS_FOLDER):
            (part / kind).mkdir(parents=True)
        for index in range(plan.frames):
            name = f"{index:08d}.png"
            rsgr, gs = plan.pair(index)
            _write_png(part / RSGR_FOLDER / name, rsgr)
            _write_png(part / GS_FOLDER / name, gs)
        (part / FILE_NAME).write_text(plan.info.model_dump_json(indent=1) + "\n")


def _write_png(path: Path, codes: Pixels) -> None:
    picture = codes[..., ::-1] if codes.ndim == 3 else codes
    if not cv2.imwrite(str(path), picture, [cv2.IMWRITE_PNG_COMPRESSION, _PNG_COMPRESSION]):
        raise InstrumentError(f"{path} cannot be written; check the disk's space and rights")
