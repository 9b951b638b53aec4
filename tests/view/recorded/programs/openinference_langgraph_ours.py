"""The same in sessions and turns of ours: one trace for each turn, and our session on all of its spans."""

from openinference.instrumentation.langchain import LangChainInstrumentor

from application import LISBON, NEIGHBOUR, ORDER, pipeline
from graph import asked, graph_of_shop
from otel_sessions import set_session, turn
from otel_sessions.sdk import instrument

provider = pipeline()
instrument(provider)
LangChainInstrumentor().instrument(tracer_provider=provider)
graph = graph_of_shop()
with set_session("conv-ada", user_id="ada", name="Order 4711"):
    for question in (ORDER, NEIGHBOUR):
        with turn(input=question) as t:
            said = graph.invoke(asked(question), {"configurable": {"thread_id": "thread-1"}})
            t.output = said["messages"][-1].content
with set_session("conv-bob", user_id="bob"), turn(input=LISBON):
    for _ in graph.stream(asked(LISBON), {"configurable": {"thread_id": "thread-2"}}, stream_mode="messages"):
        break
provider.shutdown()
