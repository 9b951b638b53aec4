"""Shows what the demo has kept on the page of ``otel-sessions view``, where somebody sits before it."""

from __future__ import annotations

from otel_sessions.view.options import Options, UsageError
from otel_sessions.view.running import run
from otel_sessions.view.serving import has_browser, sockets_for


def serve_page() -> int:
    """Serve the page and open it until Ctrl-C, where there is a browser; return the exit status of the page, or 0."""
    return run(_options()) if has_browser() else 0


def _options() -> Options:
    """Return the ports that exporters send to by default, or free ones where somebody listens there."""
    options = Options()
    try:
        for each in sockets_for(options):
            each.close()
    except (OSError, UsageError):
        return Options(port=0, grpc_port=0)
    return options
