"""The soak: a session runs for the time asked, and is looked at all the while."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pydantic_core

from app.diagnostics.report_origin import command_text, machine_text, program_text
from app.diagnostics.soak.process_meter import ProcessMeter
from app.diagnostics.soak.recorded_pieces import RecordedPieces
from app.diagnostics.soak.samples import (
    CameraAccount,
    CameraSample,
    Sample,
    SampleFile,
    SoakAccount,
    SoakFacts,
    read_samples,
    sample_file,
)
from app.diagnostics.soak.soak_page import soak_page
from app.diagnostics.soak.soak_verdicts import SoakReport, judge
from app.session.config import DEFAULT_FPS, SessionConfig
from app.session.run_statistics import REMEMBERED_FRAMES, Percentiles
from app.session.session import Session
from app.session.status import SessionState
from drivers.atomic_file import check_folder, write_file
from drivers.errors import InstrumentError
from drivers.pixel_format import Pixels

_LOOK_S = 0.1
_NAMES = ("rsgr", "gs")


@dataclass(frozen=True, slots=True)
class SoakRequest:
    """What runs for how long, and where it is told: ``out`` is a folder to make.

    ``every_s`` None takes 500 samples, or those that 0.2 s to 60 s from one to the next allow.
    ``disk_bytes`` is what a recording may take of the disk; None records nothing.
    """

    config: SessionConfig
    out: Path
    seconds: float
    every_s: float | None = None
    disk_bytes: float | None = None

    @property
    def samples(self) -> Path:
        """A line of JSON for each sample, written at once."""
        return self.out / "samples.jsonl"

    @property
    def page(self) -> Path:
        """Verdicts and plots."""
        return self.out / "page.html"

    @property
    def verdicts(self) -> Path:
        """The same for scripts."""
        return self.out / "verdicts.json"

    @property
    def sample_every_s(self) -> float:
        """Time from one sample to the next."""
        return self.every_s or min(60.0, max(0.2, self.seconds / 500))


def run_soak(
    request: SoakRequest, ended: Callable[[], bool], told: Callable[[Sample], None]
) -> SoakReport:
    """Stream for the time asked, or until ``ended`` or the session fails; then write the page.

    ``told`` hears of each sample. Raises :class:`InstrumentError` where the session cannot begin
    or a file cannot be written.
    """
    check_folder(request.out)
    if request.out.exists():
        raise InstrumentError(f"{request.out} exists; name a new folder")
    with Session(request.config) as session:
        session.start()
        soak = _Soak(request, session, ended, told)
        request.out.mkdir(parents=True)
        with sample_file(request.samples, soak.facts()) as file:
            interrupted = soak.run(file)
        account = soak.account()
    facts, samples = read_samples(request.samples)
    report = SoakReport(facts, account, judge(facts, samples, account), interrupted)
    document = pydantic_core.to_json(report, indent=2, inf_nan_mode="null")
    write_file(request.verdicts, document + b"\n")
    write_file(request.page, soak_page(report, samples).encode())
    return report


class _Soak:
    """A streaming session and what was seen of it so far."""

    def __init__(
        self,
        request: SoakRequest,
        session: Session,
        ended: Callable[[], bool],
        told: Callable[[Sample], None],
    ) -> None:
        self._request = request
        self._session = session
        self._ended = ended
        self._told = told
        self._watched = [
            _WatchedCamera(session, index, name)
            for index, name in enumerate(_NAMES[: session.camera_count])
        ]
        self._fps = session.camera.settings.fps or DEFAULT_FPS
        self._pieces: RecordedPieces | None = None
        if request.disk_bytes is not None:
            self._pieces = RecordedPieces(
                session, request.out, request.disk_bytes, self._fps, self._look
            )
        self._meter = ProcessMeter()
        self._restored = 0
        self._began_s = time.monotonic()
        self._sampled_s = 0.0
        self._file: SampleFile | None = None

    def facts(self) -> SoakFacts:
        """What is known before."""
        request, status = self._request, self._session.status()
        form = status.frame_format
        cycle_s = 0.0 if self._pieces is None else self._pieces.piece_s
        return SoakFacts(
            started=datetime.now(UTC),
            program=program_text(),
            machine=machine_text(),
            command=command_text(),
            cameras={each.name: each.text for each in self._watched},
            stream=f"{form.columns} x {form.rows} {form.pixel_format.name} at {self._fps:g} fps",
            model=(status.model or "none") if status.restoring else status.restoring_note or "none",
            seconds=request.seconds,
            every_s=request.sample_every_s,
            warm_up_s=max(status.ring_seconds, REMEMBERED_FRAMES / self._fps, 2 * cycle_s),
            cycle_s=cycle_s,
        )

    @property
    def _elapsed_s(self) -> float:
        return time.monotonic() - self._began_s

    def run(self, file: SampleFile) -> bool:
        """Until the time is over or the session ends by itself; or by the operator: True then."""
        self._file = file
        interrupted = False
        while (
            self._elapsed_s < self._request.seconds
            and self._session.state is SessionState.STREAMING
        ):
            if interrupted := self._ended():
                break
            if self._pieces is not None:
                self._pieces.go_on()
            self._look()
            time.sleep(min(_LOOK_S, self._request.sample_every_s))
        if self._pieces is not None:
            self._pieces.finish()
        self._session.stop()
        return interrupted

    def _look(self) -> None:
        """Watch the clocks, and take a sample when it is time."""
        for each in self._watched:
            each.look()
        elapsed_s = self._elapsed_s
        if elapsed_s - self._sampled_s >= self._request.sample_every_s and self._file is not None:
            self._sampled_s = elapsed_s
            sample = self._sample(elapsed_s)
            self._file.add(sample)
            self._told(sample)

    def _sample(self, elapsed_s: float) -> Sample:
        status = self._session.status()
        usage = self._meter.measure()
        latencies = self._session.newest_latencies_ms(status.restored - self._restored)
        self._restored = status.restored
        latency = Percentiles.of(latencies)
        pieces = self._pieces
        return Sample(
            seconds=elapsed_s,
            memory_bytes=usage.memory_bytes,
            children_bytes=usage.children_bytes,
            handles=usage.handles,
            threads=usage.threads,
            cpu_share=usage.cpu_share,
            cameras={each.name: each.sample(status.clock_steps) for each in self._watched},
            restored=status.restored,
            skipped=status.skipped,
            latency_p50_ms=latency.p50 if latencies else None,
            latency_p99_ms=latency.p99 if latencies else None,
            waiting=0 if pieces is None else pieces.waiting,
            ring_frames=round(status.ring_seconds * self._fps),
            recorded=0 if pieces is None else pieces.frames,
            lost_to_disk=0 if pieces is None else pieces.lost_to_disk,
        )

    def account(self) -> SoakAccount:
        """All counts, once the session has stopped."""
        status, pieces = self._session.status(), self._pieces
        return SoakAccount(
            cameras={each.name: each.account() for each in self._watched},
            restoring=status.restored + status.skipped + status.in_work > 0,
            restored=status.restored,
            skipped=status.skipped,
            in_work=status.in_work,
            pieces=0 if pieces is None else pieces.pieces,
            recorded=0 if pieces is None else pieces.frames,
            lost_to_disk=0 if pieces is None else pieces.lost_to_disk,
            piece_problem="" if pieces is None else pieces.problem,
            message=status.message,
        )


class _WatchedCamera:
    """One camera of the session: its frame numbers, and its clock beside the host's."""

    def __init__(self, session: Session, index: int, name: str) -> None:
        self.name = name
        self._camera = session.camera_at(index)
        identity = self._camera.identity
        self.text = f"{identity.maker} {identity.model} ({self._camera.address})".strip()
        # From the first frame on: what this reader counts is all that the ring ever had.
        self._reader = session.reader(past_frames=10**9, camera=index)
        form = self._camera.frame_format
        self._pixels: Pixels = np.empty(form.shape, form.pixel_format.dtype)
        self._first: int | None = None
        self._newest = 0
        self._offset_ns: int | None = None

    def look(self) -> None:
        """Take the newest frame's number and times."""
        first = self._first is None
        metadata = (
            self._reader.next(self._pixels, 0.0)
            if first
            else self._reader.newest(self._pixels, 0.0)
        )
        if metadata is None:
            return
        if first:
            self._first = metadata.sequence
        self._newest = metadata.sequence
        if metadata.device_time_ns is not None:
            offset_ns = metadata.device_time_ns - metadata.host_time_ns
            self._offset_ns = max(offset_ns, self._offset_ns or offset_ns)

    def sample(self, clock_steps: Mapping[str, int]) -> CameraSample:
        """Counts so far, and the clock since the sample before."""
        counters = self._camera.counters
        offset_ns, self._offset_ns = self._offset_ns, None
        return CameraSample(
            captured=counters.captured,
            lost=counters.lost,
            incomplete=counters.incomplete,
            overruns=counters.overruns,
            clock_offset_ns=offset_ns,
            clock_steps=clock_steps.get(self.name, 0),
        )

    def account(self) -> CameraAccount:
        """Counts after the last frame."""
        self.look()  # at the first
        self.look()  # and at the last
        counters, read = self._camera.counters, self._reader.counters
        known = counters.lost is not None and not counters.number_breaks and not read.lost
        numbers = 0 if self._first is None else self._newest - self._first + 1
        return CameraAccount(
            captured=counters.captured,
            published=read.delivered + read.lost + read.skipped + read.waiting,
            lost=counters.lost,
            incomplete=counters.incomplete,
            numbers=numbers if known else None,
        )
