"""Which refused hosts are likely the application's own: that one gets no session is said at WARNING then, and else at INFO.

That a public API gets no session is what the guard is there for, and nothing to be warned of. A service of one's own under a
full name looks the same to it, and whoever runs it waits for the session in vain. What tells the two apart is no list of the
others, but what is known here, without a look-up: words that no public name ends in, names beside our own, and calls that are not
encrypted, as those inside a network are. It only decides how loudly it is said: no host gets a session by it.
"""

from __future__ import annotations

from socket import gethostname
from typing import TYPE_CHECKING, Any

from opentelemetry.trace import SpanKind

from otel_sessions._context.attribute_store import attributes_of
from otel_sessions._context.local_trace import SPAN_KEY, local_root_of

from .destinations import host_of_authority, host_of_url
from .egress import is_unencrypted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from opentelemetry.context import Context

    from otel_sessions._settings.destinations import Destinations

# RFC 6762, appendix G (names of private networks), RFC 8375 (home.arpa), the names that DNS of own networks has without a
# domain of anybody's (Consul, dnsmasq), and the words for where something is deployed.
_PRIVATE_ENDS = frozenset(
    {"intranet", "intra", "private", "corp", "home", "lan", "localdomain", "arpa", "consul"}
    | {"prod", "production", "preprod", "stage", "staging", "uat"}
)
# A name of two labels that ends so is a site, and not a service in somebody's network; as all of two letters.
_PUBLIC_ENDS = frozenset(
    {"com", "net", "org", "info", "biz", "edu", "gov", "int", "mil", "name", "pro", "dev", "app", "cloud", "page"}
    | {"xyz", "online", "site", "website", "space", "tech", "shop", "store", "blog", "live", "news", "wiki", "world"}
    | {"example", "test", "invalid"}  # RFC 2606: these stand for any
)
# The doors that are there for everybody.
_PUBLIC_DOORS = frozenset({"api", "www"})

# The names of the own service on a SERVER span: semantic conventions "HTTP Spans", the stable ones and those of before.
_OWN_URLS = ("url.full", "http.url")
_OWN_NAMES = ("server.address", "http.host", "net.host.name", "http.server_name")


def is_likely_own(host: str, context: Context, destinations: Destinations) -> bool:
    """Tell whether ``host``, which is called in ``context``, is likely of whoever runs this.

    Args:
        host: As the call has it; an address and a name of one label are never.
        context: Of the call.
        destinations: Who gets the session: a host beside one that was named is likely own, too.
    """
    labels = host.rstrip(".").lower().split(".")
    if len(labels) == 1 or not labels[-1].isalpha():
        return False
    if labels[-1] in _PRIVATE_ENDS:
        return True
    own = filter(None, (_domain_of(name) for name in _own_names(context, destinations)))
    return any(_is_below(labels, domain) for domain in own) or (_is_inside(labels) and is_unencrypted(host, context))


def _is_inside(labels: list[str]) -> bool:
    """Tell whether such a name may be of a service inside a network: it is neither a site nor the door to one."""
    is_site = len(labels) == 2 and (len(labels[-1]) == 2 or labels[-1] in _PUBLIC_ENDS)  # noqa: PLR2004  # name and end
    return not is_site and labels[0] not in _PUBLIC_DOORS


def _is_below(labels: list[str], domain: list[str]) -> bool:
    return labels[-len(domain) :] == domain


def _domain_of(name: str) -> list[str] | None:
    """Return the labels of the domain that ``name`` is in: all but the first, and all where that would be anybody's."""
    labels = name.rstrip(".").lower().split(".")
    if len(labels) == 1 or not labels[-1].isalpha():
        return None
    above = labels[1:]
    is_public = len(above) == 1 or (len(above) == 2 and len(above[-1]) == 2 and len(above[0]) <= 3)  # noqa: PLR2004  # co.uk
    return labels if is_public else above


def _own_names(context: Context, destinations: Destinations) -> Iterator[str]:
    yield gethostname()  # of the machine, as it calls itself: no look-up
    yield from (item for item in destinations.items if "." in item and "*" not in item and "?" not in item)
    root: Any = _request_around(context)
    attributes = {} if root is None else attributes_of(root)
    for names, read in ((_OWN_NAMES, host_of_authority), (_OWN_URLS, host_of_url)):
        yield from filter(None, (read(attributes.get(name)) for name in names))


def _request_around(context: Context) -> Any:  # noqa: ANN401  # a span of any SDK
    span = context.get(SPAN_KEY)
    root = None if span is None else local_root_of(span)
    return root if getattr(root, "kind", None) is SpanKind.SERVER else None
