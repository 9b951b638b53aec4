#!/usr/bin/env bash
# LangGraph: the long-term memory of all users is looked up in one call, outside of their turns, in the session of whoever opened the store.
#
# Packages: langgraph 1.2.24, langgraph-checkpoint 4.3.2, langgraph-checkpoint-sqlite 3.1.2, opentelemetry-sdk 1.45.2,
#           opentelemetry-processor-baggage 0.66b1 (pysqlite3-binary 0.5.4.post2 stands in for Python's sqlite3, which may be built without extensions).
#
# Expected: `await store.asearch(("ada",), query="...")` in a node asks the embedding model for this query, in the turn: its span is below the
#           turn's, in its session, and what it costs is the turn's.
# Happens:  the asynchronous stores (AsyncSqliteStore, AsyncPostgresStore: all of AsyncBatchedBaseStore) put each operation into a queue, and a
#           task that was started with the store takes what it finds and does it together. So what three users ask at once is one
#           call with the words of all three. It is in the context in which the store was opened: in nobody's, where that is the
#           start of the service, and for ever in the first user's session and trace, where the first request opens it. With one user
#           at a time, in a store that was opened in the test, all is right. InMemoryStore, which one tries it with, does it in place.
#
# Output (2026-12-01):
#   InMemoryStore:                         ada as ada | bob as bob | carl as carl
#   AsyncSqliteStore, opened at the start: ada+bob+carl as nobody
#   opened by ada, all at once:            ada+bob+carl as ada
#   opened by ada, one after the other:    ada as ada | bob as ada | carl as ada
#   as stated: the memory of all users is looked up in one call, in the session of whoever opened the store
#
# For users of sessions: the words with which one user's memory is searched are on a span of another user, or on one of nobody, which no question
#           about a session finds. One call can't be shared out: each turn lacks it, in time and in tokens.
# Here:     docs/how-to/agent-frameworks.md, "What their spans say otherwise than you would expect": open the store at the start of the service, so
#           that it is nobody's; or use the synchronous one (SqliteStore, PostgresStore), which does it in place.
set -euo pipefail
unset PYTHONPATH "${!OTEL_@}" "${!LANGCHAIN_@}" "${!LANGSMITH_@}"
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder"
"$folder/bin/pip" install --quiet --disable-pip-version-check \
    langgraph==1.2.24 langgraph-checkpoint==4.3.2 langgraph-checkpoint-sqlite==3.1.2 pysqlite3-binary==0.5.4.post2 \
    opentelemetry-sdk==1.45.2 opentelemetry-processor-baggage==0.66b1

cat >"$folder/chat.py" <<'PYTHON'
import asyncio
import sys
from contextlib import AsyncExitStack

import pysqlite3

sys.modules["sqlite3"] = pysqlite3
from langgraph.config import get_store
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.store.memory import InMemoryStore
from langgraph.store.sqlite.aio import AsyncSqliteStore
from opentelemetry import baggage, context
from opentelemetry.processor.baggage import BaggageSpanProcessor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

exporter, provider = InMemorySpanExporter(), TracerProvider()
provider.add_span_processor(BaggageSpanProcessor(lambda key: key == "user.id"))
provider.add_span_processor(SimpleSpanProcessor(exporter))
tracer = provider.get_tracer("chat")
USERS = ("ada", "bob", "carl")


async def embed(texts):
    """Stand in for the embedding model, with the span that an instrumented client makes."""
    with tracer.start_as_current_span("embeddings", attributes={"input": texts}):
        return [[1.0, 0.0] for _ in texts]


INDEX = {"dims": 2, "embed": embed}


async def recall(state):
    user = state["messages"][0].content
    await get_store().asearch((user,), query=user)
    return {}


async def say(label, expected, store=None, opened_by_first=False, at_once=True):
    stores, owner_of = [] if store is None else [store], {}
    async with AsyncExitStack() as stack:

        async def opened():
            made = await stack.enter_async_context(AsyncSqliteStore.from_conn_string(":memory:", index=INDEX))
            await made.setup()
            return made

        async def turn(user):
            context.attach(baggage.set_baggage("user.id", user))
            with tracer.start_as_current_span("turn") as span:
                owner_of[span.get_span_context().trace_id] = user
                if not stores:
                    stores.append(await opened())
                graph = StateGraph(MessagesState).add_node("recall", recall).add_edge(START, "recall")
                await graph.compile(store=stores[0]).ainvoke({"messages": [("user", user)]})

        if opened_by_first:
            await asyncio.create_task(turn(USERS[0]))
        elif not stores:
            stores.append(await opened())
        exporter.clear()
        if at_once:
            await asyncio.gather(*[asyncio.create_task(turn(user)) for user in USERS])
        else:
            for user in USERS:
                await asyncio.create_task(turn(user))
    calls = [span for span in exporter.get_finished_spans() if span.name == "embeddings"]
    told = []
    for span in sorted(calls, key=lambda span: span.attributes["input"]):
        whose = span.attributes.get("user.id", "nobody")
        if owner_of.get(span.context.trace_id, "nobody") != whose:
            sys.exit("no longer as stated: a span is in another trace than that of its user")
        told.append(f"{'+'.join(sorted(span.attributes['input']))} as {whose}")
    seen = " | ".join(told)
    print(f"{label + ':':38} {seen}")
    if seen != expected:
        sys.exit(f"no longer as stated: expected {expected}")


async def main():
    await say("InMemoryStore", "ada as ada | bob as bob | carl as carl", InMemoryStore(index=INDEX))
    await say("AsyncSqliteStore, opened at the start", "ada+bob+carl as nobody")
    await say("opened by ada, all at once", "ada+bob+carl as ada", opened_by_first=True)
    await say("opened by ada, one after the other", "ada as ada | bob as ada | carl as ada", opened_by_first=True, at_once=False)


asyncio.run(main())
PYTHON
timeout 60 "$folder/bin/python" "$folder/chat.py"
echo "as stated: the memory of all users is looked up in one call, in the session of whoever opened the store"
