"""The same with Logfire's scrubbing as it is by default, which hides what is called a session."""

import logfire
from openai import OpenAI

from chat import Chat, of_ada

logfire.configure(service_name="shop", send_to_logfire=False, console=False, inspect_arguments=False)
logfire.instrument_openai()

with OpenAI(max_retries=0) as client, logfire.set_baggage(**{"session.id": "conv-ada", "user.id": "ada"}):
    of_ada(Chat(client, lambda: logfire.span("answer")))
logfire.shutdown()
