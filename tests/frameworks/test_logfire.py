"""OpenAI's client under Logfire, whose providers are wrappers that it makes global, and whose scrubbing is off."""

from __future__ import annotations

import logfire
import pytest
from opentelemetry import trace

from openai_app import Completions


@pytest.fixture(scope="session")
def provider():
    logfire.configure(
        send_to_logfire=False,
        console=False,
        scrubbing=False,
        inspect_arguments=False,
    )
    logfire.instrument_openai()
    return trace.get_tracer_provider()


class TestOpenAI(Completions):
    scope = "logfire"
