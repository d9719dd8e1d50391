"""Lets a listening socket drain: no new connection gets into its queue, and nothing else changes.

Closing a listening socket resets the connections that wait in its queue. Emptying the queue first does not help while
new ones keep coming: one always arrives between the last look and the closing. So the kernel is told to ignore packets
to the listener before the queue is emptied. A new client gets no answer yet; its kernel retries a second later, and
finds the port closed or the next instance there.
"""

from __future__ import annotations

import ctypes
import socket
import sys

#: Linux, asm-generic/socket.h; Python has no name for it.
_SO_ATTACH_FILTER = 26

#: A classic BPF instruction that returns a constant (Linux, bpf_common.h): 0, keep no byte of the packet.
_RETURN_CONSTANT = 0x06


class _Instruction(ctypes.Structure):
    """``struct sock_filter``."""

    _fields_ = (
        ("code", ctypes.c_uint16),
        ("jump_true", ctypes.c_uint8),
        ("jump_false", ctypes.c_uint8),
        ("constant", ctypes.c_uint32),
    )


class _Program(ctypes.Structure):
    """``struct sock_fprog``."""

    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.POINTER(_Instruction)))


def refuse_new_connections(listener: socket.socket) -> bool:
    """Let no new connection into the queue of ``listener``; queued and accepted ones are not affected.

    This holds for every process that shares the socket, and cannot be undone: use it when all are about to close it.

    Returns:
        True if it was done: only Linux supports it, and only TCP needs it, because a Unix socket's path is removed
        first.
    """
    if sys.platform != "linux" or listener.family not in (socket.AF_INET, socket.AF_INET6):
        return False
    instruction = _Instruction(_RETURN_CONSTANT, 0, 0, 0)
    program = _Program(1, ctypes.pointer(instruction))
    listener.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, bytes(program))
    return True
