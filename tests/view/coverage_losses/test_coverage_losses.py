"""Each way to lose a session, by a program that does: the cause on Coverage is the right one, or none."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from view_api import serving

PROGRAMS = Path(__file__).parent / "losses.py"


class Case(NamedTuple):
    """What was lost, written down before it was run.

    Attributes:
        cause: The true one.
        where: The service whose spans are without a session, behind the kind.
        scope: Of these spans.
    """

    cause: str
    where: str = ""
    scope: str = "app"


# The sure ones first; below them what nobody can tell from outside, or what was set nowhere.
CASES = {
    "thread": Case("context-lost-thread"),
    "executor": Case("context-lost-thread"),
    "generator": Case("context-lost-stream"),
    "spring-like-stream": Case("context-lost-stream", scope="io.opentelemetry.reactor-netty-1.0"),
    "late-bind": Case("before-bind"),
    "service-without-processor": Case("no-processor", "-back", "back"),
    "second-provider": Case("no-processor", scope="library"),
    "framework-of-its-own-traces": Case("own-trace-of-framework", scope="litellm"),
    "queue-without-propagation": Case("context-lost-process", "-worker"),
    "queue-with-links": Case("context-lost-process", "-worker"),
    "child-process": Case("context-lost-process"),
    "health-probe": Case("background", scope="opentelemetry.instrumentation.fastapi"),
    "kubelet": Case("background", scope="opentelemetry.instrumentation.fastapi"),
    "metrics-scraper": Case("background", scope="opentelemetry.instrumentation.fastapi"),
    "sampled-out-parent": Case("context-lost-process", "-called"),
    "thread-without-names": Case("context-lost-thread"),
    "after-block": Case("after-block"),
    "beside-a-task": Case("after-block"),
    "orphan": Case("unknown"),
    "nightly-summary": Case("background", "-job"),
    "timer": Case("background"),
    "worker-threads-from-before": Case("unknown"),
    "task-from-before": Case("unknown"),
    "framework-alone": Case("unknown"),
    "nothing-set": Case("unknown"),
}
WHOLE = "late-bind-in-one-trace"


@pytest.fixture(scope="module")
def groups():
    with serving() as client:
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("OTEL_")},
            "OTEL_EXPORTER_OTLP_ENDPOINT": client.url,
            "OTEL_SEMCONV_STABILITY_OPT_IN": "http",
        }
        command = [sys.executable, str(PROGRAMS), *CASES, WHOLE]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=240, check=False)
        assert done.returncode == 0, done.stderr
        yield client.get("/api/coverage").json["groups"]


def causes_of(groups, kind: str, case: Case) -> dict[str, int]:
    """Return the causes of a group with how many spans each has."""
    source = kind + case.where, case.scope
    return {each["cause"]: each["spans"] for each in groups if (each["service"], each["scope"]) == source}


@pytest.mark.parametrize(("kind", "case"), CASES.items(), ids=CASES)
def test_the_cause_is_the_right_one_or_unknown(groups, kind, case):
    found = causes_of(groups, kind, case)
    assert found
    assert found.keys() <= {case.cause, "unknown"}


def test_most_causes_are_found(groups):
    found = {kind: set(causes_of(groups, kind, case)) for kind, case in CASES.items()}
    for kind, case in CASES.items():
        sys.stdout.write(f"{kind:32} {case.cause:24} {', '.join(sorted(found[kind]))}\n")
    right = [kind for kind, case in CASES.items() if found[kind] == {case.cause} != {"unknown"}]
    assert len(right) >= 12


def test_what_its_trace_shows_to_be_in_a_session_is_not_lost(groups):
    assert [each for each in groups if each["service"] == WHOLE] == []


def test_a_cause_comes_with_its_remedy(groups):
    assert {each["cause"] for each in groups if "instrument(tracer_provider" in each["remedy"]} == {"no-processor"}
