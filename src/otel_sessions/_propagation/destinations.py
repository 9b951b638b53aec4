"""Which host a call goes to: as a URL, an authority or the target of a gRPC channel names it. Pure: no look-up, no I/O.

A text is read only where every client reads it the same way: of what one parser takes for a host and another
for a part of the path, none is told, and so it is refused.
"""

from __future__ import annotations

import re
from functools import lru_cache

from otel_sessions._settings.destinations import MAX_HOST
from otel_sessions._settings.hosts import IPV6, ZONE

# Several addresses with commas between; what is longer is no target that one writes.
_MAX_TARGET = 2048

# Each service name, redis pod or bucket is one target, and few processes talk to more.
_CACHED_TARGETS = 1024

# RFC 3986, section 3.2, cut down to what no two parsers read differently: one "@" at most, a user of plain ASCII, and
# for a host no sign but dot, hyphen and underscore. What is not ASCII is left for `Destinations.allows` to judge.
_USER = r"[A-Za-z0-9._~!$&'()*+,;=:%-]*@"
_ADDRESS = rf"\[([0-9A-Fa-f:.]{{2,45}}(?:{ZONE})?)\]"
_REG_NAME = rf"([^\x00-,/:-@\[-^`{{-\xa0\s]{{1,{MAX_HOST}}})"
_HOST_AND_PORT = rf"(?:{_REG_NAME}|{_ADDRESS})(?::[0-9]{{0,5}})?"
# Without a user first: there seldom is one, and the text fits one way alone.
_URL = re.compile(rf"[A-Za-z][A-Za-z0-9+.-]*://(?:{_USER})??{_HOST_AND_PORT}(?:[/?#]|\Z)")
_AUTHORITY = re.compile(_HOST_AND_PORT)

# gRPC name resolution (grpc/doc/naming.md): schemes that say the host, and schemes of a socket on this host.
_GRPC_HOST = re.compile(r"(?:dns:(?://[^/]*/)?|ipv4:|ipv6:)(?=[^/])")
_GRPC_SOCKET = ("unix:", "unix-abstract:")


def host_of_url(url: object) -> str | None:
    """Return the host that a client connects to for ``url``, as it stands there, or ``None``.

    ``None`` where there is no host, and where clients may differ on which it is (RFC 3986, section 3.2, and the WHATWG
    URL standard do): with a backslash, a control character, white space, an escaped sign or a second ``@`` before the
    path. Never raises. Nothing of it is kept in a cache: a URL may hold a password.

    Args:
        url: An absolute URL of any scheme that has ``//``.
    """
    return _host(_URL.match(url)) if isinstance(url, str) else None


def host_of_authority(authority: object) -> str | None:
    """Return the host of an authority or of a gRPC target, as it stands there, or ``None``.

    Several addresses with commas between have a host where all have the same. A socket of this machine is
    ``localhost``. Never raises.

    Args:
        authority: ``host``, ``host:port``, ``[::1]:50051``, or one of the schemes ``dns``, ``ipv4``, ``ipv6``,
            ``unix`` and ``unix-abstract``, such as ``dns:///host:port``.
    """
    return _host_of_target(authority) if isinstance(authority, str) and len(authority) <= _MAX_TARGET else None


@lru_cache(maxsize=_CACHED_TARGETS)
def _host_of_target(target: str) -> str | None:
    if target.startswith(_GRPC_SOCKET):
        return "localhost"
    scheme = _GRPC_HOST.match(target)
    addresses = target[scheme.end() if scheme else 0 :].split(",")
    hosts = {_host_of_address(address) for address in addresses}
    return hosts.pop() if len(hosts) == 1 else None


def _host_of_address(address: str) -> str | None:
    if address.count(":") > 1 and IPV6.fullmatch(address):  # without brackets, and so without a port
        return address
    return _host(_AUTHORITY.fullmatch(address))


def _host(found: re.Match[str] | None) -> str | None:
    return (found[1] or found[2]) if found else None
