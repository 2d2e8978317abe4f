"""A thread that can be stopped and reports its failure."""

import threading
from collections.abc import Callable


class StoppableThread:
    """Runs ``body`` once, which returns soon after the event it is given is set.

    ``on_failure`` is called with any exception that ends the body.
    """

    def __init__(
        self,
        name: str,
        body: Callable[[threading.Event], None],
        on_failure: Callable[[Exception], None],
    ) -> None:
        self._body = body
        self._on_failure = on_failure
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End the body and wait for it; safe before the start, twice, and from the body itself."""
        self._stopping.set()
        if self._thread.is_alive() and self._thread is not threading.current_thread():
            self._thread.join()

    def _run(self) -> None:
        try:
            self._body(self._stopping)
        except Exception as error:
            self._on_failure(error)
