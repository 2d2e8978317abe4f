"""Reads, restores and writes at the same time, each in a thread of its own."""

import math
import queue
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from typing import Generic, TypeVar

from app.restore.chosen_restorer import Model, out_of_memory_told
from app.restore.footage import FootageReader, FootageWriter
from app.restore.imaging_conditions import FootageConditions
from app.restore.output_coding import Developer
from app.session import interruption
from app.session.stoppable_thread import StoppableThread
from drivers.errors import StoppedByOperatorError
from drivers.frame import Frame
from drivers.pixel_format import Pixels

_QUEUED_FRAMES = 8
_WAIT_S = 0.1
"""How long a thread waits on a queue, and the main one on all, before it looks around."""

_Item = TypeVar("_Item")


class _StoppedError(Exception):
    """The thread was told to stop; what it works on is not complete."""


class _Conveyor(Generic[_Item]):
    """A short queue from one thread to another; either end gives up when told to stop."""

    def __init__(self) -> None:
        self._queue: queue.Queue[_Item] = queue.Queue(_QUEUED_FRAMES)

    def put(self, item: _Item, stopping: threading.Event) -> None:
        while not stopping.is_set():
            with suppress(queue.Full):
                return self._queue.put(item, timeout=_WAIT_S)
        raise _StoppedError

    def items(self, stopping: threading.Event) -> Iterator[_Item]:
        while not stopping.is_set():
            try:
                item = self._queue.get(timeout=_WAIT_S)
            except queue.Empty:
                continue
            yield item
        raise _StoppedError


@dataclass(frozen=True, slots=True)
class Tally:
    """How many frames a run restored, and how many an earlier one had left done."""

    restored: int
    already_there: int


class Pipeline:
    """Restores what ``writer`` lacks of ``reader``'s footage; runs once."""

    def __init__(
        self,
        reader: FootageReader,
        conditions: FootageConditions,
        model: Model,
        developer: Developer,
        writer: FootageWriter,
    ) -> None:
        self._reader = reader
        self._conditions = conditions
        self._model = model
        self._strategy = model.strategy
        self._developer = developer
        self._writer = writer
        self._runs = self._missing_runs()
        self._wanted = sum(len(run) for run in self._runs)
        self._written = 0
        self._frames: _Conveyor[Frame] = _Conveyor()
        self._codes: _Conveyor[tuple[int, Pixels]] = _Conveyor()
        self._ended = threading.Event()
        self._failure: Exception | None = None

    def run(self, on_progress: Callable[[int, int], None]) -> Tally:
        """Work until every frame is written; ``on_progress(done, total)`` counts frames.

        The first failure of any thread ends the others and is raised; so does
        Ctrl-C, as a :class:`StoppedByOperatorError` that tells how to go on.
        """
        total = self._reader.frames
        there = total - self._wanted
        threads = [
            StoppableThread(name, _until_stopped(body), self._fail)
            for name, body in (
                ("reader", self._read),
                ("restorer", self._restore),
                ("writer", self._write),
            )
        ]
        try:
            for thread in threads:
                thread.start()
            on_progress(there, total)
            while not self._ended.wait(_WAIT_S):
                on_progress(there + self._written, total)
        except KeyboardInterrupt:
            interruption.taken()
            rest = "the same command goes on from there"
            if not self._writer.goes_on:
                rest = "nothing is kept of it"
            done = there + self._written
            self._fail(
                StoppedByOperatorError(f"interrupted after {done} of {total} frames; {rest}")
            )
        finally:
            for thread in threads:
                thread.stop()
        if self._failure is not None:
            self._writer.leave()
            raise self._failure
        self._writer.finish()
        on_progress(total, total)
        return Tally(self._written, there)

    def _missing_runs(self) -> list[range]:
        """What is to be done, in whole units, neighbouring ones as one."""
        total = self._reader.frames
        size = math.lcm(self._writer.unit_frames, self._strategy.unit_frames)
        runs: list[range] = []
        for first in range(0, total, size):
            unit = range(first, min(first + size, total))
            seen = self._strategy.context(unit, total)
            if self._writer.is_done(unit, self._reader.modified_ns(seen)):
                continue
            if runs and runs[-1].stop == unit.start:
                unit = range(runs.pop().start, unit.stop)
            runs.append(unit)
        return runs

    def _read(self, stopping: threading.Event) -> None:
        for run in self._runs:
            seen = self._strategy.context(run, self._reader.frames)
            for index, codes in zip(seen, self._reader.codes(seen), strict=True):
                self._frames.put(self._conditions.frame(index, codes), stopping)

    def _restore(self, stopping: threading.Event) -> None:
        conditions = self._conditions.frames
        frames = self._frames.items(stopping)
        with out_of_memory_told(self._model.state.name):
            for run in self._runs:
                seen = islice(frames, len(self._strategy.context(run, self._reader.frames)))
                for frame, restored in self._strategy.restore(seen, run, conditions):
                    codes = self._developer.develop(frame, restored, conditions)
                    self._codes.put((frame.metadata.sequence, codes), stopping)

    def _write(self, stopping: threading.Event) -> None:
        for index, codes in islice(self._codes.items(stopping), self._wanted):
            self._writer.write(index, codes)
            self._written += 1
        self._ended.set()

    def _fail(self, failure: Exception) -> None:
        self._failure = self._failure or failure
        self._ended.set()


def _until_stopped(
    body: Callable[[threading.Event], None],
) -> Callable[[threading.Event], None]:
    def run(stopping: threading.Event) -> None:
        with suppress(_StoppedError):
            body(stopping)

    return run
