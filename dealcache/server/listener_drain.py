"""Lets a listening socket drain: no new connection gets into its queue, and nothing else changes.

Closing a listening socket resets the connections that wait in its queue. Emptying the queue first does not help while
new ones keep coming: one always arrives between the last look and the closing. So the kernel is told to ignore packets
to the listener before the queue is emptied. A new client gets no answer yet; its kernel retries a second later, and
finds the port closed or the next instance there.
"""

from __future__ import annotations

import ctypes
import socket
import struct
import sys

#: Linux, asm-generic/socket.h; Python has no name for it.
_SO_ATTACH_FILTER = 26

#: A classic BPF instruction (``struct sock_filter``) that returns a constant (Linux, bpf_common.h): 0, keep no byte of
#: the packet.
_RETURN_NOTHING = struct.pack("HBBI", 0x06, 0, 0, 0)


def refuse_new_connections(listener: socket.socket) -> None:
    """Let no new connection into the queue of ``listener``; queued and accepted ones are not affected.

    This holds for every process that shares the socket, and cannot be undone: use it when all are about to close it.
    Only Linux supports it, and only TCP needs it, because a Unix socket's path is removed first.
    """
    if sys.platform == "linux" and listener.family in (socket.AF_INET, socket.AF_INET6):
        instructions = ctypes.create_string_buffer(_RETURN_NOTHING)
        program = struct.pack("HP", 1, ctypes.addressof(instructions))  # struct sock_fprog
        listener.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, program)
