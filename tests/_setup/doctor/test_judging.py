"""What was written by processes becomes findings, whatever was written."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_sessions._setup.doctor.finding import Report
from otel_sessions._setup.doctor.program.covering import coverage_rows, facts_of
from otel_sessions._setup.doctor.program.judging import findings_in
from otel_sessions._setup.doctor.program.merging import merged
from otel_sessions._setup.doctor.writing import as_text

SPANS = [[0, "shop", "app", True, 3]]


def provider(**facts):
    return {
        "number": 0,
        "made_at": "app.py:3",
        "made_by": "app",
        "spans": 3,
        "calls": 0,
        "service": "shop",
        "filtered": [],
        "is_global": True,
        "stamping": "ours",
        "exporters": [["opentelemetry.OTLPSpanExporter", "127.0.0.1:4318"]],
        **facts,
    }


def process(provider_=None, *, bare=(), said=(), errors=(), seen=(), **facts):
    providers = [provider_ or provider()]
    sightings = {"spans": SPANS, "bare": [*bare], "sessions": 1, "opened": 1, **dict(seen)}
    return {
        "is_there": True,
        "said": [*said],
        "errors": [*errors],
        "pipelines": {
            "providers": providers,
            "instrumented": facts.pop("instrumented", []),
            "variables": facts.pop("variables", {}),
            "is_off": facts.pop("is_off", False),
        },
        "seen": sightings,
        **facts,
    }


def bare(cause, *, scope="app", matters=True):
    return [0, "shop", scope, True, "work", cause, matters, "", 2]


def codes_of(*records):
    return [finding.code for finding in findings_in(merged(records))]


def test_nothing_is_found_where_nothing_is_wrong():
    assert codes_of(process()) == []


@pytest.mark.parametrize(
    ("record", "code"),
    [
        pytest.param(process(bare=[bare("before-bind")]), "before-bind", id="too late"),
        pytest.param(process(bare=[bare("no-processor")]), "no-processor", id="started before the processor"),
        pytest.param(process(provider(ours=2)), "two-processors", id="two of ours"),
        pytest.param(process(provider(sampler="AlwaysOffSampler")), "sampler-off", id="sampler off"),
        pytest.param(process(seen={"torn": [["a, b", 2]]}), "torn", id="torn"),
        pytest.param(process(seen={"of_frameworks": [["framework", 1]]}), "framework-alone", id="a framework alone"),
        pytest.param(
            process(modules=["openai", "httpx2"], instrumented=["HTTPXClientInstrumentor"]),
            "httpx2-not-instrumented",
            id="httpx alone",
        ),
        pytest.param(process(provider(scrubs=["session.id"])), "scrubbed", id="scrubbed"),
        pytest.param(process(provider(filtered=["app"], langfuse=True)), "langfuse-filter", id="filtered"),
        pytest.param(
            process(provider(made_by="opentelemetry", ours=2)), "two-processors", id="two of ours, without code"
        ),
        pytest.param(
            process(errors=[["opentelemetry.instrumentation.auto_instrumentation", "ImportError", 1]]),
            "auto-instrumentation-fails",
            id="the start without code",
        ),
        pytest.param(process(seen={"displaced": [["b", 1]]}), "displaced", id="displaced"),
        pytest.param(
            process(
                provider(made_by="opentelemetry", stamping="nobody"),
                bare=[bare("no-processor")],
                said=[["unguarded", 30, "it would send the session to every host", ""]],
                variables={"OTEL_PYTHON_DISABLED_INSTRUMENTATIONS": "otel_sessions"},
            ),
            "instrumentation-left-out",
            id="left out without code",
        ),
        pytest.param(
            process(
                provider(stamping="nobody"),
                bare=[bare("unknown")],
                variables={"OTEL_SESSION_DISABLED": "1"},
                is_off=True,
            ),
            "sessions-disabled",
            id="sessions off",
        ),
        pytest.param(process(is_off=True), "sessions-disabled", id="sessions off in code"),
        pytest.param(
            process(servers=[True, False], modules=["opentelemetry.instrumentation.fastapi"]),
            "uvicorn-keeps-context",
            id="uvicorn",
        ),
        pytest.param(
            process(seen={"sessions": 0, "opened": 0}, modules=["celery.worker"]), "no-session", id="a worker alone"
        ),
        pytest.param(process(problem="ImportError"), "cannot-look", id="a process that can't be looked into"),
        pytest.param(
            process(failed=[["on_end", "AttributeError", 2]]), "looked-in-part", id="spans that can not be noted"
        ),
        pytest.param(
            process(modules=["anthropic"], seen={"spans": [[0, "shop", "app", False, 1]]}),
            "no-llm-spans",
            id="no spans of models",
        ),
        pytest.param(
            process(variables={"OTEL_PROPAGATORS": "tracecontext"}), "propagators-without-baggage", id="no baggage"
        ),
        pytest.param(
            process(errors=[["opentelemetry.sdk._shared_internal", "ValueError", 2]]), "exporter-fails", id="export"
        ),
        pytest.param(
            process(errors=[["opentelemetry.context", "Failed to detach context", 1]]), "logged-error", id="detach"
        ),
        pytest.param(process(errors=[["opentelemetry.attributes", "", 1]]), "logged-error", id="another error"),
        pytest.param(
            process(
                errors=[
                    ["opentelemetry.instrumentation.auto_instrumentation", "Requested component 'otlp' not found", 1]
                ]
            ),
            "auto-instrumentation-fails",
            id="the exporter of the start without code",
        ),
        pytest.param(process(said=[["refused", 30, "no session goes to a.corp", ""]]), "host-refused", id="a host"),
        pytest.param(
            process(said=[["something new", 20, "Look.", "app.py:3"]]), "said", id="a message that is not known"
        ),
    ],
)
def test_what_is_seen_is_a_finding(record, code):
    assert codes_of(record) == [code]


@pytest.mark.parametrize(
    ("record", "codes"),
    [
        pytest.param(process(bare=[bare("before-bind", matters=False)]), [], id="ended early below a root that has it"),
        pytest.param(
            process(said=[["unguarded", 30, "something", ""], ["scrubbed", 30, "x", ""]]), [], id="found in another way"
        ),
        pytest.param(
            process(
                bare=[bare("unknown")],
                said=[["nobody inside: x", 30, "this block", "a.py:1"], ["handler", 20, "x", ""]],
            ),
            ["nobody-inside"],
            id="a line that says why",
        ),
        pytest.param(
            process(provider(stamping="nobody"), bare=[bare("unknown")], said=[["no provider", 30, "x", ""]]),
            ["no-processor"],
            id="a provider that says why",
        ),
    ],
)
def test_nothing_is_told_twice(record, codes):
    assert codes_of(record) == codes


NOWHERE = {"sessions": 0, "opened": 0}


@pytest.mark.parametrize(
    ("records", "codes"),
    [
        pytest.param(
            [process(), process(bare=[bare("unknown")], seen=NOWHERE)], ["context-lost-process"], id="work of a worker"
        ),
        pytest.param(
            [process(), process(bare=[bare("elsewhere")], seen=NOWHERE)],
            ["background"],
            id="a worker that is only asked",
        ),
        pytest.param([process(bare=[bare("elsewhere")], seen=NOWHERE)], ["no-session"], id="no session anywhere"),
        pytest.param(
            [process(), process(bare=[bare("unknown")])], ["unknown"], id="a process with sessions of its own"
        ),
    ],
)
def test_what_other_processes_do_tells_what_a_process_without_a_session_is(records, codes):
    assert codes_of(*records) == codes


@pytest.mark.parametrize(
    ("record", "remedy"),
    [
        pytest.param({"variables": {"OTEL_TRACES_EXPORTER": "none"}}, "export OTEL_TRACES_EXPORTER=otlp", id="none"),
        pytest.param({}, "add_span_processor", id="in code"),
    ],
)
def test_what_is_exported_nowhere_is_told_of_with_the_place_that_says_so(record, remedy):
    (finding,) = findings_in(merged([process(provider(exporters=[]), **record)]))
    assert (finding.code, remedy in finding.remedy) == ("no-exporter", True)


@pytest.mark.parametrize(
    ("kind", "remedy"),
    [
        pytest.param("401", "OTLP_HEADERS", id="key"),
        pytest.param("404", "/v1/traces", id="path"),
        pytest.param("Connection refused", "Start the receiver", id="refused"),
        pytest.param("timed out", "otel-sessions doctor --send", id="anything else"),
    ],
)
def test_what_an_exporter_says_tells_what_to_do(kind, remedy):
    errors = [["opentelemetry.exporter.otlp.proto.http.trace_exporter", kind, 1]]
    (finding,) = findings_in(merged([process(errors=errors)]))
    assert (finding.code, remedy in finding.remedy) == ("exporter-fails", True)


def test_a_start_that_fails_for_an_exporter_is_told_once_with_the_exporter():
    errors = [["opentelemetry.instrumentation.auto_instrumentation", "Requested component 'jaeger' not found", 1]]
    nothing = {"spans": [], "sessions": 0, "opened": 0}
    record = process(errors=errors, seen=nothing, variables={"OTEL_TRACES_EXPORTER": "jaeger"}, dropped=1)
    (finding,) = findings_in(merged([record]))
    assert (finding.code, finding.remedy) == ("auto-instrumentation-fails", "export OTEL_TRACES_EXPORTER=otlp")


@pytest.mark.parametrize(
    ("limits", "codes"),
    [
        pytest.param({"count_limit": 1}, ["limit-drops-ids"], id="one attribute"),
        pytest.param({"length_limit": 8}, ["no-processor", "limit-cuts-ids"], id="short values"),
    ],
)
def test_what_follows_from_a_limit_is_not_told_beside_it(limits, codes):
    said = [["refused", 20, "Calls to a destination that can't be told", ""]]
    assert codes_of(process(provider(**limits), bare=[bare("no-processor")], said=said)) == codes


@pytest.mark.parametrize(
    ("facts", "remedy"),
    [
        pytest.param({"servers": [True]}, "Send it a request", id="a server"),
        pytest.param({}, "Use it while", id="any program"),
    ],
)
@pytest.mark.parametrize(("made", "more"), [("ours", "is set up"), ("nobody", "it makes no spans")])
def test_a_program_without_spans_is_told_of_with_what_to_do(facts, remedy, made, more):
    (finding,) = findings_in(merged([process(provider(spans=0, stamping=made), seen={"spans": []}, **facts)]))
    assert finding.code == "no-spans"
    assert finding.remedy.startswith(remedy)
    assert more in finding.remedy


@pytest.mark.parametrize(
    ("names", "remedy"),
    [
        pytest.param("otel_sessions", "unset OTEL_PYTHON_DISABLED_INSTRUMENTATIONS", id="alone"),
        pytest.param("a, otel_sessions,b", "export OTEL_PYTHON_DISABLED_INSTRUMENTATIONS=a,b", id="among others"),
    ],
)
def test_what_is_left_out_is_taken_out_of_the_list(names, remedy):
    record = process(
        provider(made_by="opentelemetry", stamping="nobody"),
        bare=[bare("unknown")],
        variables={"OTEL_PYTHON_DISABLED_INSTRUMENTATIONS": names},
    )
    (finding,) = findings_in(merged([record]))
    assert finding.remedy == remedy


def test_a_client_without_spans_is_told_of_with_its_instrumentation_or_the_list_that_has_it():
    record = {"modules": ["openai", "google.genai"], "seen": {"spans": [[0, "shop", "app", False, 1]]}}
    (finding,) = findings_in(merged([process(**record)]))
    assert "from openinference.instrumentation.openai import OpenAIInstrumentor\n" in finding.remedy
    assert "from openinference.instrumentation.google_genai import GoogleGenAIInstrumentor\n" in finding.remedy
    (finding,) = findings_in(merged([process(**record, variables={"OTEL_PYTHON_DISABLED_INSTRUMENTATIONS": "openai"})]))
    assert "out of OTEL_PYTHON_DISABLED_INSTRUMENTATIONS=openai." in finding.remedy


@pytest.mark.parametrize(
    ("command", "remedy"), [("gunicorn", "CONFIG_KWARGS"), ("uvicorn", "uvicorn --reset-contextvars app:app\n")]
)
def test_who_starts_uvicorn_tells_where_the_option_goes(command, remedy):
    record = process(servers=[False], modules=["opentelemetry.instrumentation.asgi"], command=command)
    (finding,) = findings_in(merged([record]))
    assert remedy in finding.remedy


@pytest.mark.parametrize(
    ("facts", "remedy"),
    [
        pytest.param({"modules": ["celery.worker"]}, "CeleryInstrumentor().instrument()", id="celery"),
        pytest.param(
            {"modules": ["celery.worker"], "instrumented": ["CeleryInstrumentor"]}, "to_carrier()", id="instrumented"
        ),
        pytest.param({"modules": ["rq.worker"]}, "to_carrier()", id="another queue"),
    ],
)
def test_a_worker_of_a_queue_without_sessions_has_the_remedy_of_that_queue(facts, remedy):
    (finding,) = findings_in(merged([process(seen=NOWHERE, **facts)]))
    assert remedy in finding.remedy
    (finding,) = findings_in(merged([process(), process(bare=[bare("unknown")], seen=NOWHERE, **facts)]))
    assert remedy in finding.remedy


def test_where_the_session_is_set_in_a_handler_the_remedy_is_for_that_line():
    said = [["handler", 20, "x", "app.py:7"]]
    (finding,) = findings_in(merged([process(bare=[bare("before-bind")], said=said)]))
    assert "app.py:7" in finding.where
    assert finding.remedy.startswith("Call bind_session(...) there")


def test_a_provider_of_mlflow_has_its_own_remedy():
    (finding,) = findings_in(
        merged([process(provider(made_by="mlflow", stamping="nobody"), bare=[bare("no-processor")])])
    )
    assert finding.remedy == "export MLFLOW_USE_DEFAULT_TRACER_PROVIDER=false"


def test_a_provider_that_nobody_uses_is_not_looked_at():
    assert codes_of(process(provider(spans=0, is_global=False, sampler="AlwaysOffSampler"))) == []


@pytest.mark.parametrize(
    ("records", "codes"),
    [
        pytest.param([{"executable": "/a/b/c/python", "python": "3.12.1"}], ["not-installed"], id="alone"),
        pytest.param([process(), {"executable": "python", "python": "3.12.1"}], [], id="a script around the program"),
        pytest.param([process(), {"executable": "python", "sdk": True}], ["not-installed"], id="another part of it"),
    ],
)
def test_an_environment_without_the_package_is_told_of(records, codes):
    assert codes_of(*records) == codes


def test_workers_that_are_alike_are_one_provider():
    seen = merged([process(), process()])
    assert [each["spans"] for each in seen.providers] == [6]
    assert facts_of(seen)["spans"] == 6


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=10,
)


@given(
    st.dictionaries(
        st.sampled_from(["seen", "said", "errors", "failed", "pipelines", "modules", "dropped", "problem"]), json_values
    )
)
def test_a_record_of_any_kind_raises_nothing(record):
    assert len(merged([record]).processes) == 1


def test_a_person_reads_a_small_table():
    rows = list(coverage_rows(facts_of(merged([process(bare=[bare("unknown")])]))))
    assert [row.split() for row in rows] == [
        ["spans", "in", "a", "session", "model", "calls", "service", "scope"],
        ["3", "33", "%", "3", "shop", "app"],
        ["1", "of", "3", "spans", "are", "in", "a", "session,", "and", "1", "of", "3", "model", "calls."],
    ]


def test_a_person_reads_a_table_that_is_not_endless():
    spans = [[0, "shop", f"scope {number}", False, 1] for number in range(20)]
    facts = facts_of(merged([process(bare=[bare("background", scope="scope 1")], seen={"spans": spans})]))
    rows = list(coverage_rows(facts))
    assert rows[-2] == "and 8 more"
    assert rows[-1] == "18 of 20 spans are in a session."
    json.dumps(facts)
    assert "and 8 more" in as_text(Report("program", (), facts))
