"""OpenAI's client as Langfuse has it, in sessions and with users that Langfuse is given, and a score."""

import langfuse
from langfuse.openai import OpenAI

from chat import Chat, of_ada, of_bob

tracing = langfuse.get_client()


def request():
    return tracing.start_as_current_observation(name="answer", as_type="agent")


with OpenAI(max_retries=0) as client:
    with langfuse.propagate_attributes(session_id="conv-ada", user_id="ada", tags=["beta"]):
        of_ada(Chat(client, request))
    with langfuse.propagate_attributes(session_id="conv-bob", user_id="bob"):
        of_bob(Chat(client, request))
tracing.flush()
tracing.shutdown()
