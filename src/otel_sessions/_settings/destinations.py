"""Which destinations of outgoing calls the user lists: what holds where nobody lists any is known without reading a list.

What a host is, and what a list may hold, is in `hosts`, which is loaded with the first list, or the first host to judge.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

# A name of 253 characters and its last dot; an address with a zone in brackets is shorter. It also bounds what the cache keeps.
MAX_HOST = 256

# Each service name, redis pod or bucket is one host, and few processes talk to more.
_CACHED_HOSTS = 1024

# What stands for servers of MCP that are programs on this machine, and have no address; also for a host of that name.
_MCP = "mcp"


class Destinations:
    """Which hosts get session ids; ``str()`` gives the list, as it may stand in the environment.

    Attributes:
        items: ``private``, ``all``, ``none``, ``mcp``, globs, hosts and networks, each in its canonical form and once.
    """

    __slots__ = ("items",)

    def __init__(self, items: tuple[str, ...]) -> None:
        self.items: Final = items

    def __eq__(self, other: object) -> bool:
        """Tell whether it is the same list, in the same order."""
        return type(other) is Destinations and other.items == self.items

    def __hash__(self) -> int:
        """Go with `__eq__`."""
        return hash(self.items)

    def __repr__(self) -> str:
        """Show what is listed."""
        return f"{type(self).__name__}(items={self.items!r})"

    def __str__(self) -> str:
        """Return the items with commas between them, such as ``private,*.corp.example,10.0.0.0/8``."""
        return ",".join(self.items)

    @classmethod
    def parsed(cls, items: Iterable[str]) -> Destinations:
        """Return the destinations of a list: ``private``, ``all``, ``none``, ``mcp``, globs of hosts, hosts and CIDRs.

        In a glob ``?`` stands for one and ``*`` for any number of characters of one label; ``*.`` at the start
        stands for one or more labels.

        Args:
            items: Each may hold several, with commas between. No items are ``none``.

        Raises:
            UnusableDestinationError: An item is none of these, or ``none`` stands beside another.
        """
        from .hosts import items_of  # noqa: PLC0415  # see above

        found = items_of(items)
        return ALL if "all" in found else cls(found) if found else NONE

    def allows(self, host: str | None) -> bool:
        """Tell whether ``host`` gets session ids. Never raises, never looks a name up.

        Args:
            host: A name or an IP literal as in ``server.address``, with or without brackets, a zone or a last dot, and
                without a port; ``None`` where it is not known. ``all`` allows both what is malformed and ``None``.
        """
        if self.items == ("all",):
            return True
        return isinstance(host, str) and len(host) <= MAX_HOST and _is_allowed(self.items, host)

    def allows_mcp(self) -> bool:
        """Tell whether servers of MCP over stdio get session ids: by ``mcp`` in the list, or ``all``. Never raises."""
        return self.items == ("all",) or _MCP in self.items


ALL = Destinations(("all",))
"""Every host, also where it is malformed or not known."""

NONE = Destinations(("none",))
"""No host."""

PRIVATE = Destinations(("private",))
"""Hosts that by their text alone are on this machine, this network or this cluster."""


@lru_cache(maxsize=_CACHED_HOSTS)
def _is_allowed(items: tuple[str, ...], host: str) -> bool:
    from .hosts import is_allowed  # noqa: PLC0415  # see above; not for each call, but for each host

    return is_allowed(items, host)
