"""An application that starts the instrumentations itself; ``without-sdk`` stands for an environment without the SDK.

Its arguments: perhaps that word, and the URL to call.
"""

from __future__ import annotations

import sys

if "without-sdk" in sys.argv:
    sys.modules["opentelemetry.sdk"] = None  # type: ignore[assignment]

from opentelemetry.instrumentation import auto_instrumentation

auto_instrumentation.initialize()

import zero_app  # noqa: E402

zero_app.main(sys.argv[-1])
