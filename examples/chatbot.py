"""A chat bot in the terminal: each question is a trace, and all traces of a conversation are one session.

    python chatbot.py --user ada                   # a new conversation; prints its session id at the end
    python chatbot.py --user ada SESSION_ID        # goes on with it, tomorrow, in another process

Reads one question per line.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from openai import OpenAI
from openinference.instrumentation.openai import OpenAIInstrumentor
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from otel_sessions import set_session, turn
from otel_sessions.sdk import instrument

if TYPE_CHECKING:
    from openai.types.chat import ChatCompletionMessageParam


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("session_id", nargs="?", help="the session to go on with; without one a new session starts")
    parser.add_argument("--user", required=True, help="who is asking")
    arguments = parser.parse_args()

    provider = TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    instrument(provider)
    OpenAIInstrumentor().instrument(tracer_provider=provider)

    with set_session(session_id=arguments.session_id, user_id=arguments.user, name="Chat") as session:
        memory = Path(f"chat-{session.id}.json")  # keep the conversation where you keep your data
        messages: list[ChatCompletionMessageParam] = json.loads(memory.read_text()) if memory.exists() else []
        for question in sys.stdin:
            ask(OpenAI(), messages, question.strip())
        memory.write_text(json.dumps(messages))
        print(f"to go on: python chatbot.py --user {arguments.user} {session.id}")
    provider.shutdown()


def ask(client: OpenAI, messages: list[ChatCompletionMessageParam], question: str) -> None:
    """Print the answer as it comes in; the whole turn is one trace."""
    messages.append({"role": "user", "content": question})
    with turn(input=question) as exchange:
        words = []
        for chunk in client.chat.completions.create(model="gpt-4o-mini", messages=messages, stream=True):
            for choice in chunk.choices:
                words.append(choice.delta.content or "")
                print(words[-1], end="", flush=True)
        print()
        answer = exchange.output = "".join(words)
    messages.append({"role": "assistant", "content": answer})


if __name__ == "__main__":
    main()
