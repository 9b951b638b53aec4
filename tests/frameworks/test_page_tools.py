"""The programs of the page of other tools that go with one another, each as it is pasted."""

from __future__ import annotations

import pytest

from page import PROGRAMS

NAMES = {
    "datadog_app.py": {"reply"},
    "mlflow_app.py": {"answer", "reply"},
    "sentry_app.py": {"turn"},
}


@pytest.mark.parametrize("name", PROGRAMS["tools"])
def test_all_spans_of_a_program_have_its_session_and_user(desk, name):
    done = desk.run(
        name, OTEL_EXPORTER_OTLP_PROTOCOL="http/protobuf", DD_INSTRUMENTATION_TELEMETRY_ENABLED="false", DD_REMOTE_CONFIGURATION_ENABLED="false",
        DD_TRACE_AGENT_URL="http://127.0.0.1:9", DD_TRACE_STARTUP_LOGS="false", MLFLOW_DISABLE_TELEMETRY="true",
    )  # fmt: skip
    assert done.ids == {("conv-42", "ada")}
    assert {span.name for span in done.spans} == NAMES[name]
