"""Errors that say what this computer has too little of, or does not allow, in one line."""

import errno

_MEMORY = (
    *("out of memory", "not enough memory", "can't allocate memory", "cannot allocate memory"),
    *("bad_alloc", "failed to map segment", "insufficient memory"),
)
"""Texts of torch, OpenVINO, OpenCV and the loader of libraries."""
_FILES = ("too many open files",)
_THREADS = ("can't start new thread", "cannot create thread", "pthread_create")

_ADVICE = {
    "not enough memory": "close other programs, choose smaller pictures, or raise the limit that "
    "this program runs under (ulimit -v, ulimit -d)",
    "too many open files": "raise the limit that this program runs under (ulimit -n)",
    "no thread or process can be started": "close other programs, or raise the limit that this "
    "program runs under (ulimit -u)",
    "nothing more can be written": "free some space, or raise the quota or the limit of file size "
    "(ulimit -f)",
}
_BY_NUMBER = {
    errno.ENOMEM: "not enough memory",
    errno.EMFILE: "too many open files",
    errno.ENFILE: "too many open files",
    errno.EAGAIN: "no thread or process can be started",
    errno.ENOSPC: "nothing more can be written",
    errno.EFBIG: "nothing more can be written",
    getattr(errno, "EDQUOT", errno.ENOSPC): "nothing more can be written",
    errno.EROFS: "nothing more can be written",
}
_BY_TEXT = (
    (_MEMORY, "not enough memory"),
    (_FILES, "too many open files"),
    (_THREADS, "no thread or process can be started"),
)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error, also of a library, means that memory ran out, on the host or on a GPU.

    >>> is_out_of_memory(RuntimeError("DefaultCPUAllocator: can't allocate memory"))
    True
    >>> is_out_of_memory(OSError(errno.ENOENT, "no such file"))
    False
    """
    return _limit(error) == "not enough memory"


def limit_text(error: BaseException) -> str:
    """What is lacking, and what to do; empty where the error means something else.

    >>> print(limit_text(OSError(errno.EMFILE, "Too many open files", "a.png")))
    too many open files (a.png); raise the limit that this program runs under (ulimit -n)
    >>> limit_text(ValueError("a defect"))
    ''
    """
    limit = _limit(error)
    if not limit:
        return ""
    told = error.filename or error.strerror if isinstance(error, OSError) else str(error)
    lines = str(told or "").strip().splitlines()
    where = f" ({lines[0]})" if lines and lines[0] != limit else ""
    return f"{limit}{where}; {_ADVICE[limit]}"


def _limit(error: BaseException) -> str:
    if isinstance(error, MemoryError):
        return "not enough memory"
    if isinstance(error, OSError) and error.errno in _BY_NUMBER:
        return _BY_NUMBER[error.errno]
    text = str(error).lower()
    return next((limit for signs, limit in _BY_TEXT if any(sign in text for sign in signs)), "")
