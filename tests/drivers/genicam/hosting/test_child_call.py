"""A child process whose parent is no more, and one that cannot begin."""

import multiprocessing
import sys
import time
from multiprocessing.context import SpawnProcess
from pathlib import Path

import pytest

from drivers.errors import InstrumentError
from drivers.genicam.hosting import child_call, spawning
from drivers.genicam.hosting.child_call import ChildCall
from drivers.genicam.hosting.hosted_camera import HostedCamera


def test_a_child_whose_parent_is_no_more_ends_silently(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(child_call, "ignore_interrupts", lambda: None)  # of this process
    parent, child = multiprocessing.Pipe(duplex=False)
    parent.close()
    child_call.call_and_answer(child, len, ("four",))


@pytest.fixture
def beginning(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    """Children do what is asked in the place of beginning."""

    def spawned(name: str, *_: object) -> SpawnProcess:
        return spawning.spawned(name, *request.param)

    monkeypatch.setattr(child_call, "spawned", spawned)
    monkeypatch.setattr("drivers.genicam.hosting.hosted_camera.spawned", spawned)


@pytest.mark.parametrize("beginning", [(sys.exit, 3)], indirect=True)
@pytest.mark.usefixtures("beginning")
def test_a_process_that_cannot_begin_is_no_fault_of_the_producer() -> None:
    producer = Path("maker.cti")
    told = r"^no process could be begun for (camera )?[^ ]*maker.cti[^ ]* \(status 3\); "
    with pytest.raises(InstrumentError, match=told):
        ChildCall(producer, "listing its cameras", len, ()).result()
    with pytest.raises(InstrumentError, match=told):
        HostedCamera("genicam:maker.cti", producer, "1")


@pytest.mark.parametrize("beginning", [(time.sleep, 600.0)], indirect=True)
@pytest.mark.usefixtures("beginning")
def test_a_process_that_never_begins_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spawning, "BEGIN_S", 0.5)
    with pytest.raises(InstrumentError, match=r"for maker.cti \(not within 0.5 s\)"):
        ChildCall(Path("maker.cti"), "listing its cameras", len, ()).result()
