"""An application without a line of set-up: a turn of a session logs, and calls the URL of its argument by each client.

The last call is made by a client that nothing instruments, with the headers that the application injects itself.
"""

from __future__ import annotations

import http.client
import logging
import sys
from urllib.parse import urlsplit

import httpx
import requests
import urllib3
from opentelemetry import propagate, trace

from otel_sessions import set_session

SECONDS = 60


def main(url):
    with set_session("conv-42", user_id="ada"), trace.get_tracer("app").start_as_current_span("turn"):
        logging.getLogger("app").warning("hello")
        httpx.get(f"{url}/httpx", timeout=SECONDS)
        requests.get(f"{url}/requests", timeout=SECONDS)
        urllib3.request("GET", f"{url}/urllib3", timeout=SECONDS, retries=False)
        headers: dict[str, str] = {}
        propagate.inject(headers)
        own = http.client.HTTPConnection(urlsplit(url).netloc, timeout=SECONDS)
        own.request("GET", "/called/own", headers=headers)
        own.getresponse().read()
        own.close()


if __name__ == "__main__":
    main(sys.argv[1])
