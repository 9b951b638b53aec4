#!/usr/bin/env bash
# Who reads all attributes of an open span gets a KeyError where another thread sets one more on it, when the span is full.
#
# Packages: opentelemetry-sdk 1.45.2.
#
# Expected: `dict(span.attributes)` is what the span had at one moment. The store has a lock, and locks it where the keys are listed.
# Happens:  the keys are listed under the lock, and their values are asked for one by one without it. A span that has as many attributes as
#           it may have (128, where nobody says otherwise) lets the oldest go when another one is set, and that one is then in the
#           list of keys and not in the store. `items()` and the span's own `to_json()` go the same way. `span.attributes.copy()` doesn't,
#           nor does `get`. The script stops the reader between its two steps; left alone, with a thread that set 175 attributes a second
#           and another that read all the time, it was 20 to 40 KeyErrors a second, with Python 3.10 to 3.13.
#
# Output (2026-11-30):
#   dict(span.attributes):          KeyError('step.0')
#   list(span.attributes.items()):  KeyError('step.0')
#   span.to_json():                 KeyError('step.0')
#   span.attributes.copy():         128 attributes
#   span.attributes.get:            conv-42
#   as stated: reading an open span that is full raises KeyError
#
# For users of sessions: a processor that hands the session on from the parent to each child reads the parent while it is open, in the threads
#           of an agent's tools. The SDK doesn't catch what `on_start` raises: it reaches the application's `start_span`.
# Here:     what this package reads of the parent when a span starts it looks up by name, with `get`.
set -euo pipefail
unset PYTHONPATH "${!OTEL_@}"
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder"
"$folder/bin/pip" install --quiet --disable-pip-version-check opentelemetry-sdk==1.45.2

"$folder/bin/python" - <<'PYTHON'
import logging
import sys
import threading

from opentelemetry.attributes import BoundedAttributes
from opentelemetry.sdk.trace import TracerProvider

logging.disable()  # the SDK warns of each attribute that it lets go
FULL = 128
VALUE_IS_READ = {BoundedAttributes.__getitem__.__code__, BoundedAttributes.copy.__code__}


def full_span():
    steps = {f"step.{number}": "done" for number in range(FULL - 1)}
    span = TracerProvider(shutdown_on_exit=False).get_tracer("chat").start_span("turn", attributes=steps)
    span.set_attribute("session.id", "conv-42")
    return span


def read(how):
    """Return what `how` reads of a full span, where another thread sets an attribute before the first look-up."""
    span, is_set = full_span(), False

    def look(frame, event, _):
        nonlocal is_set
        if event == "call" and frame.f_code in VALUE_IS_READ and not is_set:
            is_set = True
            other = threading.Thread(target=span.set_attribute, args=("one.more", "done"))
            other.start()
            other.join()

    sys.setprofile(look)
    try:
        seen = str(how(span))
    except KeyError as error:
        seen = repr(error)
    finally:
        sys.setprofile(None)
    if not is_set or span.dropped_attributes != 1:
        sys.exit("no longer as stated: the span is read another way, or has room")
    return seen


RAISES = "KeyError('step.0')"
CASES = {
    "dict(span.attributes)": (lambda span: dict(span.attributes), RAISES),
    "list(span.attributes.items())": (lambda span: list(span.attributes.items()), RAISES),
    "span.to_json()": (lambda span: span.to_json(), RAISES),
    "span.attributes.copy()": (lambda span: f"{len(span.attributes.copy())} attributes", "128 attributes"),
    "span.attributes.get": (lambda span: span.attributes.get("session.id"), "conv-42"),
}
for label, (how, expected) in CASES.items():
    seen = read(how)
    print(f"{label + ':':31} {seen}")
    if seen != expected:
        sys.exit(f"no longer as stated: expected {expected}")
print("as stated: reading an open span that is full raises KeyError")
PYTHON
