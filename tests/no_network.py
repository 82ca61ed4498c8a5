"""mien in a process that the kernel kills as soon as it turns to a network, by seccomp of Linux.

    python no_network.py alone detect family.jpg     # `mien detect family.jpg`

Unlike a check within Python it also holds compiled libraries, all threads and every process that is
started, and no attempt can be swallowed by whoever made it. It needs no rights.
"""

import ctypes
import platform
import struct
import sys
from typing import Final

CALLS: Final = {  # numbers of system calls, by architecture
    "x86_64": (0xC000003E, {"socket": 41, "connect": 42, "sendto": 44}),
    "aarch64": (0xC00000B7, {"socket": 198, "connect": 203, "sendto": 206}),
}
POSSIBLE: Final = sys.platform == "linux" and platform.machine() in CALLS

PR_SET_SECCOMP: Final = 22
PR_SET_NO_NEW_PRIVS: Final = 38
FILTER: Final = 2  # SECCOMP_MODE_FILTER
KILL: Final = 0x80000000  # SECCOMP_RET_KILL_PROCESS
ALLOW: Final = 0x7FFF0000

LOAD, EQUAL, AND, RETURN = 0x20, 0x15, 0x54, 0x06  # BPF: ld abs, jeq, alu and, ret
NUMBER, ARCHITECTURE, ARGUMENTS = 0, 4, 16  # where they stand in `struct seccomp_data`
STREAM: Final = 1  # SOCK_STREAM

Instruction = tuple[int, int, int, int]
"""Code, instructions to skip if true and if false, operand."""


def alone() -> list[Instruction]:
    """No socket can be made, of no kind: nothing is sent, asked or looked up."""
    architecture, calls = CALLS[platform.machine()]
    return [
        *_only(architecture),
        (LOAD, 0, 0, NUMBER),
        (EQUAL, 0, 1, calls["socket"]),
        (RETURN, 0, 0, KILL),
        (RETURN, 0, 0, ALLOW),
    ]


def answering() -> list[Instruction]:
    """Sockets that are called may answer; none may call another, nor send to an address.

    Neither `connect`, nor a socket that needs no connection, nor `sendto` with an address.
    """
    architecture, calls = CALLS[platform.machine()]
    return [
        *_only(architecture),
        (LOAD, 0, 0, NUMBER),
        (EQUAL, 7, 0, calls["connect"]),
        (EQUAL, 0, 3, calls["socket"]),
        (LOAD, 0, 0, ARGUMENTS + 8),  # its second argument: the kind
        (AND, 0, 0, 0xF),  # without SOCK_NONBLOCK and SOCK_CLOEXEC
        (EQUAL, 4, 3, STREAM),
        (EQUAL, 0, 3, calls["sendto"]),
        (LOAD, 0, 0, ARGUMENTS + 32),  # its fifth: where the address stands
        (EQUAL, 1, 0, 0),
        (RETURN, 0, 0, KILL),
        (RETURN, 0, 0, ALLOW),
    ]


def _only(architecture: int) -> list[Instruction]:
    """Kill what calls the kernel by the numbers of another architecture."""
    return [
        (LOAD, 0, 0, ARCHITECTURE),
        (EQUAL, 1, 0, architecture),
        (RETURN, 0, 0, KILL),
    ]


def bind(program: list[Instruction]) -> None:
    """Bind this process, its threads to come and its children to a filter, for good."""
    code = b"".join(struct.pack("HBBI", *instruction) for instruction in program)
    buffer = ctypes.create_string_buffer(code)
    pointer = ctypes.create_string_buffer(
        struct.pack("HP", len(program), ctypes.addressof(buffer))  # struct sock_fprog
    )
    libc = ctypes.CDLL(None, use_errno=True)
    for arguments in (
        (PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0),
        (PR_SET_SECCOMP, FILTER, ctypes.addressof(pointer), 0, 0),
    ):
        if libc.prctl(*map(ctypes.c_ulong, arguments)):
            raise OSError(ctypes.get_errno(), "prctl")


if __name__ == "__main__":
    kind, *words = sys.argv[1:]
    bind({"alone": alone, "answering": answering}[kind]())
    if words[0] == "-c":
        exec(words[1])
    else:
        sys.argv = ["mien", *words]
        from mien.cli.app import run

        run()
