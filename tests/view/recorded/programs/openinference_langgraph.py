"""LangGraph under OpenInference, told whose turns they are by the thread, and nobody else."""

from openinference.instrumentation.langchain import LangChainInstrumentor

from application import pipeline
from graph import graph_of_shop, of_ada, of_bob

provider = pipeline()
LangChainInstrumentor().instrument(tracer_provider=provider)
graph = graph_of_shop()
of_ada(graph, {"configurable": {"thread_id": "conv-ada"}, "metadata": {"user_id": "ada"}})
of_bob(graph, {"configurable": {"thread_id": "conv-bob"}, "metadata": {"user_id": "bob"}})
provider.shutdown()
