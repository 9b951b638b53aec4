#!/usr/bin/env bash
# OTLP over gRPC: 512 spans of 9 KB each are lost together, though none is large; of 7 KB each all arrive.
#
# Packages: opentelemetry-exporter-otlp-proto-grpc 1.45.2, opentelemetry-sdk 1.45.2, grpcio 1.85.3.
#
# Expected: `BatchSpanProcessor` with its own numbers sends to a receiver with its own numbers, whatever the spans hold. What can't be sent is
#           said at once, and concerns what is too large.
# Happens:  a batch is counted in spans, 512, and a message of gRPC in bytes, 4 MiB (in the Collector, too, where nobody says otherwise).
#           Spans of a model's calls, with the words of the chat so far, pass that together. The receiver answers RESOURCE_EXHAUSTED, which
#           the exporter takes for a receiver that is busy, though nothing says when to come again, as OTLP has it for those: it sends
#           the same bytes again until its 10 seconds are over, and gives the batch up. Meanwhile it sends nothing else, so that a busy
#           process drops what does not fit into its queue. One span with a picture takes 511 of others with it. It needs load: with
#           fewer than 512 spans in 5 seconds the batches are smaller, and a trial is fine. The error that is logged names the sizes.
#
# Output (2026-12-01):
#   512 spans of 7 KB:                      512 arrive
#   512 spans of 9 KB:                      0 arrive, and the batch is sent more than once
#   512 spans of 9 KB, in batches of 64:    512 arrive
#   511 spans of 100 bytes, one of 4.2 MB:  0 arrive, and the batch is sent more than once
#   as stated: a batch above 4 MiB is sent in vain until it is given up, with all spans in it
#
# For users of sessions: it is the long conversations that are lost, and with them those that happened to end in the same seconds. A session has
#           gaps that nothing at the receiver tells of.
# Here:     collector-config/ takes more by gRPC (`max_recv_msg_size_mib`), and `otel-sessions view` 64 MiB. Before another receiver:
#           `OTEL_BSP_MAX_EXPORT_BATCH_SIZE=64`: docs/explanation/scale.md, "In the process".
set -euo pipefail
unset PYTHONPATH "${!OTEL_@}"
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder"
"$folder/bin/pip" install --quiet --disable-pip-version-check \
    opentelemetry-exporter-otlp-proto-grpc==1.45.2 opentelemetry-sdk==1.45.2 grpcio==1.85.3

cat >"$folder/chat.py" <<'PYTHON'
import logging
import sys
from concurrent.futures import ThreadPoolExecutor

import grpc
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc import (
    TraceServiceServicer,
    add_TraceServiceServicer_to_server,
)
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor


class Receiver(TraceServiceServicer):
    def Export(self, request, _):
        arrived.extend(span.name for each in request.resource_spans for scope in each.scope_spans for span in scope.spans)
        return ExportTraceServiceResponse()


class Said(logging.Handler):
    def emit(self, record):
        said.append(record.getMessage())


arrived, said = [], []
log = logging.getLogger("opentelemetry.exporter")
log.addHandler(Said())
log.propagate = False
receiver = grpc.server(ThreadPoolExecutor(1))
add_TraceServiceServicer_to_server(Receiver(), receiver)
address = f"127.0.0.1:{receiver.add_insecure_port('127.0.0.1:0')}"
receiver.start()


def say(label, sizes, expected, **options):
    """Send spans with words of these sizes, in characters."""
    arrived.clear()
    said.clear()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(address, insecure=True), **options))
    tracer = provider.get_tracer("chat")
    for size in sizes:
        tracer.start_span("chat", attributes={"gen_ai.input.messages": "x" * size}).end()
    provider.force_flush(60_000)
    provider.shutdown()
    seen = f"{len(arrived)} arrive"
    if any("RESOURCE_EXHAUSTED" in each and "retrying in" in each for each in said):
        seen += ", and the batch is sent more than once"
    print(f"{label:39} {seen}", flush=True)
    if seen != expected:
        sys.exit(f"no longer as stated: expected {expected}; logged: {said}")


LOST = "0 arrive, and the batch is sent more than once"
say("512 spans of 7 KB:", [7_000] * 512, "512 arrive")
say("512 spans of 9 KB:", [9_000] * 512, LOST)
say("512 spans of 9 KB, in batches of 64:", [9_000] * 512, "512 arrive", max_export_batch_size=64)
say("511 spans of 100 bytes, one of 4.2 MB:", [*[100] * 511, 4_200_000], LOST)
PYTHON
timeout 120 "$folder/bin/python" "$folder/chat.py"
echo "as stated: a batch above 4 MiB is sent in vain until it is given up, with all spans in it"
