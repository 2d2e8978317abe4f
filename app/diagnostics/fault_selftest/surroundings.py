"""Surroundings that are starved or lie: each a line of shell around a command."""

import shutil
import sys
from dataclasses import dataclass

_MATERIAL_KB = "$(du -sk . | cut -f1)"


@dataclass(frozen=True, slots=True)
class Surrounding:
    """A shortage, and how it is made.

    ``shell`` runs in the place of a command, which is ``"$@"``; ``{level}`` is a number between
    the two ``levels``, and ``{moment}`` one in seconds while the command runs. ``works``: only
    status 0 is right, else a failure in one line is right as well. ``mute``: no line can be asked
    for. ``only`` are the names of the commands to try, all where it is empty; ``needs`` the
    programs without which it cannot be made. ``bounded``: memory is no limit that may be reached.
    ``may_abort``: native libraries end the process where they find no memory while they are
    loaded, which no program can prevent; right only while nothing was begun.
    """

    name: str
    shell: str
    only: tuple[str, ...] = ()
    levels: tuple[int, int] = (0, 0)
    works: bool = False
    mute: bool = False
    needs: tuple[str, ...] = ()
    longest_s: float = 180.0
    bounded: bool = False
    may_abort: bool = False

    def takes(self, command: str) -> bool:
        """Whether a command of this name is to be tried."""
        return not self.only or command in self.only

    def lacks(self) -> str:
        """The first program that it needs and this machine does not have; else empty."""
        if sys.platform != "linux":
            return "Linux"
        return next((each for each in self.needs if shutil.which(each) is None), "")


def _mounted(then: str) -> str:
    """``then`` as the owner of a name space, in which file systems can be mounted by anybody."""
    return f"exec unshare -rm sh -c '{then}' sh \"$@\""


def _on_a_disk(size_kb: str, meanwhile: str = "") -> str:
    """The command on a disk of its own of that size, whose content comes back afterwards."""
    return _mounted(
        f"mkdir -p ../disk && mount -t tmpfs -o size={size_kb}k none ../disk && "
        f"mkdir ../disk/run && cp -a . ../disk/run && (cd ../disk/run; {meanwhile} "
        '"$@"); status=$?; rm -f ../disk/filler; find . -mindepth 1 -delete; '
        "cp -a ../disk/run/. .; exit $status"
    )


def _while_it_runs(then: str) -> str:
    """``then``, with the process in ``$ngs``, at a moment while the command runs."""
    return f'"$@" & ngs=$!; sleep {{moment}}; {then}; wait $ngs'


_OF_ALL = 'children() { for each in $(cat /proc/$1/task/*/children 2>/dev/null); do echo $each; children $each; done; }'  # fmt: skip  # noqa: E501
_STREAMING = ("live", "record", "record two cameras", "record a hosted camera")
_WRITING = (
    *("record", "record two cameras", "restore a recording", "restore to a video"),
    *("export pictures", "export a video", "synthesize", "train", "calibrate dark"),
)
_PRINTING = ("info", "verify", "models", "cameras", "help")
_DISK_CALLS = "pwrite64,fsync,ftruncate,rename,mkdir"
"""What is only done to files; ``write`` is done to the terminal as well."""
_CLOCK_SOURCE = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/time.h>
#include <time.h>

static long ahead_s(void) {
    long ahead = 0;
    FILE *file = fopen(getenv("WALL_CLOCK"), "r");
    if (file) {
        if (fscanf(file, "%ld", &ahead) != 1) ahead = 0;
        fclose(file);
    }
    return ahead;
}

int clock_gettime(clockid_t clock, struct timespec *now) {
    int (*real)(clockid_t, struct timespec *) = dlsym(RTLD_NEXT, "clock_gettime");
    int failed = real(clock, now);
    if (!failed && clock == CLOCK_REALTIME) now->tv_sec += ahead_s();
    return failed;
}

time_t time(time_t *told) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (told) *told = now.tv_sec;
    return now.tv_sec;
}

int gettimeofday(struct timeval *told, void *zone) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    told->tv_sec = now.tv_sec;
    told->tv_usec = now.tv_nsec / 1000;
    return 0;
}

int sem_timedwait(sem_t *semaphore, const struct timespec *until) {
    int (*real)(sem_t *, const struct timespec *) = dlsym(RTLD_NEXT, "sem_timedwait");
    struct timespec truly = *until;
    truly.tv_sec -= ahead_s();
    return real(semaphore, &truly);
}
"""
"""A wall clock that is ahead by the seconds in a file. Not libfaketime: its ``clock_nanosleep``
refuses to sleep by the monotonic clock, which no step of a wall clock does."""
_WALL_CLOCK = (
    f"printf %s '{_CLOCK_SOURCE}' | cc -shared -fPIC -x c - -o ../wall-clock.so -ldl && "
    "echo 0 > ../wall-clock && "
    "export LD_PRELOAD=$PWD/../wall-clock.so WALL_CLOCK=$PWD/../wall-clock; "
)

SURROUNDINGS: tuple[Surrounding, ...] = (
    Surrounding("few open files", 'ulimit -n {level}; exec "$@"', levels=(10, 64), needs=("sh",)),
    Surrounding("small files", 'ulimit -f {level}; exec "$@"', levels=(0, 4000)),
    Surrounding(
        "little address space",
        'ulimit -v {level}; exec "$@"',
        levels=(150_000, 6_000_000),
        may_abort=True,
    ),
    Surrounding(
        "little memory for data",
        'ulimit -d {level}; exec "$@"',
        levels=(40_000, 1_500_000),
        may_abort=True,
    ),
    Surrounding("a small stack", 'ulimit -s {level}; exec "$@"', levels=(256, 8192)),
    Surrounding(
        "a full disk",
        _on_a_disk(f"$(({_MATERIAL_KB} + {{level}}))"),
        _WRITING,
        levels=(50, 4000),
        needs=("unshare",),
    ),
    Surrounding(
        "a disk that fills up",
        _on_a_disk(
            f"$(({_MATERIAL_KB} + 200000))",
            "(sleep {moment}; cat /dev/zero > ../filler) 2>/dev/null &",
        ),
        _WRITING,
        needs=("unshare",),
    ),
    Surrounding(
        "a read-only folder",
        _mounted('mount --bind . . && mount -o remount,bind,ro . && cd "$PWD" && exec "$@"'),
        needs=("unshare",),
    ),
    *(
        Surrounding(
            f"a disk that answers {error}",
            f"exec strace -f --seccomp-bpf -qq -o /dev/null -e inject={_DISK_CALLS}:"
            f'error={error}:when={{level}}+ "$@"',
            _WRITING,
            levels=(1, 20),
            needs=("strace",),
        )
        for error in ("EIO", "EDQUOT", "ENOSPC")
    ),
    Surrounding(
        "no shared memory",
        _mounted('mount -t tmpfs -o ro none /dev/shm && exec "$@"'),
        needs=("unshare",),
    ),
    Surrounding(
        "little shared memory",
        _mounted('mount -t tmpfs -o size={level}k none /dev/shm && exec "$@"'),
        levels=(4, 4000),
        needs=("unshare",),
    ),
    Surrounding(
        "a full folder of temporary files",
        _mounted(
            "mkdir -p ../temporary && mount -t tmpfs -o size=4k none ../temporary && "
            'cat /dev/zero > ../temporary/full 2>/dev/null; exec env TMPDIR=$PWD/../temporary "$@"'
        ),
        needs=("unshare",),
    ),
    Surrounding("no folder of temporary files", 'exec env TMPDIR=/nowhere "$@"', works=True),
    Surrounding("no home", 'unset HOME XDG_CACHE_HOME; exec "$@"', works=True),
    Surrounding("a home nowhere", 'unset XDG_CACHE_HOME; exec env HOME=/dev/null "$@"', works=True),
    Surrounding(
        "a cache that is a file",
        'touch ../file; exec env XDG_CACHE_HOME=$PWD/../file "$@"',
        works=True,
    ),
    Surrounding("no PATH", 'exec env PATH= "$@"', works=True),
    Surrounding(
        "no language, and letters",
        'rm -rf "../Büro 測"; cp -a . "../Büro 測"; cd "../Büro 測"; '
        'LC_ALL=C PYTHONUTF8=0 PYTHONCOERCECLOCALE=0 "$@"; '
        'status=$?; cp -a . "$OLDPWD"; exit $status',
        works=True,
    ),
    Surrounding("no language", 'exec env LC_ALL=POSIX LANG=C "$@"', works=True),
    Surrounding("standard output closed", 'exec "$@" >&-', mute=True),
    Surrounding("standard error closed", 'exec "$@" 2>&-', mute=True, works=True),
    Surrounding("standard input closed", 'exec "$@" <&-', works=True),
    Surrounding("all three closed", 'exec "$@" <&- >&- 2>&-', mute=True),
    Surrounding("standard output full", 'exec "$@" > /dev/full'),
    Surrounding("standard error full", 'exec "$@" 2> /dev/full', mute=True),
    Surrounding(
        "nobody reads on",
        '(exec 3>&1; exit $({ { "$@"; echo $? >&4; } | head -n 1 >/dev/null; } 4>&1))',
        mute=True,
    ),
    Surrounding("an endless line on standard input", 'exec "$@" < /dev/zero'),
    Surrounding(
        "stopped for a while",
        _while_it_runs(
            f'{_OF_ALL}; all="$ngs $(children $ngs)"; kill -STOP $all; sleep {{level}}; '
            "kill -CONT $all"
        ),
        levels=(1, 4),
        works=True,
    ),
    Surrounding(
        "its processes stopped for a while",
        _while_it_runs(
            f'{_OF_ALL}; all=$(children $ngs); [ -z "$all" ] || kill -STOP $all; '
            'sleep {level}; [ -z "$all" ] || kill -CONT $all'
        ),
        ("record a hosted camera", "synthesize", "train", "restore pictures"),
        levels=(1, 3),
    ),
    Surrounding(
        "busy cores",
        'for each in 1 2 3; do (while :; do :; done) & busy="$busy $!"; done; '
        'nice -n 19 chrt -i 0 "$@"; status=$?; kill $busy; exit $status',
        works=True,
        needs=("chrt",),
    ),
    Surrounding("one core", 'exec taskset -c 0 "$@"', works=True, needs=("taskset",)),
    *(
        Surrounding(
            f"the wall clock steps {direction}",
            _WALL_CLOCK + _while_it_runs(f"echo {sign}{{level}} > ../wall-clock"),
            levels=(1, 400_000_000),
            works=True,
            needs=("cc",),
        )
        for direction, sign in (("forwards", ""), ("backwards", "-"))
    ),
    Surrounding("few processes", 'ulimit -p {level}; exec "$@"', levels=(1, 60)),
)
"""All that are tried."""
