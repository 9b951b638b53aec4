"""What is recorded can be read, tells of no machine and of nobody, and is told of in the README."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from google.protobuf.json_format import ParseDict
from opentelemetry.proto.logs.v1.logs_pb2 import LogsData
from opentelemetry.proto.trace.v1.trace_pb2 import TracesData

from recorded_sources import SOURCES
from tidying import shortened

HERE = Path(__file__).parent
MAX_BYTES = 60_000
IDS = {"traceId", "spanId", "parentSpanId"}

EXPECTED = sorted(HERE.rglob("*.expected.json"))
LOGS = sorted(HERE.rglob("*.logs.json"))
TRACES = sorted(set(HERE.rglob("*.json")) - set(EXPECTED) - set(LOGS))

PERSONAL = {
    "a home": r"/(?:home/(?!user\b)|Users|root)\b",
    "a folder": r"(?:^|[\s\"'(=:])/(?!(?:app|home/user|chat|v1|model|agent)\b)[a-z]+/[a-z]",
    "a key": r"\b(?:sk|pk)-(?:lf-|ant-|proj-)?[A-Za-z0-9]{8,}|\bBearer \S|\bAIza\w{10,}|\bgh[ps]_\w{10,}",
    "an e-mail address": r"[\w.]+@\w+\.\w+",
    "an address": r"\b(?!127\.0\.0\.1)\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}\b(?!\d)",
}


def named(paths):
    return [pytest.param(path, id=str(path.relative_to(HERE))) for path in paths]


def source_of(path):
    return path.with_name(path.name.removesuffix(".json").removesuffix(".logs"))


def texts_in(value):
    """Yield all texts of JSON, keys too."""
    if isinstance(value, dict):
        for key, each in value.items():
            yield key
            yield from texts_in(each)
    elif isinstance(value, list):
        for each in value:
            yield from texts_in(each)
    elif isinstance(value, str):
        yield value


def without_hex(value):
    """Return OTLP JSON as protobuf reads JSON: ids are hex digits in the one and Base64 in the other."""
    if isinstance(value, list):
        return [without_hex(each) for each in value]
    if not isinstance(value, dict):
        return value
    return {key: "" if key in IDS else without_hex(each) for key, each in value.items()}


def spans_in(path):
    document = json.loads(path.read_text())
    return [
        span
        for of_resource in document["resourceSpans"]
        for of_scope in of_resource["scopeSpans"]
        for span in of_scope["spans"]
    ]


@pytest.mark.parametrize(("path", "message"), [
    *(pytest.param(path, TracesData, id=path.name) for path in TRACES),
    *(pytest.param(path, LogsData, id=path.name) for path in LOGS),
])  # fmt: skip
def test_a_recording_is_otlp(path, message):
    ParseDict(without_hex(json.loads(path.read_text())), message())


@pytest.mark.parametrize("path", named(TRACES))
def test_ids_of_spans_are_well_formed_and_no_span_is_there_twice(path):
    spans = spans_in(path)
    assert [span["name"] for span in spans if not re.fullmatch(r"[0-9a-f]{32}", span["traceId"])] == []
    assert [span["name"] for span in spans if not re.fullmatch(r"[0-9a-f]{16}", span["spanId"])] == []
    assert len({(span["traceId"], span["spanId"]) for span in spans}) == len(spans) > 0


@pytest.mark.parametrize("path", named(TRACES + LOGS + EXPECTED))
def test_a_recording_is_small(path):
    assert path.stat().st_size < MAX_BYTES


@pytest.mark.parametrize("path", named(TRACES + LOGS + EXPECTED))
def test_a_recording_tells_of_no_machine_and_of_nobody(path):
    texts = set(texts_in(json.loads(path.read_text())))
    assert {(what, text) for what, pattern in PERSONAL.items() for text in texts if re.search(pattern, text)} == set()


@pytest.mark.parametrize("path", named(TRACES))
def test_what_is_expected_of_a_recording_is_of_all_its_spans(path):
    expected = json.loads(path.with_suffix(".expected.json").read_text())
    counted = sum(each["spans"] for each in [*expected["sessions"], expected["without_session"]])
    assert counted == len(spans_in(path))


def test_each_recording_has_what_is_expected_of_it():
    recorded = {source_of(path) for path in TRACES + LOGS}
    assert recorded == {path.with_name(path.name.removesuffix(".expected.json")) for path in EXPECTED}


def test_the_readme_names_each_recording_and_no_other():
    rows = re.findall(r"^\| `(\w+)` \| (\w.*?) \| (\w.*|`.*) \|$", (HERE / "README.md").read_text(), re.MULTILINE)
    recorded = {source_of(path).name for path in TRACES + LOGS if path.parent == HERE}
    assert {name for name, _, _ in rows} == recorded == set(SOURCES)


def test_the_readme_of_those_in_javascript_names_each_and_no_other():
    named = re.findall(r"^- `([\w.-]+)`", (HERE / "js" / "README.md").read_text(), re.MULTILINE)
    assert sorted(named) == [path.name for path in TRACES if path.parent != HERE]


def test_of_a_long_conversation_the_last_question_and_its_answer_stay():
    said = [{"role": "user" if number % 2 else "assistant", "content": f"{number:040}"} for number in range(20)]
    assert json.loads(shortened(json.dumps(said))) == [said[0], *said[-2:]]
