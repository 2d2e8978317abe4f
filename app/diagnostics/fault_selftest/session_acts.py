"""What can happen to a running session: faults, and what an operator does; drawn at random."""

import errno
import os
import shutil
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from random import Random
from unittest.mock import patch

from app.diagnostics.fault_selftest.defects import Defect
from app.diagnostics.fault_selftest.running_session import (
    NAMES,
    InjectedError,
    RunningSession,
    SlowReader,
)
from app.session.snapshot import save_snapshot
from app.session.status import SessionState
from drivers.camera_settings import ExposureSettings, ShutterMode
from drivers.errors import InstrumentError
from drivers.recording import writer
from drivers.recording.compression import Compression
from drivers.recording.frame_index import IndexWriter
from drivers.recording.writer import RecordingWriter
from models.restorers.row_gain import RowGain


@dataclass(frozen=True, slots=True)
class Act:
    """One thing that happens; ``text`` tells it."""

    text: str
    happens: Callable[[RunningSession], object]


Draw = Callable[[Random, int], Act]
"""Draws one of a kind for a session with so many cameras."""


def draw_act(rng: Random, cameras: int) -> Act:
    """Any of them."""
    (draw,) = rng.choices(list(_WEIGHTS), list(_WEIGHTS.values()))
    return draw(rng, cameras)


# The cameras


def _frames_go_wrong(rng: Random, cameras: int) -> Act:
    camera = rng.randrange(cameras)
    node, value = rng.choice(
        [
            ("FaultLose", f"{rng.randint(1, 30)}"),
            ("FaultLoseShare", rng.choice(["0", "0.1", "0.6"])),
            ("FaultTear", f"{rng.randint(1, 12)}"),
            ("FaultCorrupt", f"{rng.randint(1, 12)}"),
            ("FaultDelay", rng.choice(["0", "3000", "30000"])),
            ("FaultFreeze", rng.choice(["true", "false"])),
        ]
    )
    return Act(
        f"{node} {value} of {NAMES[camera]}", lambda running: running.write(camera, node, value)
    )


def _unplug(rng: Random, cameras: int) -> Act:
    camera, away = rng.randrange(cameras), rng.choice(["0", "0", "0.2"])

    def happens(running: RunningSession) -> None:
        running.write(camera, "FaultReconnectAfter", away)
        running.write(camera, "FaultDisconnect", "execute")

    return Act(f"{NAMES[camera]} unplugged for {away} s", happens)


def _until_lost(rng: Random, cameras: int) -> Act:
    """Wait as an operator does, then reconnect."""

    def happens(running: RunningSession) -> None:
        until_s = time.monotonic() + 1.0
        while running.session.state is SessionState.STREAMING and time.monotonic() < until_s:
            time.sleep(0.01)
        _reconnect_once(running)

    return Act("wait for a loss, reconnect", happens)


def _reconnect(rng: Random, cameras: int) -> Act:
    return Act("reconnect", _reconnect_once)


def _reconnect_once(running: RunningSession) -> None:
    session, begun = running.session, running.when_quiet()
    before = session.camera.settings if session.camera_count else None
    done = running.operate("reconnecting", session.reconnect)
    alone = begun is not None and running.when_quiet() == begun + 1
    if done and before is not None and alone:
        camera = session.camera
        if camera.settings != before and not camera.state.warnings:
            text = f"{camera.settings} after reconnecting, {before} before"
            running.note(Defect.NOT_RESTORED, text)


def _clock_steps(rng: Random, cameras: int) -> Act:
    name, step_ns = NAMES[rng.randrange(cameras)], rng.choice([-3600, -1, 1, 40000]) * 10**9

    def happens(running: RunningSession) -> None:
        def step() -> None:
            running.watched_camera(name).clock_ahead_ns += step_ns

        running.operate("clock", step)

    return Act(f"clock of {name} steps by {step_ns / 1e9:g} s", happens)


# Settings


def _configure(rng: Random, cameras: int) -> Act:
    asked = rng.choice(
        [
            ExposureSettings(exposure_us=rng.choice([100.0, 700.0, 1500.0, 1e9])),
            ExposureSettings(gain_db=rng.choice([0.0, 3.0, 500.0])),
            ExposureSettings(fps=rng.choice([30.0, 90.0, 180.0, 5000.0])),
            ExposureSettings(shutter=rng.choice(list(ShutterMode))),
            ExposureSettings(shutter=ShutterMode.ROLLING, trigger_source="off"),
            ExposureSettings(shutter=ShutterMode.GLOBAL_RESET, trigger_source="auto"),
            ExposureSettings(
                trigger_source=rng.choice(["off", "internal", "software", "Line1", "Line9"])
            ),
            ExposureSettings(pixel_format=rng.choice(["Mono8", "Mono10p", "BayerRG12", "Mono9"])),
            ExposureSettings(trigger_delay_us=rng.choice([0.0, 50.0])),
        ]
    )
    told = ", ".join(
        f"{name} {value}"
        for name in ExposureSettings.__dataclass_fields__
        if (value := getattr(asked, name)) is not None
    )
    return Act(
        told,
        lambda running: running.operate(told, lambda: running.session.configure(asked)),
    )


def _change_region(rng: Random, cameras: int) -> Act:
    width, height = rng.choice([64, 96, 100_000]), rng.choice([16, 32, 48])

    def happens(running: RunningSession) -> None:
        def change() -> None:
            region = running.session.camera.controls.centred_region(width, height)
            running.session.configure(ExposureSettings(region=region))

        running.operate("region", change)

    return Act(f"region {width} x {height}", happens)


def _use_model(rng: Random, cameras: int) -> Act:
    model = rng.choice([None, "row-gain", "row-gain", "warp", "no-such-model"])
    return Act(
        f"model {model}",
        lambda running: running.operate("model", lambda: running.session.use_model(model)),
    )


def _note_proof(rng: Random, cameras: int) -> Act:
    proven = rng.choice([True, False, None])
    return Act(
        f"global reset proven: {proven}",
        lambda running: running.operate(
            "proof", lambda: running.session.note_shutter_proof(proven)
        ),
    )


# Starts and stops


def _stop(rng: Random, cameras: int) -> Act:
    return Act("stop", lambda running: running.operate("stopping", running.session.stop))


def _start(rng: Random, cameras: int) -> Act:
    return Act("start", lambda running: running.operate("starting", running.session.start))


def _open_again(rng: Random, cameras: int) -> Act:
    def happens(running: RunningSession) -> None:
        running.operate("closing", running.session.close)
        running.operate("opening", running.session.open)
        running.operate("starting", running.session.start)

    return Act("close, open, start", happens)


def _at_once(rng: Random, cameras: int) -> Act:
    """Two things at once: an operator has two hands, and a window and a signal."""
    first = rng.choice([_start, _open_again, _reconnect, _configure, _stop_recording, _use_model])
    second = rng.choice([_stop, _start, _stop_recording, _configure, _reconnect, _record])
    one, other = first(rng, cameras), second(rng, cameras)
    after_s = rng.choice([0.0, 0.002, 0.02])

    def happens(running: RunningSession) -> None:
        thread = threading.Thread(target=lambda: one.happens(running), name="second hand")
        thread.start()
        time.sleep(after_s)
        other.happens(running)
        thread.join()

    return Act(f"({one.text}) and {1e3 * after_s:g} ms later ({other.text})", happens)


# Recordings


def _record(rng: Random, cameras: int) -> Act:
    name = f"take-{rng.randrange(4)}"
    asked = {
        "compression": rng.choice(list(Compression)),
        "pretrigger_s": rng.choice([0.0, 0.0, 0.1, 5.0]),
        "frames": rng.choice([None, None, None, 5]),
        "seconds": rng.choice([None, None, None, 0.1]),
    }
    told = " ".join(f"{key}={value}" for key, value in asked.items() if value)
    return Act(f"record {name} {told}".strip(), lambda running: running.record(name, **asked))


def _stop_recording(rng: Random, cameras: int) -> Act:
    return Act(
        "stop recording",
        lambda running: running.operate("stopping a recording", running.session.stop_recording),
    )


def _folder_goes(rng: Random, cameras: int) -> Act:
    what = rng.choice(["renamed", "removed", "read-only", "without its index"])
    to = f"moved-{rng.randrange(10**6)}"

    def happens(running: RunningSession) -> None:
        take = running.newest_take
        if take is None or take.place is None or take.ended:
            return
        take.harmed = True
        if what == "renamed":
            running.move_take(running.folder / to)
        elif what == "read-only":
            os.chmod(take.place, 0o500)
            running.faults.callback(_writable, running)
        elif what == "removed":
            _remove(take.place)
            take.place = None
        else:
            for index in take.place.glob("*.jsonl"):
                index.unlink()
            take.place = None
        take.gone_meanwhile = take.place is None and running.is_recording()

    return Act(f"the recording is {what}", happens)


def _writable(running: RunningSession) -> None:
    for folder in running.folder.iterdir():
        os.chmod(folder, 0o700)


def _remove(folder: Path) -> None:
    while folder.exists():  # a file may be made in it meanwhile
        shutil.rmtree(folder, ignore_errors=True)


def _slow_disk(rng: Random, cameras: int) -> Act:
    seconds = rng.choice([0.01, 0.03])
    append = RecordingWriter.append

    def slow(*arguments: object) -> None:
        time.sleep(seconds)
        append(*arguments)  # type: ignore[arg-type]

    return Act(
        f"each frame takes {1e3 * seconds:g} ms to write",
        lambda running: running.faults.enter_context(patch.object(RecordingWriter, "append", slow)),
    )


def _disk_fails(rng: Random, cameras: int) -> Act:
    code = rng.choice([errno.EIO, errno.ENOSPC, errno.EROFS, errno.EDQUOT])
    place, name = rng.choice(
        [(IndexWriter, "frame"), (IndexWriter, "gap"), (writer, "write_description"), (os, "fsync")]
    )

    def fails(*_: object, **__: object) -> None:
        raise OSError(code, os.strerror(code))

    def is_well(running: RunningSession) -> None:
        running.disk_fails = False

    def happens(running: RunningSession) -> None:
        if running.newest_take is not None:
            running.newest_take.harmed = True
        running.disk_fails = True
        running.faults.callback(is_well, running)
        running.faults.enter_context(patch.object(place, name, fails))

    return Act(f"{os.strerror(code)} at {name}", happens)


def _disk_is_well(rng: Random, cameras: int) -> Act:
    return Act("disk, readers and restorers are well", lambda running: running.faults.close())


# Readers


def _slow_reader(rng: Random, cameras: int) -> Act:
    camera, pause_s = rng.randrange(cameras), rng.choice([0.0, 0.02, 0.2])

    def happens(running: RunningSession) -> None:
        def begin() -> None:
            running.faults.callback(SlowReader(running, camera, pause_s).stop)

        running.operate("reading", begin)

    return Act(f"{NAMES[camera]} is read every {1e3 * pause_s:g} ms", happens)


def _restorer_raises(rng: Random, cameras: int) -> Act:
    error = rng.choice(
        [
            InjectedError("on purpose"),
            InstrumentError("the engine is gone; choose another model"),
            InjectedError("of\ntwo lines"),
        ]
    )

    def fails(*_: object) -> None:
        raise error

    return Act(
        f"the restorer raises {type(error).__name__}",
        lambda running: running.faults.enter_context(patch.object(RowGain, "restore", fails)),
    )


def _snapshot(rng: Random, cameras: int) -> Act:
    def happens(running: RunningSession) -> None:
        path = running.folder / "snapshot.png"
        running.may_make(path)
        running.operate("snapshot", lambda: save_snapshot(running.session, path))

    return Act("snapshot", happens)


_WEIGHTS: dict[Draw, float] = {
    _frames_go_wrong: 5,
    _unplug: 2,
    _until_lost: 2,
    _reconnect: 1,
    _clock_steps: 1,
    _configure: 4,
    _change_region: 1,
    _use_model: 2,
    _note_proof: 0.5,
    _stop: 1,
    _start: 1.5,
    _open_again: 0.7,
    _at_once: 2,
    _record: 6,
    _stop_recording: 2,
    _folder_goes: 2,
    _slow_disk: 1,
    _disk_fails: 1,
    _disk_is_well: 2,
    _slow_reader: 1,
    _restorer_raises: 0.7,
    _snapshot: 0.5,
}
