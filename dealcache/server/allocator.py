"""Keeps the C library's allocator from holding on to memory that a worker has freed.

glibc gives each thread an arena of its own, up to eight for each core, and takes ever larger buffers from arenas once
some were freed. A worker's threads each build a large answer now and then, so that every arena ends up as large as its
largest answers: in five minutes of load a worker grew by 130 MB, of which it used 10. With two arenas, and buffers of
128 kB and more mapped by themselves, that memory goes back when it is freed. See ``mallopt(3)``.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Mapping

_ARENA_MAX, _MMAP_THRESHOLD = -8, -3  # M_ARENA_MAX, M_MMAP_THRESHOLD in malloc.h

#: Threads hold the interpreter's lock while they allocate, mostly: more than two arenas gain no speed.
_ARENAS = 2
#: glibc's own threshold at start, which it raises to 32 MB as it goes unless it is set.
_MAPPED_BYTES = 128 * 1024


def limit_arenas(environment: Mapping[str, str]) -> bool:
    """Bound the memory that this process's allocator keeps; call it before threads are started.

    Args:
        environment: whatever an operator has set there by glibc's own variables stays.

    Returns:
        True if the bounds are set; False if the operator has set others, or the C library is not glibc.
    """
    mallopt: Callable[[int, int], int] | None = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None or any(name.startswith(("MALLOC_", "GLIBC_TUNABLES")) for name in environment):
        return False
    return bool(mallopt(_ARENA_MAX, _ARENAS) and mallopt(_MMAP_THRESHOLD, _MAPPED_BYTES))
