"""What a child process does whose parent is no more."""

import multiprocessing

import pytest

from drivers.genicam.hosting import child_call


def test_a_child_whose_parent_is_no_more_ends_silently(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(child_call, "ignore_interrupts", lambda: None)  # of this process
    parent, child = multiprocessing.Pipe(duplex=False)
    parent.close()
    child_call.call_and_answer(child, len, ("four",))
