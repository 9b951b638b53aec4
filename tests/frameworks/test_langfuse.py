"""OpenAI's client as Langfuse has it, in sessions and with users that Langfuse is given, too."""

from __future__ import annotations

import os

import langfuse
import langfuse.openai
import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from openai_app import Completions
from otel_sessions import check, set_session, turn


@pytest.fixture(scope="module", autouse=True)
def exported(_pipeline):
    """Return what its SDK exports, by the filter that it has by default."""
    os.environ.update(LANGFUSE_PUBLIC_KEY="pk", LANGFUSE_SECRET_KEY="sk", LANGFUSE_BASE_URL="http://127.0.0.1:9")  # noqa: S106  # it is none
    exporter = InMemorySpanExporter()
    client = langfuse.Langfuse(tracer_provider=_pipeline.provider, span_exporter=exporter)
    yield exporter
    client.shutdown()


class TestOpenAI(Completions):
    scope = "langfuse"
    client, async_client = langfuse.openai.OpenAI, langfuse.openai.AsyncOpenAI


class TestPropagatedAttributes(TestOpenAI):
    """Whose session gives way, and whose user stays."""

    own_users = frozenset({"user-of-langfuse"})

    def ask(self, user):
        with langfuse.propagate_attributes(session_id="langfuse-1", user_id="user-of-langfuse"):
            return super().ask(user)

    async def aask(self, user):
        with langfuse.propagate_attributes(session_id="langfuse-1", user_id="user-of-langfuse"):
            return await super().aask(user)

    def stream(self, user):
        with langfuse.propagate_attributes(session_id="langfuse-1", user_id="user-of-langfuse"):
            yield from super().stream(user)

    async def astream(self, user):
        with langfuse.propagate_attributes(session_id="langfuse-1", user_id="user-of-langfuse"):
            async for chunk in super().astream(user):
                yield chunk


def test_its_sdk_exports_turns_and_checks_and_no_other_spans_of_the_application(exported, emptied):
    with set_session("conv-42", user_id="ada"), turn("reply", input="Which city?"):
        trace.get_tracer("app").start_span("work").end()
        check("polite", passed=True)
    emptied.provider.force_flush()
    found = {span.name: span.attributes for span in exported.get_finished_spans()}
    assert found.keys() >= {"reply", "check polite"}
    assert "work" not in found
    assert found["reply"]["langfuse.internal.is_app_root"]
