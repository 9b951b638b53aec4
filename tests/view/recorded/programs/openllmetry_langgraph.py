"""LangGraph under OpenLLMetry, told whose turns they are by the thread, and nobody else; Ada's, or Bob's with ``bob``."""

import sys

from opentelemetry.instrumentation.langchain import LangchainInstrumentor

from application import pipeline
from graph import graph_of_shop, of_ada, of_bob

provider = pipeline()
LangchainInstrumentor().instrument(tracer_provider=provider)
graph = graph_of_shop()
if "bob" in sys.argv:
    of_bob(graph, {"configurable": {"thread_id": "conv-bob"}, "metadata": {"user_id": "bob"}})
else:
    of_ada(graph, {"configurable": {"thread_id": "conv-ada"}, "metadata": {"user_id": "ada"}})
provider.shutdown()
