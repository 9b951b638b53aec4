"""OpenAI's client under Logfire, which exports by OTLP to another backend; the session is in its baggage."""

import logfire
from openai import OpenAI

from chat import Chat, of_ada, of_bob

logfire.configure(service_name="shop", send_to_logfire=False, console=False, scrubbing=False, inspect_arguments=False)
logfire.instrument_openai()


def request():
    return logfire.span("answer")


with OpenAI(max_retries=0) as client:
    with logfire.set_baggage(**{"session.id": "conv-ada", "user.id": "ada"}):
        of_ada(Chat(client, request))
    with logfire.set_baggage(**{"session.id": "conv-bob", "user.id": "bob"}):
        of_bob(Chat(client, request))
logfire.shutdown()
