"""What a Collector asks of Kubernetes: which pods stand behind a Service. Answers like the real one, on loopback."""

from __future__ import annotations

import json
import re
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Condition, Thread
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import parse_qs, urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

_PATH = re.compile(r"/apis/(?P<group>[^/]+)/(?P<version>[^/]+)/namespaces/(?P<namespace>[^/]+)/(?P<resource>[^/?]+)")
_KIND = {"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice"}


class Asked(NamedTuple):
    """A request, as Kubernetes decides whether to allow it."""

    verb: str
    group: str
    resource: str
    namespace: str
    selector: str


class Pod(NamedTuple):
    hostname: str
    address: str
    ready: bool = True


class EndpointSlices:
    """The one slice of a Service, which changes as a cluster's does.

    Args:
        service: Its name.
        namespace: Where it is.
        may: The verbs that are allowed; all others are refused.
    """

    def __init__(self, service: str, namespace: str, *pods: Pod, may: frozenset[str]) -> None:
        self.asked: set[Asked] = set()
        self.may = may
        self._service, self._namespace = service, namespace
        self._changed = Condition()
        self._version, self._pods = 1, pods

    def set(self, *pods: Pod) -> None:
        """Let these be the pods from now on, and tell all who watch."""
        with self._changed:
            self._version, self._pods = self._version + 1, pods
            self._changed.notify_all()

    def slice(self) -> dict[str, Any]:
        labels = {"kubernetes.io/service-name": self._service}
        metadata = {"name": f"{self._service}-abcde", "namespace": self._namespace, "labels": labels}
        endpoints = [
            {"addresses": [pod.address], "hostname": pod.hostname, "conditions": {"ready": pod.ready}}
            for pod in self._pods
        ]
        return {
            **_KIND,
            "metadata": {**metadata, "resourceVersion": str(self._version)},
            "addressType": "IPv4",
            "endpoints": endpoints,
            "ports": [{"name": "otlp-grpc", "port": 4317, "protocol": "TCP"}],
        }

    def next_after(self, version: int, seconds: float) -> dict[str, Any] | None:
        """Wait for a slice that is newer."""
        with self._changed:
            self._changed.wait_for(lambda: self._version > version, seconds)
            return self.slice() if self._version > version else None

    @contextmanager
    def served(self) -> Iterator[str]:
        """Serve until the block is left; gives the URL."""
        server = ThreadingHTTPServer(("127.0.0.1", 0), type("_Bound", (_Handler,), {"slices": self}))
        server.daemon_threads = True
        thread = Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()
            server.server_close()


def kubeconfig(url: str, directory: Path) -> Path:
    """Write a file for the variable ``KUBECONFIG``; inside of a cluster the token of the pod is in its place."""
    path = directory / "kubeconfig"
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "here", "cluster": {"server": url}}],
        "contexts": [{"name": "here", "context": {"cluster": "here", "user": "agent"}}],
        "users": [{"name": "agent", "user": {}}],
        "current-context": "here",
    }
    path.write_text(json.dumps(document))
    return path


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    slices: EndpointSlices

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(url.query).items()}
        where = _PATH.fullmatch(url.path)
        assert where, self.path
        verb = "watch" if query.get("watch") == "true" else "list"
        self.slices.asked.add(
            Asked(verb, where["group"], where["resource"], where["namespace"], query.get("labelSelector", ""))
        )
        if verb not in self.slices.may:
            message = f"{where['resource']}.{where['group']} is forbidden: User cannot {verb} resource"
            status = {"status": "Failure", "message": message, "reason": "Forbidden", "code": 403}
            self._answer(403, {"apiVersion": "v1", "kind": "Status", **status})
        elif verb == "watch":
            self._watch(query)
        else:
            found = self.slices.slice()
            version = {"resourceVersion": found["metadata"]["resourceVersion"]}
            self._answer(200, {**_KIND, "kind": "EndpointSliceList", "metadata": version, "items": [found]})

    def _answer(self, status: int, document: Mapping[str, Any]) -> None:
        body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _watch(self, query: Mapping[str, str]) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True
        version = int(query.get("resourceVersion", 0))
        if query.get("sendInitialEvents") == "true":
            version = self._send_all()
        for _ in range(int(query.get("timeoutSeconds", 60))):
            changed = self.slices.next_after(version, 1)
            if changed:
                version = int(changed["metadata"]["resourceVersion"])
                self._event("MODIFIED", changed)

    def _send_all(self) -> int:
        """Send what there is, and that this was all: the client waits for that before it goes on."""
        found = self.slices.slice()
        version = found["metadata"]["resourceVersion"]
        self._event("ADDED", found)
        end = {"resourceVersion": version, "annotations": {"k8s.io/initial-events-end": "true"}}
        self._event("BOOKMARK", {**_KIND, "metadata": end})
        return int(version)

    def _event(self, kind: str, document: Mapping[str, Any]) -> None:
        self.wfile.write(json.dumps({"type": kind, "object": document}).encode() + b"\n")
        self.wfile.flush()

    def log_message(self, *_: object) -> None:
        """Say nothing: the tests ask what was asked."""
