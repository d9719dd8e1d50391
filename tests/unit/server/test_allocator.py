from __future__ import annotations

import os
import subprocess
import sys

import pytest

from dealcache.server.allocator import limit_arenas

#: Twenty threads allocate at once; prints how many arenas the allocator has made for them.
_SCRIPT = """
import ctypes, os, sys, threading
from dealcache.server.allocator import limit_arenas
if sys.argv[1] == "limited":
    assert limit_arenas({})
all_here = threading.Barrier(20)
def allocate():
    all_here.wait()
    libc.malloc(1000)
    all_here.wait()
libc = ctypes.CDLL(None)
threads = [threading.Thread(target=allocate) for _ in range(20)]
for thread in threads: thread.start()
for thread in threads: thread.join()
libc.fopen.restype = ctypes.c_void_p
file = ctypes.c_void_p(libc.fopen(sys.argv[2].encode(), b"w"))
libc.malloc_info(0, file)
libc.fclose(file)
"""

glibc_only = pytest.mark.skipif(
    not hasattr(os, "confstr") or "CS_GNU_LIBC_VERSION" not in os.confstr_names, reason="no glibc"
)


def _arenas(tmp_path, how):
    path = tmp_path / "info.xml"
    subprocess.run([sys.executable, "-c", _SCRIPT, how, str(path)], check=True)
    return path.read_text().count("<heap nr=")


@glibc_only
def test_threads_share_two_arenas(tmp_path):
    assert _arenas(tmp_path, "limited") == 2
    assert _arenas(tmp_path, "as it is") > 2


@pytest.mark.parametrize("name", ["MALLOC_ARENA_MAX", "GLIBC_TUNABLES"])
def test_what_an_operator_has_set_stays(name):
    assert not limit_arenas({name: "4"})
