"""Which destinations of outgoing calls may be sent session ids. Pure: no look-up, no I/O.

A host is judged by its text alone, and only where every client reads that text the same way:
what one parser takes for a name and another for an address, or what only some parsers cut where
we cut it, is refused. To refuse costs one link between two traces; to allow may give an id away.
"""

from __future__ import annotations

import re
from fnmatch import fnmatchcase
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_network
from stringprep import in_table_a1
from typing import TYPE_CHECKING, TypeAlias
from unicodedata import normalize

if TYPE_CHECKING:
    from collections.abc import Iterable

Host: TypeAlias = "str | IPv4Address | IPv6Address"
Network: TypeAlias = "IPv4Network | IPv6Network"

# RFC 1035, section 2.3.4: a name is 255 octets on the wire, which is 253 characters and a last dot.
_MAX_NAME = 253

_CACHED_LISTS = 64

# What stands in a list and is no host, even where a host has that name.
_WORDS = frozenset({"private", "all", "none"})

_PRIVATE_NETWORKS: tuple[Network, ...] = (
    IPv4Network("127.0.0.0/8"),  # loopback: RFC 1122, section 3.2.1.3
    IPv4Network("10.0.0.0/8"),  # private: RFC 1918, section 3
    IPv4Network("172.16.0.0/12"),
    IPv4Network("192.168.0.0/16"),
    IPv4Network("169.254.0.0/16"),  # link-local: RFC 3927; the metadata service of the clouds is there too
    IPv6Network("::1/128"),  # loopback: RFC 4291, section 2.5.3
    IPv6Network("fc00::/7"),  # unique local: RFC 4193
    IPv6Network("fe80::/10"),  # link-local: RFC 4291, section 2.5.6
    # The unspecified addresses: to connect to them is to connect to the own host (Linux, macOS) or to fail (Windows).
    # No packet with them as its destination leaves a host, and servers log them as their URL.
    IPv4Network("0.0.0.0/32"),
    IPv6Network("::/128"),
)
"""Not ``is_private`` of `ipaddress`: that has documentation and reserved ranges too, and changes between Pythons.

Without 100.64.0.0/10 (RFC 6598), which a carrier shares, and without 6to4, Teredo and NAT64, which carry public
addresses inside.
"""

# RFC 6762 (.local), RFC 6761 (.localhost), ICANN resolution 2024.07.29.06 (.internal); .svc is Kubernetes' own.
_PRIVATE_NAMES = ("*.local", "*.internal", "*.svc", "*.cluster.local", "*.localhost")

# RFC 952 and RFC 1123, section 2.1, in lower case, with the underscore that containers have in their names.
_NAME = re.compile(r"(?:[a-z0-9_-]{1,63}\.)*[a-z0-9_-]{1,63}")
_GLOB = re.compile(r"(?:[a-z0-9_*?-]{1,63}\.)*[a-z0-9_*?-]{1,63}")
# What WHATWG URL, section 3.5 ("ends in a number"), and inet_aton take for an address and not for a name.
_ENDS_IN_NUMBER = re.compile(r"(?:.*\.)?(?:[0-9]+|0x[0-9a-f]*)")
# A name that the search list of the resolver completes; no encoded one, which a client may read as something else.
_SINGLE_LABEL = re.compile(r"(?!xn--)[a-z][a-z0-9_-]*")
# Letters that can't be seen, which some clients drop (UTS 46, section 5: ignored) and others encode.
_UNSEEN = frozenset("\u115f\u1160\u17b4\u17b5")
_ADDRESS_OR_NETWORK = re.compile(r"[0-9A-Fa-f:.]+(?:/[0-9]{1,3})?")
# RFC 4007, section 11 and RFC 6874, section 2: the zone, with "%" or "%25" before it.
ZONE = r"%[A-Za-z0-9._~-]{1,32}"
IPV6 = re.compile(rf"([0-9A-Fa-f:.]{{2,45}})(?:{ZONE})?")

# The first that is found is what is wrong with an item of a list, and the remedy.
_PROBLEMS = (
    (r"\A\Z", "is empty: name a host, or leave out the comma"),
    (r"\s", "has white space in it: put a comma between two hosts"),
    (r"@", "has a user in it: give the host only"),
    (r"//", "is a URL: give its host only"),
    (r"\A\*\Z", "stands for every host: write all"),
    (r"\A[*?]+\Z", "says nothing of the host: write all or private"),
    (r"/[0-9]*\Z", "is no network: give one such as 10.0.0.0/8 or fd00::/8, or a host without a path"),
    (r"/", "has a path: give the host only"),
    (r"%", "has a zone or an escaped sign in it: give the plain host only"),
    (r"\A[^:]*:[0-9]*\Z|\]:", "has a port: give the host only"),
    (r"[:\[\]]", "is no address: give one such as fd00::1"),
    (r"\A\.", "starts with a dot: write *. before the name"),
    (r"\.[^.]*[*?][^.]*\Z", "ends in a wildcard, and so anyone's host may match: write the end, or a network"),
    (r"\A[0-9.]+\.?\Z|(?:\A|\.)0[xX]", "is no address in its usual form: write it as 10.0.0.1"),
    (r"", "is no name of a host"),
)
_SHOWN = 100


class UnusableDestinationError(ValueError):
    """An item of a list of destinations can't be used; the message says why, and what to write.

    Attributes:
        item: The item, as it stood in the list.
    """

    def __init__(self, item: object, problem: str) -> None:
        """Show ``item`` in the message, except where it may hold a password."""
        text = repr(item)
        shown = "an item" if "@" in text else text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."
        super().__init__(f"{shown} {problem}")
        self.item = item


def items_of(texts: Iterable[str]) -> tuple[str, ...]:
    """Return the items of a list, each in its canonical form and once: see `destinations.Destinations.parsed`.

    Raises `UnusableDestinationError`.
    """
    canonical = tuple(dict.fromkeys(_item(text) for text in _split(texts)))
    if "none" in canonical and len(canonical) > 1:
        problem = "stands beside other destinations: leave out one or the other"
        raise UnusableDestinationError(canonical[canonical.index("none")], problem)
    return canonical


def is_allowed(items: tuple[str, ...], host: str) -> bool:
    """Tell whether a list of these ``items`` allows ``host``. Never raises."""
    known = _canonical(host)
    if known is None:
        return False
    if not isinstance(known, str):
        return any(known in network for network in _networks(items))
    # With a last dot it is a name of the root, and no search list completes it: a top-level domain.
    is_top = host.endswith(".") and "." not in known and known != "localhost"
    if "private" in items and _is_private(known) and not is_top:
        return True
    return any(_matches(item, known) for item in items if item not in _WORDS)


@lru_cache(maxsize=_CACHED_LISTS)
def _networks(items: tuple[str, ...]) -> tuple[Network, ...]:
    own = tuple(network for network in map(_network, items) if network is not None)
    return own + _PRIVATE_NETWORKS if "private" in items else own


def _is_private(name: str) -> bool:
    return _SINGLE_LABEL.fullmatch(name) is not None or any(_matches(glob, name) for glob in _PRIVATE_NAMES)


def _matches(glob: str, name: str) -> bool:
    """Tell whether ``name`` is what ``glob`` stands for, label by label: the end of both is the same host's."""
    globs, labels = glob.split("."), name.split(".")
    more = len(labels) - len(globs)
    if globs[0] == "*" and more > 0:
        del labels[:more]
    return len(labels) == len(globs) and all(map(fnmatchcase, labels, globs))


def _canonical(host: str) -> Host | None:
    """Return the one reading of ``host`` that all clients share: an address or an ASCII name in lower case."""
    is_bracketed = host[:1] == "[" and host[-1:] == "]"
    if is_bracketed or ":" in host:
        return _ipv6(host[1:-1] if is_bracketed else host)
    # inet_aton takes 134744072, 0x08080808 and 010.8.8.8, ipaddress none of them; both take 8.8.8.8.
    return _ipv4(host) or _name(host, _NAME)


def _ipv4(text: str) -> IPv4Address | None:
    try:
        return IPv4Address(text)
    except ValueError:
        return None


def _ipv6(text: str) -> Host | None:
    found = IPV6.fullmatch(text)
    try:
        address = IPv6Address(found[1] if found else "")
    except ValueError:
        return None
    return address.ipv4_mapped or address  # RFC 4291, section 2.5.5.2: on the wire it is the IPv4 address


def _name(text: str, form: re.Pattern[str]) -> str | None:
    """Return ``text`` as an ASCII name of that form, without its last dot; not what could be an address."""
    name = _ascii(text).removesuffix(".")
    is_name = len(name) <= _MAX_NAME and form.fullmatch(name) and not _ENDS_IN_NUMBER.fullmatch(name)
    return name if is_name else None


def _ascii(text: str) -> str:
    """Return ``text`` in lower case and, by IDNA (RFC 3490), in ASCII; empty where clients may encode it differently.

    They may where it says something else once encoded, such as by a wide digit or dot, by sharp s (of which IDNA 2008,
    RFC 5891, makes another name), or by a sign that is newer than the tables of RFC 3454.
    """
    if text.isascii():
        return text.lower()
    lowered = text.lower()
    if len(text) > _MAX_NAME or normalize("NFKC", text) != text:
        return ""
    if any(sign in _UNSEEN or in_table_a1(sign) for sign in lowered):
        return ""
    try:
        encoded = lowered.encode("idna")
        is_same = encoded.decode("idna") == lowered
    except UnicodeError:
        return ""
    return encoded.decode("ascii") if is_same else ""


def _split(items: Iterable[str]) -> Iterable[str]:
    for item in (items,) if isinstance(items, str) else items:
        if not isinstance(item, str):
            raise UnusableDestinationError(item, "is not text")
        yield from (part.strip() for part in item.split(","))


def _item(text: str) -> str:
    """Return an item of a list in its canonical form."""
    word = text.lower()
    if word in _WORDS:
        return word
    network = _network(text)
    if network is not None:
        return str(network.network_address if network.prefixlen == network.max_prefixlen else network)
    glob = _glob(text)
    if glob is None:
        raise UnusableDestinationError(text, next(problem for sign, problem in _PROBLEMS if re.search(sign, text)))
    return glob


def _network(text: str) -> Network | None:
    """Return the network that ``text`` says, an IPv4-mapped one as IPv4, as `_canonical` has the addresses."""
    bare = text[1:-1] if text[:1] == "[" and text[-1:] == "]" else text
    if not _ADDRESS_OR_NETWORK.fullmatch(bare):
        return None
    try:
        network = ip_network(bare, strict=False)
    except ValueError:
        return None
    mapped = network.network_address.ipv4_mapped if isinstance(network, IPv6Network) else None
    length = network.prefixlen - 96
    return IPv4Network((mapped, length)) if mapped and length >= 0 else network


def _glob(text: str) -> str | None:
    glob = _name(text, _GLOB)
    if glob is None or glob.strip("*?") == "":
        return None
    first, _, last = glob.rpartition(".")
    ends_open = bool(first) and not _NAME.fullmatch(last)
    # A wildcard inside of an encoded label would match letters of the code, not of the name.
    is_encoded = any(label.startswith("xn--") and not _NAME.fullmatch(label) for label in glob.split("."))
    return None if ends_open or is_encoded else glob
