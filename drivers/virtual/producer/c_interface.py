"""C interface of the producer: entry points, handles, and the writing of answers."""

import logging
import threading
from collections.abc import Callable
from itertools import count
from typing import Any, TypeVar

from drivers.callbacks import callback
from drivers.virtual.camera.gentl import DataType, ErrorCode, GenTLError, Info
from drivers.virtual.producer._gentl import ffi

_log = logging.getLogger(__name__)
_SUCCESS = 0
_C_TYPES = {
    DataType.INT32: "int32_t",
    DataType.UINT32: "uint32_t",
    DataType.UINT64: "uint64_t",
    DataType.PTR: "uintptr_t",
    DataType.BOOL8: "uint8_t",
    DataType.SIZET: "size_t",
}
_last_error = threading.local()
_Module = TypeVar("_Module")


def entry(name: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Register a function as a GenTL function; its exceptions become error codes."""

    def register(function: Callable[..., None]) -> Callable[..., None]:
        @callback
        def call(*arguments: Any) -> int:
            try:
                function(*arguments)
            except GenTLError as error:
                return _failed(error.code, str(error))
            except Exception as error:
                # A defect of the producer. It cannot pass through C, so it is logged here.
                _log.exception("%s failed", name)
                return _failed(ErrorCode.ERROR, repr(error))
            return _SUCCESS

        ffi.def_extern(name=f"py_{name}", error=int(ErrorCode.ABORT))(call)
        return function

    return register


def _failed(code: ErrorCode, text: str) -> int:
    _last_error.code, _last_error.text = int(code), text
    return int(code)


def last_error() -> tuple[int, str]:
    """Code and text of this thread's last failure."""
    code: int = getattr(_last_error, "code", _SUCCESS)
    text: str = getattr(_last_error, "text", "no error")
    return code, text


class Handles:
    """The producer's modules by handle.

    Handles are numbers that are never used again, not addresses. So a stale handle is
    refused.
    """

    def __init__(self) -> None:
        self._modules: dict[int, object] = {}
        self._numbers = count(1)

    def add(self, module: object, target: Any) -> int:
        """Write a new handle of ``module`` to ``target`` and return its number."""
        number = next(self._numbers)
        self._modules[number] = module
        target[0] = ffi.cast("void *", number)
        return number

    def find(self, handle: Any) -> object | None:
        """The module of a handle, of any kind; None for a stale handle."""
        return self._modules.get(address(handle))

    def get(self, handle: Any, kind: type[_Module]) -> _Module:
        """The module of a handle; raises INVALID_HANDLE if it is not of ``kind``."""
        module = self._modules.get(address(handle))
        if not isinstance(module, kind):
            raise GenTLError(ErrorCode.INVALID_HANDLE, f"the handle is no {kind.__name__}")
        return module

    def all_of(self, kind: type[_Module]) -> list[_Module]:
        """Every module of a kind."""
        return [module for module in list(self._modules.values()) if isinstance(module, kind)]

    def give(self, module: object, target: Any) -> None:
        """Write the existing handle of a module to ``target``."""
        numbers = [number for number, item in list(self._modules.items()) if item is module]
        target[0] = ffi.cast("void *", numbers[0])

    def forget(self, *modules: object) -> None:
        """Make the handles of these modules stale."""
        gone = {id(module) for module in modules}
        for number, item in list(self._modules.items()):
            if id(item) in gone:
                del self._modules[number]

    def clear(self) -> None:
        """Make every handle stale."""
        self._modules.clear()


handles = Handles()


def address(pointer: Any) -> int:
    """A C pointer as an int."""
    return int(ffi.cast("uintptr_t", pointer))


def text_at(pointer: Any) -> str:
    """A C string as text."""
    return str(ffi.string(pointer).decode())


def give_bytes(data: bytes, target: Any, size: Any) -> None:
    """Write bytes and their size; only the size if ``target`` is NULL, GenTL's first call."""
    if target != ffi.NULL:
        if size[0] < len(data):
            raise GenTLError(
                ErrorCode.BUFFER_TOO_SMALL, f"{size[0]} bytes given, {len(data)} are needed"
            )
        ffi.memmove(target, data, len(data))
    size[0] = len(data)


def give_text(value: str, target: Any, size: Any) -> None:
    """Write text; its size includes the closing NUL."""
    give_bytes(value.encode() + b"\0", target, size)


def give_info(answer: Info, kind: Any, target: Any, size: Any) -> None:
    """Write the answer to an information command, and its type."""
    if kind != ffi.NULL:
        kind[0] = int(answer.type)
    if isinstance(answer.value, str):
        give_text(answer.value, target, size)
    else:
        number = ffi.new(f"{_C_TYPES[answer.type]} *", answer.value)
        give_bytes(bytes(ffi.buffer(number)), target, size)


def give_id(ids: list[str], index: int, target: Any, size: Any) -> None:
    """Write the ID at ``index``; raises INVALID_INDEX beyond the last one."""
    if index >= len(ids):
        raise GenTLError(ErrorCode.INVALID_INDEX, f"index {index} of {len(ids)} entries")
    give_text(ids[index], target, size)


def check_id(asked: str, known: str) -> None:
    """Raise INVALID_ID unless ``asked`` is the known ID."""
    if asked != known:
        raise GenTLError(ErrorCode.INVALID_ID, f"{asked!r} is unknown; there is {known!r}")
