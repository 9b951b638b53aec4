#!/usr/bin/env bash
# LiteLLM: a call that names a fallback is counted twice, needed or not; and where it was needed, the model that failed has the answer.
#
# Packages: litellm 1.110.2, openinference-instrumentation-litellm 0.1.51, opentelemetry-sdk 1.45.2.
#
# Expected: `completion(..., fallbacks=[...])` asks one model, and another one if that fails. Each model that was asked is a span, with its tokens
#           and its cost, as it is with LiteLLM's `Router`.
# Happens:  LiteLLM serves such a call by calling itself, once for each model. The instrumentation has wrapped the function that is called from
#           outside and from inside, so there is one span more around them, of the same kind LLM, with the tokens of the answer. It has the name
#           of the model that was asked first: one that was down all day has answered everything, as its substitute did. With
#           `num_retries` it is right.
#
# Output (2026-12-01):
#   no fallback:                         used 25 tokens; the spans say gpt-4o 25
#   num_retries:                         used 25 tokens; the spans say gpt-4o 25
#   fallback, not needed:                used 25 tokens; the spans say gpt-4o 25 and gpt-4o 25
#   fallback, not needed, acompletion:   used 25 tokens; the spans say gpt-4o 25 and gpt-4o 25
#   fallback, gpt-4o is down:            used 25 tokens; the spans say gpt-4o-mini 25 and gpt-4o 25
#   Router, gpt-4o is down:              used 25 tokens; the spans say gpt-4o-mini 25
#   as stated: a call with a fallback is counted twice, and the second time for the model that failed
#
# For users of sessions: the tokens and the cost of a session double on the day on which fallbacks are switched on, and the comparison of the
#           two models shows one with itself.
# Here:     docs/how-to/agent-frameworks.md, "What their spans say otherwise than you would expect". The local page counts a span and what is below it
#           once.
set -euo pipefail
unset PYTHONPATH "${!OTEL_@}" "${!OPENAI_@}" "${!LITELLM_@}" "${!OPENINFERENCE_@}"
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder"
"$folder/bin/pip" install --quiet --disable-pip-version-check \
    litellm==1.110.2 openinference-instrumentation-litellm==0.1.51 opentelemetry-sdk==1.45.2

cat >"$folder/ask.py" <<'PYTHON'
import asyncio
import json
import logging
import os
import sys
import threading
import warnings
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # nothing is fetched
logging.disable()
warnings.simplefilter("ignore")  # of a worker that LiteLLM leaves behind
import litellm
from openinference.instrumentation.litellm import LiteLLMInstrumentor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

litellm.suppress_debug_info = True
MAIN, SPARE = "gpt-4o", "gpt-4o-mini"
CHOICE = {"index": 0, "message": {"role": "assistant", "content": "On Friday."}, "finish_reason": "stop"}
USAGE = {"prompt_tokens": 20, "completion_tokens": 5, "total_tokens": 25}
down = set()  # the models that don't answer


class Server(BaseHTTPRequestHandler):
    def do_POST(self):
        model = json.loads(self.rfile.read(int(self.headers["content-length"])))["model"]
        answer = {"id": "c", "object": "chat.completion", "created": 1, "model": model, "choices": [CHOICE], "usage": USAGE}
        content = json.dumps({"error": {"message": "busy"}} if model in down else answer).encode()
        self.send_response(503 if model in down else 200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *arguments):
        """Say nothing."""


server = ThreadingHTTPServer(("127.0.0.1", 0), Server)
threading.Thread(target=server.serve_forever, daemon=True).start()
where = {"api_key": "stand-in", "api_base": f"http://127.0.0.1:{server.server_port}/v1", "max_retries": 0}
question = {"messages": [{"role": "user", "content": "When?"}]}
exporter, provider = InMemorySpanExporter(), TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(exporter))
LiteLLMInstrumentor().instrument(tracer_provider=provider)


def deployment(name):
    return {"model_name": name, "litellm_params": {"model": f"openai/{name}", **where}}


def plain():
    litellm.completion(model=f"openai/{MAIN}", **question, **where)


def retried():
    litellm.completion(model=f"openai/{MAIN}", num_retries=2, **question, **where)


def with_fallback():
    litellm.completion(model=f"openai/{MAIN}", fallbacks=[f"openai/{SPARE}"], **question, **where)


def awaited():
    asyncio.run(litellm.acompletion(model=f"openai/{MAIN}", fallbacks=[f"openai/{SPARE}"], **question, **where))


def routed():
    models = [deployment(MAIN), deployment(SPARE)]
    litellm.Router(models, fallbacks=[{MAIN: [SPARE]}], num_retries=0).completion(model=MAIN, **question)


def say(label, ask, expected, without=()):
    exporter.clear()
    down.clear()
    down.update(without)
    ask()
    spans = [dict(span.attributes) for span in exporter.get_finished_spans()]
    seen = [f"{span['llm.model_name'].removeprefix('openai/')} {span['llm.token_count.total']}" for span in spans if "llm.token_count.total" in span]
    print(f"{label + ':':36} used 25 tokens; the spans say {' and '.join(seen)}")
    if seen != expected or any(span["openinference.span.kind"] != "LLM" for span in spans):
        sys.exit(f"no longer as stated: expected {expected}")


once, spare = [f"{MAIN} 25"], [f"{SPARE} 25"]
say("no fallback", plain, once)
say("num_retries", retried, once)
say("fallback, not needed", with_fallback, once * 2)
say("fallback, not needed, acompletion", awaited, once * 2)
say(f"fallback, {MAIN} is down", with_fallback, spare + once, without=[MAIN])
say(f"Router, {MAIN} is down", routed, spare, without=[MAIN])
PYTHON
timeout 100 "$folder/bin/python" "$folder/ask.py"
echo "as stated: a call with a fallback is counted twice, and the second time for the model that failed"
