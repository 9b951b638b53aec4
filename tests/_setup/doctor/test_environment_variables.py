"""What the doctor says of variables: what OpenTelemetry does with them, and never a value."""

from __future__ import annotations

import logging

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from opentelemetry.sdk.trace import SpanLimits
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.util.re import parse_env_headers

from otel_sessions._setup.configuration import Problem
from otel_sessions._setup.doctor.environment.exporter import exporter_of, names_of, protocol_of, wrong_with_exporter
from otel_sessions._setup.doctor.environment.installed import Package, installed_here
from otel_sessions._setup.doctor.environment.variables import of_problems, wrong_with_variables

HERE = installed_here()
TRACES = "opentelemetry_traces_exporter"
SDK = {
    "opentelemetry-sdk": Package("opentelemetry-sdk", "1.45.1", provides=frozenset({(TRACES, "console")})),
    "opentelemetry-api": Package(
        "opentelemetry-api",
        "1.45.1",
        provides=frozenset({("opentelemetry_propagator", "tracecontext"), ("opentelemetry_propagator", "baggage")}),
    ),
}
HTTP = {"http": Package("http", "1.45.1", provides=frozenset({(TRACES, "otlp_proto_http")}))}
GRPC = {"grpc": Package("grpc", "1.45.1", provides=frozenset({(TRACES, "otlp_proto_grpc")}))}
DISTRO = {"distro": Package("distro", "0.66b1", provides=frozenset({("opentelemetry_configurator", "configurator")}))}
ALL = SDK | HTTP | GRPC


def codes(variables, installed=ALL, look=wrong_with_variables):
    return {finding.code: finding.level for finding in look(variables, installed)}


def exporter_codes(installed=ALL, **variables):
    named = {name if name.startswith("OTEL") else f"OTEL_EXPORTER_OTLP_{name}": variables[name] for name in variables}
    return codes(named, installed, wrong_with_exporter)


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({}, {}),
        ({"OTEL_SDK_DISABLED": " True "}, {"sdk-disabled": "error"}),
        ({"OTEL_SDK_DISABLED": "1"}, {}),
        ({"OTEL_SESSION_DISABLED": "on"}, {"sessions-disabled": "error"}),
        ({"OTEL_SESSION_ID": "auto"}, {}),
        ({"OTEL_SESSION_ID": "auto", "K_SERVICE": "shop"}, {"one-session-for-all": "hint"}),
        ({"OTEL_SESSION_ID": "environ", "K_SERVICE": "shop"}, {}),
        ({"BAGGAGE": "a=1, session.id =7"}, {"caller-not-followed": "hint"}),
        ({"BAGGAGE": "session.id=7", "OTEL_SESSION_ID": "environ"}, {}),
        ({"BAGGAGE": "session.id=7", "OTEL_SESSION_ID": "auto"}, {}),
        ({"BAGGAGE": "other=7", "TRACEPARENT": "00-1-2-01"}, {}),
        ({"OTEL_SESSION_PROPAGATE_TO": "private, All"}, {"ids-to-every-host": "warning"}),
        ({"OTEL_SESSION_PROPAGATE_TO": "private,*.all.example"}, {}),
        ({"OTEL_SESSION_USER_ID": "ada@corp.example"}, {"user-readable": "hint"}),
        ({"OTEL_SESSION_USER_ID": "ada@corp.example", "OTEL_SESSION_USER_PRIVACY": "hash"}, {}),
        ({"OTEL_SESSION_USER_ID": "ada"}, {}),
        ({"OTEL_PYTHON_DISABLED_INSTRUMENTATIONS": "a, *"}, {"instrumentations-left-out": "error"}),
        ({"OTEL_PYTHON_DISABLED_INSTRUMENTATIONS": "redis,threading"}, {"threading-left-out": "hint"}),
        ({"OTEL_PYTHON_DISABLED_INSTRUMENTATIONS": "redis"}, {}),
        ({"OTEL_TRACES_SAMPLER": "always_off"}, {"sampler-off": "error"}),
        ({"OTEL_TRACES_SAMPLER": "parentbased_always_off"}, {"sampler-off": "error"}),
        ({"OTEL_TRACES_SAMPLER": "session_ratio", "OTEL_TRACES_SAMPLER_ARG": "0.0"}, {"sampler-off": "error"}),
        ({"OTEL_TRACES_SAMPLER": "session_ratio", "OTEL_TRACES_SAMPLER_ARG": "0.1"}, {}),
        ({"OTEL_TRACES_SAMPLER": "traceidratio"}, {}),
        ({"OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": "x"}, {}),
        ({"OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": "0.1"}, {"sampler-tears-sessions": "warning"}),
        ({"OTEL_PROPAGATORS": "tracecontext, b3"}, {"propagator-unknown": "error"}),
        ({"OTEL_PROPAGATORS": "tracecontext,mine"}, {"propagator-unknown": "error"}),
        ({"OTEL_PROPAGATORS": "tracecontext,baggage"}, {}),
        ({"OTEL_PROPAGATORS": "none"}, {}),
        ({"OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT": "1"}, {"limit-drops-ids": "error"}),
        ({"OTEL_ATTRIBUTE_COUNT_LIMIT": "0"}, {"limit-drops-ids": "error"}),
        ({"OTEL_ATTRIBUTE_COUNT_LIMIT": "0", "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT": "64"}, {}),
        ({"OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT": "20"}, {"limit-cuts-ids": "warning"}),
        ({"OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT": "0"}, {"limit-cuts-ids": "error"}),
        ({"OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT": "", "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT": "1"}, {}),
        ({"OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT": "36"}, {}),
        ({"OTEL_BSP_MAX_QUEUE_SIZE": "100"}, {"batch-refused": "error"}),
        ({"OTEL_BSP_MAX_QUEUE_SIZE": "100", "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "100"}, {}),
        ({"OTEL_BSP_SCHEDULE_DELAY": "5s"}, {"batch-not-a-number": "warning"}),
        ({"OTEL_CONFIG_FILE": "a.yaml"}, {"configuration-file": "hint", "configuration-not-installed": "error"}),
        ({"OTEL_EXPERIMENTAL_CONFIG_FILE": "a.yaml"}, {"configuration-old-name": "warning"}),
    ],
)  # fmt: skip
def test_what_variables_do_to_sessions(variables, expected):
    assert codes(variables) == expected


def test_a_configuration_file_does_away_with_samplers_propagators_and_limits():
    installed = ALL | {"opentelemetry-configuration": Package("opentelemetry-configuration", "0.66b1")}
    others = {"OTEL_TRACES_SAMPLER": "always_off", "OTEL_PROPAGATORS": "none", "OTEL_ATTRIBUTE_COUNT_LIMIT": "0"}
    file = {"OTEL_CONFIG_FILE": "a.yaml"}
    assert codes(file | others, installed) == {"configuration-file": "hint"}
    problems = [Problem("propagators-without-baggage", "OTEL_PROPAGATORS: none is there")]
    assert list(of_problems(problems, file | others)) == []
    assert [finding.code for finding in of_problems(problems, others)] == ["propagators-without-baggage"]


def test_the_remedy_names_the_package_of_a_propagator():
    (finding,) = wrong_with_variables({"OTEL_PROPAGATORS": "b3,xray"}, ALL)
    assert finding.remedy == "pip install opentelemetry-propagator-aws-xray opentelemetry-propagator-b3"


def test_the_remedy_leaves_out_the_others_of_a_list_as_they_are():
    (finding,) = wrong_with_variables({"OTEL_PYTHON_DISABLED_INSTRUMENTATIONS": "redis,threading,kafka"}, ALL)
    assert finding.remedy == 'export OTEL_PYTHON_DISABLED_INSTRUMENTATIONS="kafka,redis"'
    (finding,) = wrong_with_variables({"OTEL_PYTHON_DISABLED_INSTRUMENTATIONS": "$(rm),threading"}, ALL)
    assert finding.remedy == 'export OTEL_PYTHON_DISABLED_INSTRUMENTATIONS=""'


def test_the_name_of_a_variable_goes_into_no_remedy_where_it_is_no_name():
    problems = [
        Problem("setting-unknown", "OTEL_SESSION_$(x): there is no such setting; did you mean OTEL_SESSION_ID?")
    ]
    (finding,) = of_problems(problems, {})
    assert "$(" not in finding.where + finding.remedy + finding.what


@given(
    st.sampled_from(["SPAN_ATTRIBUTE_COUNT", "ATTRIBUTE_VALUE_LENGTH"]), st.text(max_size=8) | st.integers().map(str)
)
@example("ATTRIBUTE_COUNT", "")
@example("ATTRIBUTE_COUNT", "-1")
def test_a_limit_is_refused_where_the_sdk_refuses_it(name, text):
    variables = {f"OTEL_{name}_LIMIT": text.replace("\0", "").encode(errors="ignore").decode()}
    with pytest.MonkeyPatch.context() as patch:
        for each, value in variables.items():
            patch.setenv(each, value)
        try:
            SpanLimits()
            is_refused = False
        except ValueError:
            is_refused = True
    assert ("limit-refused" in codes(variables)) == is_refused


NUMBERS = st.sampled_from(["0", "-1", "1", "100", "511", "512", "513", "4096", "x", "", "1.5"])


@given(st.dictionaries(st.sampled_from(["MAX_QUEUE_SIZE", "MAX_EXPORT_BATCH_SIZE", "SCHEDULE_DELAY"]), NUMBERS))
def test_a_batch_is_refused_where_the_sdk_refuses_it(values):
    variables = {f"OTEL_BSP_{name}": value for name, value in values.items()}
    logging.disable(logging.ERROR)  # the SDK's traceback of each
    with pytest.MonkeyPatch.context() as patch:
        for name, value in variables.items():
            patch.setenv(name, value)
        try:
            BatchSpanProcessor(InMemorySpanExporter()).shutdown()
            is_refused = False
        except ValueError:
            is_refused = True
        finally:
            logging.disable(logging.NOTSET)
    assert ("batch-refused" in codes(variables)) == is_refused


# The exporter


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({}, {}),
        ({"OTEL_TRACES_EXPORTER": "None"}, {"exporter-none": "error"}),
        ({"OTEL_TRACES_EXPORTER": "console"}, {"exporter-console": "hint"}),
        ({"OTEL_TRACES_EXPORTER": "otlp,zipkin"}, {"exporter-unknown": "error"}),
        ({"OTEL_TRACES_EXPORTER": "none,console"}, {"exporter-unknown": "error"}),
        ({"OTEL_TRACES_EXPORTER": "otlp"}, {}),
        ({"PROTOCOL": "http/json"}, {"protocol-unknown": "error"}),
        ({"OTEL_TRACES_EXPORTER": "otlp_proto_http", "PROTOCOL": "grpc"}, {"protocol-contradicts": "warning"}),
        ({"ENDPOINT": "collector:4318", "PROTOCOL": "http/protobuf"}, {"endpoint-malformed": "error"}),
        ({"ENDPOINT": '"http://collector:4318"', "PROTOCOL": "http/protobuf"}, {"endpoint-malformed": "error"}),
        ({"ENDPOINT": "http://collector:port", "PROTOCOL": "http/protobuf"}, {"endpoint-malformed": "error"}),
        ({"ENDPOINT": "http://a/b@c", "PROTOCOL": "http/protobuf"}, {"endpoint-malformed": "error"}),
        ({"ENDPOINT": "http://collector:4318/v1/traces", "PROTOCOL": "http/protobuf"}, {"endpoint-doubled": "error"}),
        ({"TRACES_ENDPOINT": "http://collector:4318/v1/traces", "PROTOCOL": "http/protobuf"}, {}),
        ({"TRACES_ENDPOINT": "http://collector:4318", "PROTOCOL": "http/protobuf"}, {"endpoint-bare": "warning"}),
        ({"TRACES_ENDPOINT": "x", "PROTOCOL": "http/protobuf"}, {"endpoint-malformed": "error"}),
        ({"ENDPOINT": "http://collector:4317", "PROTOCOL": "http/protobuf"}, {"endpoint-port": "warning"}),
        ({"ENDPOINT": "http://collector:4318", "PROTOCOL": "grpc"}, {"endpoint-port": "warning"}),
        ({"ENDPOINT": "collector:4317", "PROTOCOL": "grpc"}, {}),
        ({"ENDPOINT": "unix:///run/collector.sock", "PROTOCOL": "grpc"}, {}),
        ({"ENDPOINT": "http://collector:443", "PROTOCOL": "http/protobuf"}, {"endpoint-without-tls": "warning"}),
        ({"ENDPOINT": "http://otlp.example.com", "HEADERS": "a=b"}, {"endpoint-clear-text": "warning"}),
        ({"ENDPOINT": "https://otlp.example.com", "HEADERS": "a=b"}, {}),
        ({"ENDPOINT": "http://collector:4318", "LOGS_ENDPOINT": "http://b/v1/logs", "OTEL_LOGS_EXPORTER": "otlp", "PROTOCOL": "http/protobuf"}, {"signals-apart": "hint"}),
        ({"ENDPOINT": "http://collector:4318", "TRACES_ENDPOINT": "http://b/v1/traces", "OTEL_LOGS_EXPORTER": "otlp", "PROTOCOL": "http/protobuf"}, {"signals-apart": "hint"}),
        ({"ENDPOINT": "http://collector:4318", "OTEL_LOGS_EXPORTER": "otlp", "PROTOCOL": "http/protobuf"}, {}),
        ({"HEADERS": "authorization: Bearer x"}, {"headers-malformed": "error"}),
        ({"HEADERS": "a=b, c = d,,e=f"}, {}),
        ({"HEADERS": "a=b", "TRACES_HEADERS": "c=d"}, {"headers-replaced": "hint"}),
    ],
)  # fmt: skip
def test_what_variables_do_to_the_exporter(variables, expected):
    assert exporter_codes(**variables) == expected


def test_the_protocol_is_that_of_what_is_named_then_of_what_is_installed():
    assert protocol_of("TRACES", {}, SDK | HTTP) == "http/protobuf"
    assert protocol_of("TRACES", {}, SDK | GRPC) == "grpc"
    assert protocol_of("TRACES", {}, ALL) == "http/protobuf"
    assert protocol_of("TRACES", {}, ALL | DISTRO) == "grpc"
    assert protocol_of("TRACES", {"OTEL_TRACES_EXPORTER": "otlp"}, SDK | HTTP) == "grpc"
    assert protocol_of("TRACES", {"OTEL_TRACES_EXPORTER": "otlp_proto_http"}, ALL | DISTRO) == "http/protobuf"
    assert protocol_of("TRACES", {"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, SDK | HTTP) == "grpc"


def test_an_exporter_that_is_asked_for_has_to_be_installed():
    asked = {"protocol-not-installed": "error"}
    assert exporter_codes(SDK | HTTP, PROTOCOL="grpc") == asked
    assert exporter_codes(SDK | HTTP, OTEL_TRACES_EXPORTER="otlp") == asked
    assert exporter_codes(SDK, PROTOCOL="http/protobuf") == asked
    assert exporter_codes(SDK | HTTP | DISTRO) == {"protocol-default": "hint"}
    assert exporter_codes({}, OTEL_TRACES_EXPORTER="otlp") == {}  # without the SDK that is said


def test_a_bundle_of_requests_takes_the_place_of_the_certificate_where_the_transport_is_a_package():
    there = ALL | {"opentelemetry-exporter-http-transport": Package("opentelemetry-exporter-http-transport", "0.66b1")}
    variables = {"OTEL_EXPORTER_OTLP_CERTIFICATE": "a.pem", "CURL_CA_BUNDLE": "b.pem"}
    assert codes(variables, there, wrong_with_exporter) == {"certificate-not-used": "warning"}
    assert codes(variables, ALL, wrong_with_exporter) == {}
    assert codes({"OTEL_EXPORTER_OTLP_CERTIFICATE": "a.pem"}, there, wrong_with_exporter) == {}


def test_where_spans_go_is_read_as_the_sdk_reads_it():
    def shown(installed=HTTP, signal="TRACES", **variables):
        named = {f"OTEL_EXPORTER_OTLP_{name}": value for name, value in variables.items()}
        exporter = exporter_of(signal, named, SDK | installed)
        return exporter and (exporter.shown, exporter.is_tls)

    assert shown() == ("localhost:4318", False)
    assert shown(GRPC) == ("localhost:4317", False)
    assert shown(ENDPOINT="https://otlp.example.com/otlp") == ("otlp.example.com:443", True)
    assert shown(ENDPOINT="http://a", TRACES_ENDPOINT="http://b:1/v1/traces") == ("b:1", False)
    assert shown(ENDPOINT="http://a", TRACES_ENDPOINT="http://b:1/v1/traces", signal="LOGS") == ("a:80", False)
    assert shown(ENDPOINT="http://user:key@[::1]:99") == ("[::1]:99", False)
    assert shown(GRPC, ENDPOINT="collector:4317") == ("collector:4317", True)
    assert shown(GRPC, ENDPOINT="collector:4317", INSECURE="true") == ("collector:4317", False)
    assert shown(GRPC, ENDPOINT="https://collector") == ("collector:443", True)
    assert shown(GRPC, ENDPOINT="unix:///run/collector.sock") == ("a target of gRPC's own", False)
    assert shown(ENDPOINT="http://a\\b") is None
    assert shown(PROTOCOL="http/json") is None
    assert exporter_of("TRACES", {"OTEL_TRACES_EXPORTER": "console"}, ALL) is None
    assert names_of("TRACES", {"OTEL_TRACES_EXPORTER": " otlp , ,console"}) == ["otlp", "console"]


HEADER_TEXT = st.text(st.sampled_from('ab=, %;:"\\\t\u00e9()'), max_size=12)


@given(HEADER_TEXT)
@example("authorization=Bearer x y")
@example("a=%20,=b")
@example("a=b ,\tc=d")
def test_a_header_is_malformed_where_the_sdk_leaves_it_out(text):
    items = [item for item in text.split(",") if item.strip(" \t")]
    left_out = sum(not parse_env_headers(item.strip(" \t"), liberal=True) for item in items)
    found = [f for f in wrong_with_exporter({"OTEL_EXPORTER_OTLP_HEADERS": text}, ALL) if f.code == "headers-malformed"]
    counted = found[0].what.removeprefix("Item ").partition(" of ")[0].count(",") + 1 if found else 0
    assert counted == left_out


SECRET = "sEcReT7d1f"  # noqa: S105  # none, but to be looked for
WITH_SECRET = st.one_of(
    st.sampled_from(
        [
            SECRET,
            f"http://u:{SECRET}@127.0.0.1:1/{SECRET}?{SECRET}#{SECRET}",
            f"http://127.0.0.1:{SECRET}/",
            f"//{SECRET}",
            f"u:{SECRET}@h:1",
            f"http://h/{SECRET}@x",
            f"a={SECRET},{SECRET}",
            f"session.id={SECRET},user.id={SECRET}",
            f"otlp,{SECRET}",
        ]
    ),
    st.text(max_size=10).map(lambda text: text + SECRET),
    st.tuples(st.text(max_size=6), st.text(max_size=6)).map(lambda both: f"{both[0]}{SECRET}@{both[1]}"),
)
NAMES = st.sampled_from(
    [
        "BAGGAGE", "TRACEPARENT", "K_SERVICE", "OTEL_ATTRIBUTE_COUNT_LIMIT", "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT",
        "OTEL_BSP_MAX_QUEUE_SIZE", "OTEL_CONFIG_FILE", "OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_HEADERS",
        "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT", "OTEL_EXPORTER_OTLP_PROTOCOL", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
        "OTEL_EXPORTER_OTLP_TRACES_HEADERS", "OTEL_LOGS_EXPORTER", "OTEL_PROPAGATORS",
        "OTEL_PYTHON_DISABLED_INSTRUMENTATIONS", "OTEL_SDK_DISABLED", "OTEL_SESSION_ID", "OTEL_SESSION_PROPAGATE_TO",
        "OTEL_SESSION_USER_HASH_KEY", "OTEL_SESSION_USER_ID", "OTEL_SESSION_USER_PRIVACY", "OTEL_TRACES_EXPORTER",
        "OTEL_TRACES_SAMPLER", "OTEL_TRACES_SAMPLER_ARG",
    ]
)  # fmt: skip


@given(st.dictionaries(NAMES, WITH_SECRET, max_size=8), st.sampled_from([ALL, ALL | DISTRO, SDK, {}, HERE]))
def test_no_value_is_ever_shown_and_none_raises(variables, installed):
    """A host is shown, and so a text that is a good host is not among these."""
    found = [*wrong_with_variables(variables, installed), *wrong_with_exporter(variables, installed)]
    exporters = [exporter_of(signal, variables, installed) for signal in ("TRACES", "LOGS")]
    shown = [exporter.shown for exporter in exporters if exporter and SECRET.lower() not in exporter.shown]
    assert len(shown) == sum(exporter is not None for exporter in exporters) or is_host(variables)
    assert is_host(variables) or SECRET.lower() not in repr(found).lower()


def is_host(variables):
    """Tell whether somebody has written the secret as the host itself, where one is shown: the rest of it is the parser's."""
    return any(
        value.rpartition("//")[2].partition("/")[0].rpartition("@")[2].lower().find(SECRET.lower()) >= 0
        for name, value in variables.items()
        if name.endswith("ENDPOINT")
    )
