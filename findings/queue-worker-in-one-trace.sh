#!/usr/bin/env bash
# OpenTelemetry's instrumentation of SQS: a worker that deletes its messages in batches is in one trace for good, all users together.
#
# Packages: opentelemetry-instrumentation-boto3sqs 0.66b1, boto3 1.44.8, opentelemetry-sdk 1.45.1.
#
# Expected: the sender's trace and baggage go along in the attributes of the message. Each message that is taken from the list that
#           `receive_message` returns has a span `process`, linked to its sender's, that ends when the message is deleted, by
#           `delete_message` or by `delete_message_batch`. The next poll is about other messages, in a trace of its own.
# Happens:  `delete_message_batch` ends the span of the first entry alone. The others never end, so they are never exported, and the last one stays
#           current: the next `receive_message` is its child, and what that returns is below it, poll after poll, for as long as the
#           thread lives. Deleted one by one the spans end, and a poll has a trace of its own, but the messages that came together are
#           still in one trace, that of the poll. The baggage that was sent is read and dropped: no message has a user.
#
# Output (2026-12-01):
#   deleted one by one: 6 of 6 spans "process" exported; the work of 3 polls is in 3 traces; users seen: None
#   deleted in batches: 3 of 6 spans "process" exported; the work of 3 polls is in 1 trace; users seen: None
#   as stated: after a batch is deleted, the next poll is in the trace of the last message of that batch
#
# For users of sessions: one trace holds all conversations that a worker ever had, most of it below a span that no backend gets; a backend with
#           one session for a trace gives all of them to one user.
# Here:     docs/how-to/queues.md, "Tried by hand": the carrier as attributes of the message, and `from_carrier` around the body. Each body then
#           has its own session and its sender's trace, with this instrumentation, too, whose own spans stay in one trace.
set -euo pipefail
unset PYTHONPATH "${!OTEL_@}" "${!AWS_@}"
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder"
"$folder/bin/pip" install --quiet --disable-pip-version-check \
    opentelemetry-instrumentation-boto3sqs==0.66b1 boto3==1.44.8 opentelemetry-sdk==1.45.1

cat >"$folder/worker.py" <<'PYTHON'
import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import boto3
from opentelemetry import baggage, context, trace
from opentelemetry.instrumentation.boto3sqs import Boto3SQSInstrumentor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter


class Queue(BaseHTTPRequestHandler):
    """What SQS does, as far as it is needed: two messages for each poll."""

    waiting, protocol_version = [], "HTTP/1.1"

    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        answer = getattr(self, self.headers["X-Amz-Target"].rpartition(".")[2])(asked)
        body = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/x-amz-json-1.0")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def SendMessage(self, asked):
        number = f"m-{len(self.waiting)}"
        kept = {"MessageId": number, "ReceiptHandle": number, "Body": asked["MessageBody"]}
        self.waiting.append(kept | {"MessageAttributes": asked.get("MessageAttributes", {})})
        return {"MessageId": number}

    def ReceiveMessage(self, asked):
        taken, self.waiting[:] = self.waiting[:2], self.waiting[2:]
        return {"Messages": taken}

    def DeleteMessage(self, asked):
        return {}

    def DeleteMessageBatch(self, asked):
        return {"Successful": [{"Id": each["Id"]} for each in asked["Entries"]], "Failed": []}

    def log_message(self, *_):
        pass


exporter = InMemorySpanExporter()
provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(exporter))
trace.set_tracer_provider(provider)
tracer = trace.get_tracer("chat")
Boto3SQSInstrumentor().instrument()
server = HTTPServer(("127.0.0.1", 0), Queue)
threading.Thread(target=server.serve_forever, daemon=True).start()
url = f"http://127.0.0.1:{server.server_port}"
keys = {"region_name": "eu-central-1", "aws_access_key_id": "stand-in", "aws_secret_access_key": "stand-in"}
sqs = boto3.client("sqs", endpoint_url=url, **keys)
QUEUE = f"{url}/1/questions"


def ask(user):
    with tracer.start_as_current_span("request", baggage.set_baggage("user.id", user)):
        token = context.attach(baggage.set_baggage("user.id", user))
        sqs.send_message(QueueUrl=QUEUE, MessageBody=user)
        context.detach(token)


def delete_each(messages):
    for message in messages:
        sqs.delete_message(QueueUrl=QUEUE, ReceiptHandle=message["ReceiptHandle"])


def delete_all(messages):
    entries = [{"Id": each["MessageId"], "ReceiptHandle": each["ReceiptHandle"]} for each in messages]
    sqs.delete_message_batch(QueueUrl=QUEUE, Entries=entries)


def work(delete, seen):
    """Poll three times, in a thread of its own."""
    for _ in range(3):
        messages = sqs.receive_message(QueueUrl=QUEUE, MaxNumberOfMessages=10)["Messages"]
        for message in messages:
            with tracer.start_as_current_span("answer"):
                seen.add(baggage.get_baggage("user.id"))
        delete(messages)


def say(label, delete, expected):
    exporter.clear()
    users = set()
    for number in range(6):
        ask(f"user-{number}")
    sent = [message["MessageAttributes"]["baggage"]["StringValue"] for message in Queue.waiting]
    if sent != [f"user.id=user-{number}" for number in range(6)]:
        sys.exit(f"no longer as stated: the messages carry {sent}")
    exporter.clear()
    worker = threading.Thread(target=work, args=(delete, users))
    worker.start()
    worker.join()
    spans = exporter.get_finished_spans()
    ended = sum(span.name.endswith("process") for span in spans)
    traces = len({span.context.trace_id for span in spans if span.name == "answer"})
    seen = f'{ended} of 6 spans "process" exported; the work of 3 polls is in {traces} trace{"s" * (traces > 1)}; users seen: '
    seen += ", ".join(map(str, users))
    print(f"{label} {seen}")
    if seen != expected:
        sys.exit(f"no longer as stated: expected {expected}")


say("deleted one by one:", delete_each, '6 of 6 spans "process" exported; the work of 3 polls is in 3 traces; users seen: None')
say("deleted in batches:", delete_all, '3 of 6 spans "process" exported; the work of 3 polls is in 1 trace; users seen: None')
PYTHON
timeout 60 "$folder/bin/python" "$folder/worker.py"
echo "as stated: after a batch is deleted, the next poll is in the trace of the last message of that batch"
