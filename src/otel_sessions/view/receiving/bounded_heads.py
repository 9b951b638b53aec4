"""uvicorn's protocol with a bound for the headers of a request, which it has none for: nobody has shown a token then."""

from __future__ import annotations

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

# What is read at once may be half of it, and have the end of another request in it. Browsers and proxies stay below 64 kB.
MAX_HEAD_SIZE = 2**19


class BoundedHeadsProtocol(HttpToolsProtocol):
    """Refuses a request whose headers do not end, and closes its connection."""

    _is_in_head = False
    _head_size = 0

    def on_message_begin(self) -> None:
        """Begin to count."""
        self._is_in_head, self._head_size = True, 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """End to count."""
        self._is_in_head = False
        super().on_headers_complete()

    def data_received(self, data: bytes) -> None:
        """Count what came, as long as it is headers."""
        super().data_received(data)
        if self._is_in_head:
            self._head_size += len(data)
            if self._head_size > MAX_HEAD_SIZE and not self.transport.is_closing():
                self.send_400_response("The headers are too large.")
