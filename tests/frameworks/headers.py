"""Calls of a service of one's own and of somebody else's, by httpx, and which headers each of them gets."""

from __future__ import annotations

import httpx

OWN, OTHER = "service.internal", "api.example.com"


class Calls(httpx.BaseTransport):
    """Answers in memory, and keeps the headers that it gets by host."""

    def __init__(self):
        self.headers: dict[str, dict[str, str]] = {}

    def handle_request(self, request):
        self.headers[request.url.host] = dict(request.headers)
        return httpx.Response(200)

    def ids_at(self, host):
        """Tell whether any header that ``host`` got has an id of the session in it."""
        said = str(self.headers[host])
        return [each for each in ("conv-42-of-ada", "ada@example.com", "ada%40example.com") if each in said]


def call_both(client):
    for host in (OWN, OTHER):
        client.get(f"http://{host}/")
