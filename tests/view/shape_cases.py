"""Traces as they really are, and what the page is to say of each: written from the contract, before anything was run."""

from __future__ import annotations

import json

from view.shape_spans import (
    BROWSER,
    IDS,
    NONE,
    SESSION,
    Case,
    Log,
    Span,
    agent,
    chat,
    check,
    llm,
    post,
    server,
    tool,
    turn,
)

S2 = {"session.id": "s-2"}


def conversation(session: str) -> dict:
    return {"gen_ai.conversation.id": session}


def conversation_so_far(*texts: str) -> dict:
    """Return the messages of a call that repeats all that was said, the user's first."""
    roles = ("user", "assistant")
    return {
        key: value
        for n, text in enumerate(texts)
        for key, value in (
            (f"llm.input_messages.{n}.message.role", roles[n % 2]),
            (f"llm.input_messages.{n}.message.content", text),
        )
    }


WHICH_SESSION = [
    Case(
        "id on every span",
        [
            server(1, attributes=IDS),
            turn(2, "Hello", "Hi", parent=1, attributes=IDS),
            llm(3, "Hello", "Hi", (7, 3), parent=2, attributes=IDS),
        ],
        {
            "s-1": {
                "spans": 3,
                "turns": [("Hello", "Hi")],
                "tokens": (7, 3),
                "users": ("ada",),
                "errors": 0,
                "traces": 1,
            }
        },
    ),
    Case(
        "id on a late span alone counts for the spans above and beside it",
        [
            server(1, attributes=NONE),
            llm(2, "Hello", "Hi", parent=1, attributes=NONE, end=2),
            tool(3, parent=1, start=2, end=3),
        ],
        {"s-1": {"spans": 3, "turns": [("Hello", "Hi")]}},
    ),
    Case(
        "id on the root alone",
        [server(1), llm(2, "Hello", "Hi", parent=1, attributes=NONE), tool(3, parent=2, attributes=NONE)],
        {"s-1": {"spans": 3}},
    ),
    Case(
        "two ids: each span has its nearest ancestor's, and the trace is torn",
        [
            server(1),
            agent(2, "Hello", "Hi", parent=1, attributes=NONE),
            llm(3, "Task", "Done", parent=2, attributes=S2),
            tool(4, parent=3, attributes=NONE),
        ],
        {
            "s-1": {"spans": 2, "turns": [("Hello", "Hi")], "torn": True},
            "s-2": {"spans": 2, "turns": [("Task", "Done")], "torn": True},
        },
        torn={1: ("s-1", "s-2")},
    ),
    Case(
        "two ids: a span beside them has the local root's",
        [server(1, attributes=S2), llm(2, "Hello", "Hi", parent=1), tool(3, parent=99, attributes=NONE)],
        {"s-1": {"spans": 1}, "s-2": {"spans": 2}},
        torn={1: ("s-1", "s-2")},
    ),
    Case(
        "two ids and no root: a span beside them has that of most spans",
        [
            llm(1, "a", "b", parent=90),
            llm(2, "c", "d", parent=91, attributes=S2),
            tool(3, parent=2, attributes=NONE),
            tool(4, parent=92, attributes=NONE),
        ],
        {"s-1": {"spans": 1}, "s-2": {"spans": 3}},
        torn={1: ("s-1", "s-2")},
    ),
    Case(
        "session.id anywhere beats a framework's conversation id anywhere, also the root's",
        [
            agent(1, "Hello", "Hi", attributes=conversation("run-7")),
            chat(2, parent=1, attributes=conversation("run-7")),
            tool(3, parent=1),
        ],
        {"s-1": {"spans": 3, "turns": [("Hello", "Hi")]}},
    ),
    Case(
        "conversation.id beside session.id on one span",
        [llm(1, "Hello", "Hi", attributes={**SESSION, "conversation.id": "c-9"})],
        {"s-1": {"spans": 1, "key": "session.id"}},
    ),
    Case(
        "langfuse.session.id on one span, gen_ai.conversation.id on another: the better key names all",
        [
            agent(1, "Hello", "Hi", attributes={"langfuse.session.id": "lf-1"}),
            chat(2, parent=1, attributes=conversation("run-7")),
        ],
        {"lf-1": {"spans": 2, "key": "langfuse.session.id"}},
    ),
    Case(
        "gen_ai.conversation.id alone",
        [agent(1, "Hello", "Hi", attributes=conversation("c-1")), tool(2, parent=1, attributes=NONE)],
        {"c-1": {"spans": 2, "key": "gen_ai.conversation.id"}},
    ),
    Case(
        "Spring AI's id is in mid-tree, where the server's span above has none",
        [
            server(1, attributes=NONE),
            Span(
                2,
                "spring_ai chat_client",
                1,
                attributes={"spring.ai.kind": "chat_client", "spring.ai.chat.client.conversation.id": "c-1"},
            ),
            chat(3, (5, 2), parent=2, attributes=NONE),
        ],
        {"c-1": {"spans": 3, "tokens": (5, 2), "turns": [("", "")]}},
    ),
    Case(
        "a number is an id by its text",
        [llm(1, "Hello", "Hi", attributes={"session.id": 12345})],
        {"12345": {"spans": 1}},
    ),
    Case(
        "a truth value is an id by its text",
        [llm(1, "Hello", "Hi", attributes={"session.id": True})],
        {"true": {"spans": 1}},
    ),
    Case(
        "a fraction is an id by its text",
        [llm(1, "Hello", "Hi", attributes={"session.id": 1.5})],
        {"1.5": {"spans": 1}},
    ),
    Case(
        "a list is no id",
        [llm(1, "Hello", "Hi", attributes={"session.id": ["a", "b"]})],
        {},
        outside=1,
        causes=("unknown",),
    ),
    Case("a blank is no id", [llm(1, "Hello", "Hi", attributes={"session.id": "  "})], {}, outside=1),
    Case("spaces around an id stay", [llm(1, "Hello", "Hi", attributes={"session.id": " s "})], {" s ": {"spans": 1}}),
    Case(
        "Spring's property behind an id is no part of it",
        [server(1, attributes={"session.id": "s-1;propagation=unlimited"}), llm(2, "Hello", "Hi", parent=1)],
        {"s-1": {"spans": 2, "torn": False}},
    ),
    Case(
        "session.id on the resource",
        [
            server(1, attributes=NONE, resource=SESSION),
            llm(2, "Hello", "Hi", parent=1, attributes=NONE, resource=SESSION),
        ],
        {"s-1": {"spans": 2, "turns": [("Hello", "Hi")]}},
    ),
    Case(
        "session.id on the span before that of its resource",
        [agent(1, "Hello", "Hi", attributes=S2, resource=SESSION)],
        {"s-2": {"spans": 1}},
    ),
    Case(
        "a browser's visit stands behind the application's session, and tears nothing",
        [
            Span(1, "click", attributes={"session.id": "visit-1"}, resource=BROWSER, service="web"),
            server(2, parent=1),
            llm(3, "Hello", "Hi", parent=2),
        ],
        {"s-1": {"spans": 3, "torn": False, "turns": [("Hello", "Hi")]}},
    ),
    Case(
        "a browser's visit names the session where the application names none",
        [
            Span(1, "click", attributes={"session.id": "visit-1"}, resource=BROWSER),
            server(2, parent=1, attributes=NONE),
        ],
        {"visit-1": {"spans": 2, "torn": False}},
    ),
    Case(
        "a browser's visit stands behind any other key of the application",
        [
            Span(1, "click", attributes={"session.id": "visit-1"}, resource=BROWSER),
            agent(2, "Hello", "Hi", parent=1, attributes=conversation("c-1")),
        ],
        {"c-1": {"spans": 2}},
    ),
    Case(
        "no session: the first trace of a newcomer",
        [server(1, attributes=NONE), llm(2, "Hello", "Hi", (7, 3), parent=1, attributes=NONE)],
        {},
        outside=2,
        causes=("unknown",),
    ),
    Case(
        "no session: a probe is background",
        [server(1, "GET /healthz", attributes=NONE)],
        {},
        outside=1,
        causes=("background",),
    ),
    Case(
        "no session: the call of Spring AI's stream is a trace of one span",
        [
            Span(
                1,
                "POST",
                kind="CLIENT",
                attributes={"http.request.method": "POST"},
                scope="io.opentelemetry.okhttp-3.0",
            )
        ],
        {},
        outside=1,
        causes=("context-lost-stream",),
    ),
    Case(
        "two traces of one session",
        [turn(1, "Hello", "Hi"), turn(1, "And now?", "Bye", trace=2, start=5, end=8)],
        {"s-1": {"spans": 2, "traces": 2, "turns": [("Hello", "Hi"), ("And now?", "Bye")], "latency": 3}},
    ),
    Case(
        "a worker's trace of two sessions, bound one after the other",
        [
            Span(1, "work", kind="CONSUMER", end=9, attributes=NONE),
            agent(2, "Hello", "Hi", parent=1, start=1, end=2),
            tool(3, parent=2, start=1, end=2, attributes=NONE),
            agent(4, "Moin", "Tach", parent=1, start=3, end=4, attributes=S2),
        ],
        {"s-1": {"spans": 3, "turns": [("Hello", "Hi")]}, "s-2": {"spans": 1, "turns": [("Moin", "Tach")]}},
        torn={1: ("s-1", "s-2")},
    ),
    Case(
        "what was displaced is told",
        [turn(1, "Hello", "Hi", attributes={**SESSION, "session.displaced_id": "thread-9"})],
        {"s-1": {"spans": 1, "torn": False, "displaced": ("thread-9",)}},
    ),
]

WHICH_USER = [
    Case(
        "user on one span only",
        [server(1), llm(2, "Hello", "Hi", parent=1, attributes=IDS)],
        {"s-1": {"users": ("ada",)}},
    ),
    Case(
        "two users of one session are both shown",
        [
            turn(1, "Hello", "Hi", attributes=IDS),
            turn(1, "Moin", "Tach", trace=2, start=2, end=3, attributes={**SESSION, "user.id": "bob"}),
        ],
        {"s-1": {"users": ("ada", "bob"), "turns": [("Hello", "Hi"), ("Moin", "Tach")]}},
    ),
    Case(
        "name, previous session",
        [turn(1, "Hello", "Hi", attributes={**SESSION, "session.name": "Course", "session.previous_id": "s-0"})],
        {"s-1": {"name": "Course", "previous_id": "s-0"}},
    ),
]

WHICH_TURN = [
    Case(
        "a marked turn beats the root that repeats its words, and what is below",
        [
            server(1, attributes={**SESSION, "input.value": "Hello", "output.value": "Hi"}),
            turn(2, "Hello", "Hi", parent=1, start=0.2, end=0.8),
            llm(3, "Hello", "Hi", parent=2),
        ],
        {"s-1": {"turns": [("Hello", "Hi")], "latency": 0.6}},
    ),
    Case(
        "a WebSocket's root holds many marked turns, and repeats the last one's words",
        [
            server(1, "GET /ws", end=9, attributes={**SESSION, "input.value": "Two", "output.value": "2"}),
            turn(2, "One", "1", parent=1, start=1, end=2),
            turn(3, "Two", "2", parent=1, start=5, end=6),
        ],
        {"s-1": {"spans": 3, "turns": [("One", "1"), ("Two", "2")], "latency": 1}},
    ),
    Case(
        "a WebSocket's root with turns that nobody has marked",
        [
            server(1, "GET /ws", end=9, attributes={**SESSION, "input.value": "Two", "output.value": "2"}),
            agent(2, "One", "1", parent=1, start=1, end=2),
            agent(3, "Two", "2", parent=1, start=5, end=6),
        ],
        {"s-1": {"turns": [("One", "1"), ("Two", "2")]}},
    ),
    Case(
        "a worker's root without words holds its turns",
        [
            Span(1, "loop", end=99, attributes=SESSION),
            agent(2, "One", "1", parent=1, start=1, end=2),
            agent(3, "Two", "2", parent=1, start=5, end=6),
            agent(4, "Three", "3", parent=1, start=7, end=8),
        ],
        {"s-1": {"turns": [("One", "1"), ("Two", "2"), ("Three", "3")]}},
    ),
    Case(
        "a worker's root that repeats the words of a turn is none",
        [
            Span(1, "loop", end=99, attributes={**SESSION, "input.value": "Two", "output.value": "2"}),
            agent(2, "One", "1", parent=1, start=1, end=2),
            agent(3, "Two", "2", parent=1, start=5, end=6),
        ],
        {"s-1": {"turns": [("One", "1"), ("Two", "2")]}},
    ),
    Case(
        "a root with the words of its only turn is that turn",
        [
            Span(
                1, "answer", end=9, attributes={**SESSION, "input.value": "How is the weather?", "output.value": "Fine"}
            ),
            llm(2, "How is the weather?", "", parent=1, start=1, end=4),
            tool(3, parent=1, start=4, end=5),
            llm(4, "How is the weather?", "Fine", parent=1, start=5, end=9),
        ],
        {"s-1": {"turns": [("How is the weather?", "Fine")], "latency": 9}},
    ),
    Case(
        "an agent's loop without an agent's span: the calls of a model for one question are one turn",
        [
            server(1, "GET /chat", end=9),
            llm(2, "How is the weather?", "", (10, 2), parent=1, start=1, end=2),
            tool(3, parent=1, start=2, end=3),
            llm(4, "How is the weather?", "Fine", (20, 3), parent=1, start=3, end=4),
        ],
        {"s-1": {"turns": [("How is the weather?", "Fine")], "tokens": (30, 5), "latency": 3}},
    ),
    Case(
        "an agent without words: those of the calls below, and all its time",
        [
            agent(1, end=9),
            chat(2, (10, 2), parent=1, start=1, end=2),
            llm(3, "How is the weather?", "Fine", parent=1, start=3, end=4, attributes=NONE),
        ],
        {"s-1": {"turns": [("How is the weather?", "Fine")], "latency": 9}},
    ),
    Case(
        "sub-agents are in the turn of who asked them",
        [
            agent(1, "Plan a trip", "Planned", end=9),
            llm(2, "Plan a trip", "", parent=1, end=1),
            agent(3, "Find a hotel for the trip", "Found", parent=1, start=1, end=4),
            llm(4, "Find a hotel for the trip", "Found", parent=3, start=1, end=4),
            agent(5, "Find a train for the trip", "Found, too", parent=1, start=1, end=5),
        ],
        {"s-1": {"turns": [("Plan a trip", "Planned")], "spans": 5}},
    ),
    Case(
        "no words recorded: the outermost agent, shown as such",
        [server(1, end=4), agent(2, parent=1, start=1, end=3), chat(3, (10, 2), parent=2), chat(4, (20, 3), parent=2)],
        {"s-1": {"turns": [("", "")], "tokens": (30, 5), "latency": 2, "is_agent": [True]}},
    ),
    Case(
        "no words, no agent: two requests are two turns",
        [chat(1), chat(1, trace=2, start=5, end=6)],
        {"s-1": {"turns": [("", ""), ("", "")]}},
    ),
    Case(
        "a tool alone is no turn",
        [tool(1)],
        {"s-1": {"spans": 1, "turns": [], "latency": None}},
    ),
    Case(
        "title generation after the answer is no turn of its own, and its title no answer",
        [
            server(1, end=5),
            llm(2, "How is the weather?", "Fine, thank you", parent=1, start=1, end=2),
            llm(3, "Write a title for this chat: How is the weather?", "Weather", parent=1, start=2, end=3),
        ],
        {"s-1": {"turns": [("How is the weather?", "Fine, thank you")]}},
    ),
    Case(
        "title generation in a trace of its own, during the turn",
        [
            turn(1, "How is the weather?", "Fine, thank you", end=5),
            llm(1, "Write a title for this chat: How is the weather?", "Weather", (9, 1), trace=2, start=2, end=3),
        ],
        {"s-1": {"turns": [("How is the weather?", "Fine, thank you")], "traces": 2, "tokens": (9, 1)}},
    ),
    Case(
        "retries of a client are calls of one turn",
        [
            server(1, end=9),
            llm(2, "Hello", "", parent=1, start=1, end=2, error="RateLimitError: 429"),
            llm(3, "Hello", "", parent=1, start=3, end=4, error="RateLimitError: 429"),
            llm(4, "Hello", "Hi", parent=1, start=5, end=6),
        ],
        {"s-1": {"turns": [("Hello", "Hi")], "errors": 2, "latency": 5}},
    ),
    Case(
        "a run whose stream was left says nothing of what the model went on to send",
        [
            agent(1, "Hello", "", end=9, error="GeneratorExit()"),
            Span(2, "node", parent=1, end=8, attributes=SESSION),
            llm(3, "Hello", "Hi", parent=2, start=1, end=7),
        ],
        {"s-1": {"turns": [("Hello", "")], "errors": 1}},
    ),
    Case(
        "a call that failed below a run that has no words of its own, and the one that answered",
        [
            agent(1, error="RateLimitError: 429", end=9),
            llm(2, "Hello", "", parent=1, start=1, end=2, error="RateLimitError: 429"),
            llm(3, "Hello", "Hi", parent=1, start=3, end=7),
        ],
        {"s-1": {"turns": [("Hello", "Hi")]}},
    ),
    Case(
        "an agent that is run again in the same trace because it failed",
        [
            Span(1, "job", end=9, attributes=SESSION),
            agent(2, "Hello", "", parent=1, start=1, end=2, error="boom"),
            agent(3, "Hello", "Hi", parent=1, start=3, end=4),
        ],
        {"s-1": {"turns": [("Hello", "Hi")], "errors": 1}},
    ),
    Case(
        "parallel tabs: two questions at once are two turns",
        [
            server(1, end=9),
            turn(2, "What is a trace?", "Spans", parent=1, end=9),
            server(1, trace=2, start=2, end=8),
            turn(2, "And what is a session?", "Traces", parent=1, trace=2, start=2, end=8),
        ],
        {"s-1": {"turns": [("What is a trace?", "Spans"), ("And what is a session?", "Traces")], "traces": 2}},
    ),
    Case(
        "parallel tabs that nobody has marked",
        [
            agent(1, "What is a trace?", "Spans", end=9),
            agent(1, "And what is a session?", "Traces", trace=2, start=2, end=8),
        ],
        {"s-1": {"turns": [("What is a trace?", "Spans"), ("And what is a session?", "Traces")]}},
    ),
    Case(
        "the same question twice, one after the other, is two turns",
        [agent(1, "Go on", "More", end=2), agent(1, "Go on", "Still more", trace=2, start=5, end=6)],
        {"s-1": {"turns": [("Go on", "More"), ("Go on", "Still more")]}},
    ),
    Case(
        "voice: the conversation's span holds turns without words of their own",
        [
            Span(1, "conversation", end=60, attributes={"conversation.id": "call-1"}),
            Span(2, "turn", 1, 1, 6, attributes=NONE),
            Span(3, "stt", 2, 1, 2, attributes=NONE),
            llm(4, "Hello", "Hi", parent=2, start=2, end=4, attributes=NONE),
            Span(5, "turn", 1, 20, 26, attributes=NONE),
            llm(6, "Tell me a joke", "No", parent=5, start=21, end=22, attributes=NONE),
        ],
        {"call-1": {"spans": 6, "turns": [("Hello", "Hi"), ("Tell me a joke", "No")], "key": "conversation.id"}},
    ),
    Case(
        "LangGraph: an application's spans in nodes are traces of their own, within the turn",
        [
            Span(
                1,
                "LangGraph",
                end=9,
                attributes={
                    **SESSION,
                    "openinference.span.kind": "CHAIN",
                    "input.value": "Hello",
                    "output.value": "Hi",
                },
            ),
            llm(2, "Hello", "Hi", (7, 3), parent=1, start=3, end=4),
            Span(1, "look up", start=2, end=3, trace=2, attributes=SESSION),
            Span(1, "write down", start=5, end=6, trace=3, attributes=SESSION),
            llm(1, "Hello", "Draft", (5, 1), start=6, end=7, trace=4),
        ],
        {"s-1": {"turns": [("Hello", "Hi")], "traces": 4, "spans": 5, "tokens": (12, 4)}},
    ),
    Case(
        "Genkit: the flow is a new trace below the turn's span",
        [
            turn(1, "Hello", "Hi", end=9),
            Span(
                1,
                "helper",
                trace=2,
                start=1,
                end=8,
                scope="genkit-tracer",
                attributes={
                    "genkit:type": "action",
                    "genkit:metadata:subtype": "agent",
                    "genkit:metadata:agent:sessionId": "s-1",
                    "genkit:input": json.dumps({"message": {"role": "user", "content": [{"text": "Hello"}]}}),
                    "genkit:output": json.dumps({"message": {"role": "model", "content": [{"text": "Hi"}]}}),
                },
            ),
        ],
        {"s-1": {"turns": [("Hello", "Hi")], "traces": 2, "key": "session.id"}},
    ),
    Case(
        "Mastra's exporter: a trace of its own though the application's span is active",
        [
            agent(1, "Hello", "Hi", end=9),
            Span(
                1,
                "agent run",
                trace=2,
                start=1,
                end=8,
                scope="@mastra/otel-exporter",
                attributes={
                    "mastra.span.type": "agent_run",
                    "mastra.metadata.threadId": "s-1",
                    "mastra.agent_run.input": "Hello",
                    "mastra.agent_run.output": "Hi",
                },
            ),
            chat(2, (11, 7), parent=1, trace=2, start=2, end=4, attributes=NONE),
        ],
        {"s-1": {"turns": [("Hello", "Hi")], "traces": 2, "tokens": (11, 7)}},
    ),
    Case(
        "Codex: many traces without words within a turn",
        [
            agent(1, "Fix it", "Fixed", end=30, attributes={"conversation.id": "c-1"}),
            *(
                Span(1, "op.dispatch", trace=n, start=n, end=n + 0.5, attributes={"conversation.id": "c-1"})
                for n in range(2, 12)
            ),
            *(chat(1, trace=n, start=n, end=n + 0.5, attributes={"conversation.id": "c-1"}) for n in range(12, 20)),
        ],
        {"c-1": {"turns": [("Fix it", "Fixed")], "traces": 19, "spans": 19}},
    ),
    Case(
        "evaluation spans are no turns, nor the judge's calls below them",
        [
            turn(1, "Hello", "Hi"),
            check(2, "polite", "fail", parent=1),
            Span(
                1,
                "judge",
                trace=2,
                start=3,
                end=5,
                attributes={**SESSION, "openinference.span.kind": "EVALUATOR", "input.value": "Hello"},
            ),
            llm(2, "Is this polite?", "no", parent=1, trace=2, start=3, end=4),
        ],
        {"s-1": {"turns": [("Hello", "Hi")], "failed_checks": 1, "failed_by_turn": [1]}},
    ),
]

WHAT_NEVER_COMES = [
    Case(
        "an orphan call of a model is a turn that ended early",
        [chat(2, (4, 1), parent=1)],
        {"s-1": {"turns": [("", "")], "early": [True], "tokens": (4, 1)}},
    ),
    Case(
        "several orphans of one trace are one turn",
        [
            Span(3, "step 1", 1, 0, 2, attributes=NONE),
            llm(4, "How is the weather?", "", (4, 1), parent=3, end=1),
            tool(5, parent=3, start=1, end=2),
            llm(7, "How is the weather?", "Fine", (9, 2), parent=6, start=2, end=3),
        ],
        {"s-1": {"turns": [("How is the weather?", "Fine")], "early": [True], "tokens": (13, 3), "latency": 3}},
    ),
    Case(
        "a filtered export: the agent's parent is never sent, and it did not end early",
        [agent(2, "Hello", "Hi", parent=1), chat(3, (4, 1), parent=2)],
        {"s-1": {"turns": [("Hello", "Hi")], "early": [False]}},
    ),
    Case(
        "a server's parent elsewhere is no orphan",
        [server(2, parent=1, attributes=NONE), llm(3, "Hello", "Hi", parent=2)],
        {"s-1": {"turns": [("Hello", "Hi")], "early": [False], "spans": 2}},
    ),
    Case(
        "an orphan HTTP span with 429 is a failed call",
        [post(2, 429, parent=1)],
        {"s-1": {"turns": [("", "")], "errors": 1}},
    ),
    Case(
        "an orphan HTTP span with 503 in a turn is an error of that turn",
        [turn(1, "Hello", "", end=5), post(3, 503, parent=2, start=1, end=2)],
        {"s-1": {"turns": [("Hello", "")], "errors": 1, "errors_by_turn": [1]}},
    ),
    Case(
        "an orphan HTTP span with 404 to another path is no call of a model",
        [post(2, 404, url="https://shop.example/orders/7", parent=1)],
        {"s-1": {"turns": [], "errors": 1}},
    ),
    Case(
        "the parent of a parent never comes, and ids stand on the child",
        [Span(2, "work", 1, attributes=NONE), llm(3, "Hello", "Hi", parent=2)],
        {"s-1": {"spans": 2, "turns": [("Hello", "Hi")]}},
    ),
    Case(
        "a span that is its own parent, and two that are each other's",
        [llm(1, "Hello", "Hi", parent=1), Span(2, "a", 3, attributes=NONE), Span(3, "b", 2, attributes=NONE)],
        {"s-1": {"spans": 3, "turns": [("Hello", "Hi")]}},
    ),
]

WHAT_SUM = [
    Case(
        "an agent that repeats the sum of its calls",
        [
            agent(1, "Hello", "Hi").but(plus={"gen_ai.usage.input_tokens": 30, "gen_ai.usage.output_tokens": 5}),
            chat(2, (10, 2), parent=1),
            chat(3, (20, 3), parent=1),
        ],
        {"s-1": {"tokens": (30, 5), "tokens_by_turn": [(30, 5)]}},
    ),
    Case(
        "an agent whose sum is larger than that of the calls that came",
        [
            agent(1, "Hello", "Hi").but(plus={"gen_ai.usage.input_tokens": 30, "gen_ai.usage.output_tokens": 5}),
            chat(2, (10, 2), parent=1),
        ],
        {"s-1": {"tokens": (30, 5)}},
    ),
    Case(
        "an agent whose sum is smaller than that of its calls",
        [
            agent(1, "Hello", "Hi").but(plus={"gen_ai.usage.input_tokens": 5}),
            chat(2, (10, 2), parent=1),
            chat(3, (20, 3), parent=1),
        ],
        {"s-1": {"tokens": (30, 5)}},
    ),
    Case(
        "a call that two instrumentations have recorded, one inside of the other",
        [llm(1, "Hello", "Hi", (10, 2)), chat(2, (10, 2), parent=1)],
        {"s-1": {"tokens": (10, 2), "llm_spans": 2}},
    ),
    Case("no tokens recorded is not 0", [llm(1, "Hello", "Hi")], {"s-1": {"tokens": (None, None)}}),
    Case("0 tokens are 0", [llm(1, "Hello", "Hi", (0, 0))], {"s-1": {"tokens": (0, 0)}}),
    Case(
        "parts of a cache are parts of the input",
        [
            chat(1, (100, 20)).but(
                plus={"gen_ai.usage.cache_read.input_tokens": 80, "gen_ai.usage.cache_creation.input_tokens": 5}
            )
        ],
        {"s-1": {"tokens": (100, 20), "cache": (80, 5)}},
    ),
    Case(
        "Langfuse's parts are disjoint",
        [
            Span(
                1,
                "answer",
                scope="langfuse-sdk",
                attributes={
                    **SESSION,
                    "langfuse.observation.type": "generation",
                    "langfuse.observation.usage_details": json.dumps(
                        {"input": 7, "input_cached_tokens": 4, "output": 5}
                    ),
                },
            )
        ],
        {"s-1": {"tokens": (11, 5), "cache": (4, None)}},
    ),
    Case(
        "costs are known of one call of two",
        [agent(1, "Hello", "Hi"), chat(2, parent=1).but(plus={"gen_ai.usage.cost": 0.25}), chat(3, parent=1)],
        {"s-1": {"cost": 0.25, "cost_complete": False}},
    ),
    Case(
        "costs are known of all calls",
        [
            agent(1, "Hello", "Hi"),
            chat(2, parent=1).but(plus={"gen_ai.usage.cost": 0.25}),
            chat(3, parent=1).but(plus={"gen_ai.usage.cost": 0.5}),
        ],
        {"s-1": {"cost": 0.75, "cost_complete": True}},
    ),
    Case("no costs are a dash", [llm(1, "Hello", "Hi", (7, 3))], {"s-1": {"cost": None, "cost_complete": False}}),
    Case(
        "an error that its ancestors repeat counts once",
        [
            server(1, error="boom"),
            turn(2, "Hello", "", parent=1, error="ValueError: boom"),
            agent(3, "Hello", "", parent=2, error="ValueError: boom"),
            llm(4, "Hello", "", parent=3, error="boom"),
        ],
        {"s-1": {"errors": 1, "errors_by_turn": [1]}},
    ),
    Case(
        "an error that an ancestor tells with other words around it counts once",
        [
            agent(1, "Hello", "", error="Error in agent run: {'error': 'Error code: 429'}"),
            Span(2, "turn", parent=1, attributes=SESSION),
            llm(3, "Hello", "", parent=2, error="Error getting response: {'error': 'Error code: 429'}"),
        ],
        {"s-1": {"errors": 1}},
    ),
    Case(
        "errors of one type and other words count each",
        [
            agent(1, "Hello", "", end=9, error="ValueError: no date"),
            tool(2, parent=1, end=1, error="ValueError: no time"),
            llm(3, "Hello", "", parent=1, start=2, end=3),
        ],
        {"s-1": {"errors": 2}},
    ),
    Case(
        "two tools fail, and the agent with them",
        [
            agent(1, "Hello", "", error="timeout", end=5),
            tool(2, parent=1, error="timeout"),
            tool(3, parent=1, start=1, end=2, error="timeout"),
        ],
        {"s-1": {"errors": 2}},
    ),
    Case(
        "an error that was swallowed, and another one later",
        [
            agent(1, "Hello", "", error="out of steps", end=9),
            tool(2, parent=1, end=1, error="not found"),
            llm(3, "Hello", "", parent=1, start=2, end=3),
        ],
        {"s-1": {"errors": 2}},
    ),
    Case(
        "langfuse.observation.level=ERROR and genkit:state=error are errors",
        [
            Span(
                1,
                "answer",
                attributes={
                    **SESSION,
                    "langfuse.observation.type": "generation",
                    "langfuse.observation.level": "ERROR",
                },
            ),
            Span(
                1,
                "flow",
                trace=2,
                start=5,
                end=6,
                attributes={**SESSION, "genkit:type": "flow", "genkit:state": "error"},
            ),
        ],
        {"s-1": {"errors": 2}},
    ),
    Case(
        "a retried call below a call that went well is one error",
        [llm(1, "Hello", "Hi", end=5), post(2, 429, parent=1), post(3, 200, parent=1, start=2, end=4)],
        {"s-1": {"errors": 1, "turns": [("Hello", "Hi")]}},
    ),
]

WHAT_RECORDS_ADD = [
    Case(
        "feedback as a record on the turn",
        [turn(1, "Hello", "Hi")],
        {"s-1": {"feedback": 1, "failed_checks": 0}},
        logs=(
            Log(
                "gen_ai.evaluation.result",
                span=1,
                attributes={
                    **SESSION,
                    "gen_ai.evaluation.name": "thumb",
                    "gen_ai.evaluation.score.label": "down",
                    "annotation.annotator_kind": "HUMAN",
                },
            ),
        ),
    ),
    Case(
        "a check that is told by a span and by a record is one",
        [turn(1, "Hello", "Hi"), check(2, "polite", "fail", parent=1)],
        {"s-1": {"failed_checks": 1, "failed_by_turn": [1]}},
        logs=(
            Log(
                "gen_ai.evaluation.result",
                span=1,
                attributes={**SESSION, "gen_ai.evaluation.name": "polite", "gen_ai.evaluation.score.label": "fail"},
            ),
        ),
    ),
    Case(
        "two failed checks of one name are two",
        [turn(1, "Hello", "Hi"), check(2, "polite", "fail", parent=1), check(3, "polite", "fail", parent=1)],
        {"s-1": {"failed_checks": 2}},
    ),
    Case(
        "feedback outside of any trace is the session's",
        [turn(1, "Hello", "Hi")],
        {"s-1": {"feedback": 1, "traces": 1, "spans": 1}},
        logs=(
            Log(
                "gen_ai.evaluation.result",
                trace=0,
                time=50,
                attributes={
                    **SESSION,
                    "gen_ai.evaluation.name": "thumb",
                    "gen_ai.evaluation.score.label": "up",
                    "annotation.annotator_kind": "HUMAN",
                },
            ),
        ),
    ),
    Case(
        "words that stand in records, as the GenAI conventions had them",
        [chat(1, (4, 1))],
        {"s-1": {"turns": [("Hello", "Hi")]}},
        logs=(
            Log("gen_ai.user.message", {"role": "user", "content": "Hello"}, span=1, time=0.1),
            Log("gen_ai.choice", {"index": 0, "message": {"role": "assistant", "content": "Hi"}}, span=1, time=0.9),
        ),
    ),
    Case(
        "plain records of a trace change nothing",
        [turn(1, "Hello", "Hi")],
        {"s-1": {"spans": 1, "turns": [("Hello", "Hi")], "errors": 0}},
        logs=(Log(body="something", span=1), Log(body="outside", trace=0, attributes={"session.id": "s-9"})),
    ),
]

MORE_TURNS = [
    Case(
        "a WebSocket with calls alone: who says the same again says it in a longer conversation",
        [
            server(1, "GET /ws", end=99),
            llm(2, "Go on", "One", parent=1, start=1, end=2),
            llm(3, "", "Two", parent=1, start=5, end=6).but(plus=conversation_so_far("Go on", "One", "Go on")),
        ],
        {"s-1": {"turns": [("Go on", "One"), ("Go on", "Two")]}},
    ),
    Case(
        "a WebSocket that is still open: the agents below have no parent yet, and did not end early",
        [agent(2, "One", "1", parent=1, start=1, end=2), agent(3, "Two", "2", parent=1, start=5, end=6)],
        {"s-1": {"turns": [("One", "1"), ("Two", "2")], "early": [False, False]}},
    ),
    Case(
        "an earlier question comes back after another one",
        [
            server(1, "GET /ws", end=9),
            llm(2, "What is a span?", "A step", parent=1, start=1, end=2),
            llm(3, "And a trace?", "A tree", parent=1, start=3, end=4),
            llm(4, "What is a span?", "As I said", parent=1, start=5, end=6),
        ],
        {
            "s-1": {
                "turns": [("What is a span?", "A step"), ("And a trace?", "A tree"), ("What is a span?", "As I said")]
            }
        },
    ),
    Case(
        "all calls of one POST are one exchange, whatever they say",
        [
            server(1, end=9),
            llm(2, "Is this a question?", "yes", parent=1, start=1, end=2),
            llm(3, "How is the weather?", "Fine", parent=1, start=3, end=4),
        ],
        {"s-1": {"turns": [("Is this a question?", "Fine")], "latency": 3}},
    ),
    Case(
        "an application's span with the words of the exchange, whose steps say something else",
        [
            Span(
                1,
                "answer",
                end=20,
                attributes={**SESSION, "input.value": "How is the weather?", "output.value": "Fine"},
            ),
            llm(2, "How is the weather?", "call weather", parent=1, start=1, end=2),
            tool(3, parent=1, start=2, end=18),
            llm(4, "22 degrees", "Fine", parent=1, start=18, end=19),
        ],
        {"s-1": {"turns": [("How is the weather?", "Fine")], "latency": 20}},
    ),
    Case(
        "title generation of a short question begins before the turn",
        [
            llm(1, "Generate a title for this conversation:\nhi", "Greeting", trace=2, start=0, end=2),
            agent(1, "hi", "Hello", start=0.1, end=5),
        ],
        {"s-1": {"turns": [("hi", "Hello")], "traces": 2, "joined": [1], "latency": 5}},
    ),
    Case(
        "runs that begin in a run whose stream was left are turns",
        [
            agent(1, "Hello", start=0, end=9),
            llm(2, "Hello", "Hi", parent=1, start=0, end=1),
            agent(3, "What is next?", parent=1, start=2, end=4),
            agent(4, "Is that all?", "It is.", parent=3, start=3, end=4),
            agent(5, "Hello", "Hi", parent=1, start=1, end=2),
        ],
        {"s-1": {"turns": [("Hello", "Hi"), ("What is next?", ""), ("Is that all?", "It is.")]}},
    ),
    Case(
        "a run of the same name in a run that answers is a step of it",
        [
            agent(1, "Hello", "Hi", end=9),
            agent(2, "Outline this", "1.", parent=1, start=2, end=4),
            Span(3, "beside", attributes=SESSION),
        ],
        {"s-1": {"turns": [("Hello", "Hi")]}},
    ),
    Case(
        "without words an agent that runs again is a turn, also while the run before has not ended",
        [
            agent(1, end=9),
            chat(2, parent=1, end=9),
            agent(1, trace=2, start=5, end=7, error="RateLimitError: 429"),
            chat(1, trace=3, start=8, end=9),
        ],
        {"s-1": {"turns": [("", ""), ("", "")], "traces": 3, "errors_by_turn": [0, 1], "joined": [1, 0]}},
    ),
    Case(
        "traces without candidates are of the turn in which they start",
        [
            turn(1, "Hello", "Hi", end=5),
            tool(1, trace=2, start=1, end=2),
            tool(1, trace=3, start=4, end=9),
            tool(1, trace=4, start=7, end=8),
        ],
        {"s-1": {"turns": [("Hello", "Hi")], "traces": 4, "joined": [2]}},
    ),
    Case(
        "a turn in the next service is in the turn of the first one",
        [
            turn(1, "Hello", "Hi", end=5),
            server(2, parent=1, start=1, end=4, service="back"),
            turn(3, "Say hello", "Hi", parent=2, start=1, end=4, service="back"),
        ],
        {"s-1": {"turns": [("Hello", "Hi")], "services": ("app", "back")}},
    ),
    Case(
        "a marked turn whose parent never comes did not end early",
        [turn(2, "Hello", "Hi", parent=1)],
        {"s-1": {"turns": [("Hello", "Hi")], "early": [False]}},
    ),
    Case(
        "all users of a server below one span that ended long ago",
        [
            server(1, "GET /startup-events", attributes=NONE, end=0.1),
            turn(2, "Hello", "Hi", parent=1, start=5, end=6),
            turn(3, "Moin", "Tach", parent=1, start=5, end=7, attributes=S2),
        ],
        {"s-1": {"turns": [("Hello", "Hi")]}, "s-2": {"turns": [("Moin", "Tach")]}},
        torn={1: ("s-1", "s-2")},
    ),
    Case(
        "a worker of whose turns one failed without words",
        [
            Span(1, "loop", end=99, attributes=SESSION),
            agent(2, "One", "1", parent=1, start=1, end=2),
            agent(3, parent=1, start=5, end=6, error="boom"),
        ],
        {"s-1": {"turns": [("One", "1"), ("", "")], "errors_by_turn": [0, 1]}},
    ),
    Case(
        "a job of which nothing but an evaluation came",
        [check(1, "polite", "fail")],
        {"s-1": {"turns": [], "failed_checks": 1, "spans": 1}},
    ),
]

MORE_SUMS = [
    Case(
        "a server's error without words, of an exception below",
        [server(1, error=""), llm(2, "Hello", "", parent=1, error="RateLimitError: 429"), post(3, 429, parent=2)],
        {"s-1": {"errors": 1}},
    ),
    Case(
        "an agent that repeats the cost of its calls",
        [
            agent(1, "Hello", "Hi").but(plus={"gen_ai.usage.cost": 0.75}),
            chat(2, parent=1).but(plus={"gen_ai.usage.cost": 0.25}),
            chat(3, parent=1).but(plus={"gen_ai.usage.cost": 0.5}),
        ],
        {"s-1": {"cost": 0.75, "cost_complete": True}},
    ),
    Case(
        "a torn trace: tokens of which an ancestor in another session has the sum are in the session of the call",
        [
            agent(1, "Hello", "Hi").but(plus={"gen_ai.usage.input_tokens": 30}),
            chat(2, (10, 2), parent=1),
            chat(3, (20, 3), parent=1, attributes=S2),
        ],
        {"s-1": {"tokens": (10, 2)}, "s-2": {"tokens": (20, 3)}},
        torn={1: ("s-1", "s-2")},
    ),
    Case(
        "the branches of the path, with all below them",
        [
            turn(1, "Hello", "Hi", end=10, attributes={**SESSION, "session.path": "/course"}),
            llm(
                2, "a", "b", (5, 1), parent=1, start=1, end=4, attributes={**SESSION, "session.path": "/course/outline"}
            ),
            tool(3, parent=2, start=2, end=6),
            llm(
                4, "c", "d", (7, 2), parent=1, start=5, end=9, attributes={**SESSION, "session.path": "/course/lesson"}
            ),
        ],
        {
            "s-1": {
                "paths": [
                    ("/", 4, 10, (12, 3)),
                    ("/course", 4, 10, (12, 3)),
                    ("/course/lesson", 1, 4, (7, 2)),
                    ("/course/outline", 2, 5, (5, 1)),
                ]
            }
        },
    ),
    Case("no path, no branches", [turn(1, "Hello", "Hi")], {"s-1": {"paths": []}}),
]

MORE_RECORDS = [
    Case(
        "records that repeat the conversation: what was asked last",
        [chat(1, (4, 1))],
        {"s-1": {"turns": [("How are you?", "Fine")]}},
        logs=(
            Log("gen_ai.system.message", {"role": "system", "content": "Be kind"}, span=1, time=0.1),
            Log("gen_ai.user.message", {"role": "user", "content": "Hello"}, span=1, time=0.2),
            Log("gen_ai.assistant.message", {"role": "assistant", "content": "Hi"}, span=1, time=0.3),
            Log("gen_ai.user.message", {"role": "user", "content": "How are you?"}, span=1, time=0.4),
            Log("gen_ai.choice", {"index": 0, "message": {"role": "assistant", "content": "Fine"}}, span=1, time=0.9),
        ),
    ),
    Case(
        "records beside words that stand on the span: those count",
        [llm(1, "Hello", "Hi")],
        {"s-1": {"turns": [("Hello", "Hi")]}},
        logs=(Log("gen_ai.user.message", {"role": "user", "content": "Other"}, span=1, time=0.1),),
    ),
    Case(
        "a record in a trace of which no span came",
        [],
        {"s-1": {"spans": 0, "traces": 0, "turns": []}},
        logs=(Log("gen_ai.user.message", {"role": "user", "content": "Hello"}, span=7, attributes=SESSION),),
    ),
    Case(
        "a check of the whole session is told by a record outside of any trace, and by a span below the last turn",
        [
            turn(1, "Hello", "Hi"),
            Span(
                2,
                "check helpful",
                1,
                scope="otel_sessions",
                attributes={
                    **SESSION,
                    "openinference.span.kind": "EVALUATOR",
                    "session.annotations.0.annotation.name": "helpful",
                    "session.annotations.0.annotation.label": "fail",
                },
            ),
        ],
        {"s-1": {"failed_checks": 1, "failed_by_turn": [0], "traces": 1}},
        logs=(
            Log(
                "gen_ai.evaluation.result",
                trace=0,
                attributes={**SESSION, "gen_ai.evaluation.name": "helpful", "gen_ai.evaluation.score.label": "fail"},
            ),
        ),
    ),
    Case(
        "feedback of a session of which no span ever came",
        [],
        {"s-9": {"spans": 0, "traces": 0, "turns": [], "feedback": 1, "users": ("ada",), "key": "session.id"}},
        logs=(
            Log(
                "gen_ai.evaluation.result",
                trace=0,
                attributes={
                    "session.id": "s-9",
                    "user.id": "ada",
                    "gen_ai.evaluation.name": "thumb",
                    "gen_ai.evaluation.score.label": "up",
                    "annotation.annotator_kind": "HUMAN",
                },
            ),
        ),
    ),
    Case(
        "a record of another session within a trace counts there",
        [turn(1, "Hello", "Hi")],
        {"s-1": {"feedback": 0, "spans": 1}, "s-2": {"feedback": 1, "spans": 0}},
        logs=(
            Log(
                "gen_ai.evaluation.result",
                span=1,
                attributes={
                    **S2,
                    "gen_ai.evaluation.name": "thumb",
                    "gen_ai.evaluation.score.label": "up",
                    "annotation.annotator_kind": "HUMAN",
                },
            ),
        ),
    ),
]

CASES = [
    *WHICH_SESSION,
    *WHICH_USER,
    *WHICH_TURN,
    *WHAT_NEVER_COMES,
    *WHAT_SUM,
    *WHAT_RECORDS_ADD,
    *MORE_TURNS,
    *MORE_SUMS,
    *MORE_RECORDS,
]
