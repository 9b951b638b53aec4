"""Runs a command where there is no network but loopback: ``python alone.py command ...``.

Phoenix opens a port for gRPC on every interface, whatever PHOENIX_HOST says. In a network namespace of its own nobody
can reach it, and whatever network a test makes in there is nobody else's. Where none can be made the command runs as it is,
without ``ALONE`` in its environment.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import socket
import struct
import subprocess
import sys

_GET_FLAGS, _SET_FLAGS, _UP = 0x8913, 0x8914, 0x1  # SIOCGIFFLAGS, SIOCSIFFLAGS, IFF_UP: linux/sockios.h, linux/if.h
_INSIDE = "--inside"


def main(command: list[str]) -> None:
    if command[0] == _INSIDE:
        bring_loopback_up()
        replace(command[1:], os.environ | {"ALONE": "1"})
    namespace = next(filter(can_be_made, (["--net"], ["--net", "--map-root-user"])), None)
    if namespace is None:
        sys.stdout.write("no network namespace can be made here: what needs one is left out\n")
        sys.stdout.flush()
        replace(command, os.environ)
    replace(["unshare", *namespace, sys.executable, __file__, _INSIDE, *command], os.environ)


def can_be_made(namespace: list[str]) -> bool:
    """Tell whether ``unshare`` is there, and may do it: as root, or as any user where those may have namespaces."""
    unshare = shutil.which("unshare")
    if unshare is None:
        return False
    return subprocess.run([unshare, *namespace, "true"], stderr=subprocess.DEVNULL, check=False).returncode == 0


def bring_loopback_up() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        name, flags = struct.unpack("16sh", fcntl.ioctl(any_socket, _GET_FLAGS, struct.pack("16sh", b"lo", 0)))
        fcntl.ioctl(any_socket, _SET_FLAGS, struct.pack("16sh", name, flags | _UP))


def replace(command: list[str], environment: dict[str, str]) -> None:
    os.execvpe(command[0], command, environment)  # noqa: S606  # what the caller says is to be run


if __name__ == "__main__":
    main(sys.argv[1:])
