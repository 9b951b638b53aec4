#!/usr/bin/env bash
# Clients of models send all of OpenTelemetry's baggage to the host of the model; Anthropic's does so by default, without an SDK too.
#
# Packages: anthropic 2.14.0, mistralai 3.7.0, httpx2 2.16.2 (as their transport), opentelemetry-sdk 1.45.2.
#
# Expected: what a service has in baggage is for the services behind it. A call of api.anthropic.com or api.mistral.ai carries what
#           the API needs; a client that traces itself makes spans here, for the pipeline of the application.
# Happens:  both clients write the headers of the global propagators into their requests: `traceparent`, and `baggage` with all that
#           is in it. Anthropic's asks for nothing: no setting, no instrumentation, and without an SDK (where there is no span) the
#           baggage goes alone. Mistral's does so where its telemetry is on, `MISTRAL_SDK_TELEMETRY=global`, below an INTERNAL
#           span that does not say yet where the request goes.
#
# Output (2026-11-29):
#   anthropic, without an SDK: api.anthropic.com gets baggage: user.id=ada,tenant=acme
#   anthropic, with an SDK:    api.anthropic.com gets baggage: user.id=ada,tenant=acme
#   mistral, its telemetry on: api.mistral.ai gets baggage: user.id=ada,tenant=acme
#   as stated: the host of the model gets all baggage, from Anthropic's client without anybody asking for it
#
# For users of sessions: an id that stands in baggage, as the conventions have it, goes to the provider of the model, and so do user ids
#           that some other service has put there. No instrumentation of HTTP is needed, so switching those off stops nothing.
# Here:     docs/privacy.md, "Who gets the ids on outgoing calls": with `instrument()` these hosts get neither, nor does any other that
#           a library injects for, unless they are listed. Without this package: `OTEL_PROPAGATORS=tracecontext`, or
#           `Anthropic(open_telemetry={"propagation": False})`.
set -euo pipefail
unset PYTHONPATH "${!OTEL_@}"
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder"
"$folder/bin/pip" install --quiet --disable-pip-version-check \
    anthropic==2.14.0 mistralai==3.7.0 httpx2==2.16.2 opentelemetry-sdk==1.45.2

cat >"$folder/ask.py" <<'PYTHON'
import os
import sys

os.environ["MISTRAL_SDK_TELEMETRY"] = "global"
import anthropic
import httpx2
from mistralai.client import Mistral
from opentelemetry import baggage, context, trace
from opentelemetry.sdk.trace import TracerProvider

context.attach(baggage.set_baggage("tenant", "acme", baggage.set_baggage("user.id", "ada")))
got = []
ASKED = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}


def answer(request):
    got.append((request.url.host, request.headers.get("baggage"), "traceparent" in request.headers))
    return httpx2.Response(400, json={"message": "no"})


def client():
    return httpx2.Client(transport=httpx2.MockTransport(answer))


def of(call, **asked):
    try:
        call(**ASKED, **asked)
    except Exception:
        pass
    return got[-1]


def by_anthropic():
    return of(anthropic.Anthropic(api_key="none", http_client=client()).messages.create, max_tokens=9)


def by_mistral():
    return of(Mistral(api_key="none", client=client()).chat.complete)


def say(label, seen, host, has_trace):
    if seen != (host, "user.id=ada,tenant=acme", has_trace):
        sys.exit(f"no longer as stated: {label} {seen}")
    print(f"{label:26} {host} gets baggage: {seen[1]}")


say("anthropic, without an SDK:", by_anthropic(), "api.anthropic.com", False)
trace.set_tracer_provider(TracerProvider())
say("anthropic, with an SDK:", by_anthropic(), "api.anthropic.com", True)
say("mistral, its telemetry on:", by_mistral(), "api.mistral.ai", True)
PYTHON
"$folder/bin/python" "$folder/ask.py"
echo "as stated: the host of the model gets all baggage, from Anthropic's client without anybody asking for it"
