#!/usr/bin/env bash
# The OTLP exporter has the SDK write the whole resource as JSON once for each span and each log record, to find that it is the same.
#
# Packages: opentelemetry-sdk 1.45.2, opentelemetry-exporter-otlp-proto-common 1.45.2.
#
# Expected: a resource never changes, so its hash is found once, or what belongs to one and the same resource is told by that.
# Happens:  the encoder looks for each span in a dict whose keys are resources. The hash of a resource is the hash of its JSON, which is
#           written anew each time: for a batch of 512 spans of one provider 513 times. The more the resource tells (of a pod, a host, a
#           process), the more each span costs. With a resource whose hash is kept it is not written at all, and the bytes that go out
#           are the same.
#
# Output (2026-11-30):
#   512 spans of one resource:        written 513 times, 201609 characters
#   512 log records of one resource:  written 513 times, 201609 characters
#   512 spans, the hash is kept:      written 0 times, 0 characters
#   as stated: the resource is written as JSON for each span and each log record
#
# For users of sessions: the exporter's thread takes its time from the application's. This is about as much of it for each span as a session
#           and a user on it take.
# Here:     docs/explanation/scale.md, "In the process", shows how a provider gets a resource whose hash is found once, and what it saves.
set -euo pipefail
unset PYTHONPATH "${!OTEL_@}"
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder"
"$folder/bin/pip" install --quiet --disable-pip-version-check \
    opentelemetry-sdk==1.45.2 opentelemetry-exporter-otlp-proto-common==1.45.2

"$folder/bin/python" - <<'PYTHON'
import json
import random
import sys

from opentelemetry.exporter.otlp.proto.common._log_encoder import encode_logs
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter, SimpleLogRecordProcessor
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider

BATCH = 512  # as many as BatchSpanProcessor exports at once, where nobody says otherwise
POD = Resource(
    {
        "service.name": "chat",
        "service.version": "4.2.0",
        "deployment.environment.name": "production",
        "k8s.cluster.name": "blue",
        "k8s.namespace.name": "assistants",
        "k8s.deployment.name": "chat",
        "k8s.pod.name": "chat-7d4b9c6f58-x2x7k",
        "k8s.node.name": "node-17",
        "host.arch": "amd64",
        "process.runtime.name": "cpython",
        "telemetry.sdk.language": "python",
        "telemetry.sdk.name": "opentelemetry",
    }
)


class HashIsKept(Resource):
    def __init__(self, resource):
        super().__init__(resource.attributes, resource.schema_url)
        self.kept = hash(resource)

    def __hash__(self):
        return self.kept


def spans_of(provider):
    spans = [provider.get_tracer("chat").start_span("turn", start_time=1) for _ in range(BATCH)]
    for span in spans:
        span.end(2)
    return spans


def records_of(resource):
    exporter, provider = InMemoryLogRecordExporter(), LoggerProvider(resource=resource, shutdown_on_exit=False)
    provider.add_log_record_processor(SimpleLogRecordProcessor(exporter))
    for _ in range(BATCH):
        provider.get_logger("chat").emit(body="a turn", timestamp=1)
    return exporter.get_finished_logs()


def written(label, encode, batch):
    """Return how many times JSON is written while `batch` is encoded, and the bytes of that."""
    times = characters = 0

    def look(frame, event, returned):
        nonlocal times, characters
        if event == "return" and frame.f_code is json.dumps.__code__:
            times += 1
            characters += len(returned)

    sys.setprofile(look)
    try:
        request = encode(batch)
    finally:
        sys.setprofile(None)
    print(f"{label + ':':33} written {times} times, {characters} characters")
    return times, request.SerializeToString()


def provider_of(resource):
    random.seed(7)  # the same ids for both providers, so that the bytes can be compared
    return TracerProvider(resource=resource, shutdown_on_exit=False)


as_it_is, plain_bytes = written(f"{BATCH} spans of one resource", encode_spans, spans_of(provider_of(POD)))
of_logs, _ = written(f"{BATCH} log records of one resource", encode_logs, records_of(POD))
kept, kept_bytes = written(f"{BATCH} spans, the hash is kept", encode_spans, spans_of(provider_of(HashIsKept(POD))))
if min(as_it_is, of_logs) < BATCH or kept != 0:
    sys.exit("no longer as stated: the hash of a resource is found without writing it, or not for each")
if plain_bytes != kept_bytes:
    sys.exit("no longer as stated: what is sent differs")
print("as stated: the resource is written as JSON for each span and each log record")
PYTHON
