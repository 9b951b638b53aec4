"""Several hosts on this machine: network namespaces with an address each, on one switch, which can be unplugged.

Only inside a network namespace of the tests' own (``tests/alone.py``), which the switch is in, and the machine's network is not.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import NamedTuple

_NETWORK = "10.231.0"
_SWITCH = "switch"


def why_not() -> str | None:
    """Return why there can be none here; ``None`` if there can."""
    if not os.environ.get("ALONE"):
        return "no network namespace of its own: make test-collector makes one, where that is allowed"
    if shutil.which("ip") is None:
        return "no `ip`: it is in the package iproute2"
    return None


class Host(NamedTuple):
    """A host, on the switch.

    Attributes:
        name: Of its namespace.
        address: Its IPv4 address.
        plug: The switch's end of its cable.
    """

    name: str
    address: str
    plug: str

    @property
    def inside(self) -> tuple[str, ...]:
        """What to put before a command to run it there."""
        return ("ip", "netns", "exec", self.name)

    def unplug(self) -> None:
        _ip("link", "set", self.plug, "down")

    def plug_in(self) -> None:
        _ip("link", "set", self.plug, "up")


class Switch:
    """The network between the hosts; the test itself is on it, too, at `address`."""

    address = f"{_NETWORK}.1"

    def __init__(self) -> None:
        self._hosts: list[Host] = []
        _ip("link", "add", _SWITCH, "type", "bridge")
        _ip("address", "add", f"{self.address}/24", "dev", _SWITCH)
        _ip("link", "set", _SWITCH, "up")

    def host(self, name: str) -> Host:
        """Add a host."""
        number = len(self._hosts) + 2
        host = Host(f"{name}-{os.getpid()}", f"{_NETWORK}.{number}", f"plug{number}")
        _ip("netns", "add", host.name)
        self._hosts.append(host)
        _ip("link", "add", host.plug, "type", "veth", "peer", "name", "eth0", "netns", host.name)
        _ip("link", "set", host.plug, "master", _SWITCH, "up")
        _ip("-n", host.name, "address", "add", f"{host.address}/24", "dev", "eth0")
        for interface in ("eth0", "lo"):
            _ip("-n", host.name, "link", "set", interface, "up")
        return host

    def remove(self) -> None:
        for host in self._hosts:
            _ip("netns", "delete", host.name)  # with both ends of its cable
        _ip("link", "delete", _SWITCH)


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, timeout=120)  # noqa: S607  # where it is differs
