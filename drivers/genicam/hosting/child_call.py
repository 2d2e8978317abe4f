"""One call into a producer, in a process that may hang or crash."""

import contextlib
import faulthandler
import os
import time
from collections.abc import Callable
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any, Generic, TypeVar

from drivers.errors import InstrumentError
from drivers.genicam.hosting.exit_text import exit_text
from drivers.genicam.hosting.host_process import Reply, ignore_interrupts, portable
from drivers.genicam.hosting.spawning import CONTEXT, await_begin, spawned, tell_begin

LIMIT_S = 20.0
"""Loading a producer and looking for its cameras; a second each is usual, GigE may take five."""

Result = TypeVar("Result")


def call_and_answer(
    answer: Connection, function: Callable[..., Any], arguments: tuple[Any, ...]
) -> None:
    """What the child process does: call, and send a :class:`Reply`."""
    ignore_interrupts()
    tell_begin(answer)
    with open(os.devnull, "w", encoding="utf-8") as nowhere:
        # A producer that hangs holds the interpreter's lock, and the program may be no more.
        faulthandler.dump_traceback_later(2 * LIMIT_S, exit=True, file=nowhere)
        try:
            reply = Reply(function(*arguments))
        except Exception as error:
            reply = Reply(failure=portable(error))
        finally:
            faulthandler.cancel_dump_traceback_later()
    with contextlib.suppress(OSError):  # the program may be no more
        answer.send(reply)


class ChildCall(Generic[Result]):
    """``function(*arguments)`` for ``producer``, begun when made; ``doing`` says it in words.

    Function, arguments and result travel between processes.
    """

    def __init__(
        self,
        producer: Path,
        doing: str,
        function: Callable[..., Result],
        *arguments: Any,
    ) -> None:
        self._producer = producer
        self._doing = doing
        self._answer, answer = CONTEXT.Pipe(duplex=False)
        self._process = spawned(doing, call_and_answer, answer, function, arguments)
        answer.close()

    def result(self) -> Result:
        """What the function gives, once; the process ends.

        Raises what the function raises, and :class:`InstrumentError` where the producer hangs
        or crashes.
        """
        try:
            began_s = await_begin(self._process, self._answer, f"for {self._producer}")
            left_s = max(0.0, began_s + LIMIT_S - time.monotonic())
            if not wait([self._answer, self._process.sentinel], left_s):
                raise InstrumentError(
                    f"producer {self._producer} did not answer for {LIMIT_S:g} s while "
                    f"{self._doing}, and was ended; update it, or take it out of "
                    "GENICAM_GENTL64_PATH"
                )
            reply = self._reply()
        finally:
            self._end()
        if reply.failure is not None:
            raise reply.failure
        result: Result = reply.value
        return result

    def _reply(self) -> Reply:
        try:
            if self._answer.poll():
                reply = self._answer.recv()
                assert isinstance(reply, Reply)
                return reply
        except (EOFError, OSError):
            pass  # it ended without an answer
        self._process.join(1.0)
        raise InstrumentError(
            f"producer {self._producer} {exit_text(self._process.exitcode)} while {self._doing}; "
            "update it, or take it out of GENICAM_GENTL64_PATH; others are not concerned"
        )

    def _end(self) -> None:
        # It has answered, or never will: unloading the producer may hang too.
        self._process.kill()
        self._process.join()
        self._answer.close()
