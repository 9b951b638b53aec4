"""secure.yaml and secure-agent.yaml: who has no token gets nothing in, no tenant gets another's spans, nothing brings it down."""

from __future__ import annotations

import gzip
import socket
import ssl
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING

import grpc
import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc import TraceServiceStub

from certificates import Authority
from collectors import validate
from plan import Plan
from received import Backend, tally, wait_for_spans
from secured import GOOD, NEXT, Secured, request_of
from servers import eventually
from storing_backend import StoringBackend
from wire import spans_in

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from opentelemetry.proto.trace.v1.trace_pb2 import Span

    from certificates import Certificate

TENANT = "x-scope-orgid"
MIB = 2**20


@pytest.fixture
def secured(otelcol, tmp_path):
    with ExitStack() as running:
        yield lambda backend, **environment: running.enter_context(Secured(otelcol, tmp_path, backend, **environment))


@pytest.fixture(scope="module")
def hostile(otelcol, tmp_path_factory):
    """A gateway that is the same for all that is tried on it, with its backend."""
    with Backend() as backend, Secured(otelcol, tmp_path_factory.mktemp("hostile"), backend.url) as gateway:
        yield gateway, backend


def test_an_sdk_needs_its_environment_alone(secured, backend, applications):
    plan = Plan("by-environment", sessions=50, turns=1, processes=1)
    gateway = secured(backend.url)
    environment = {
        "OTEL_EXPORTER_OTLP_HEADERS": f"Authorization=Bearer%20{GOOD},X-Scope-OrgID=acme",
        "OTEL_EXPORTER_OTLP_CERTIFICATE": str(gateway.authority.file),
        # Of this machine; set, they beat the line above in the exporter of Python.
        **dict.fromkeys(("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"), ""),
    }
    applications(plan, gateway.url, environment=environment).wait()
    assert tally(plan, backend.spans()) == ([], 0, [])
    assert {headers[TENANT] for headers in backend.headers} == {"acme"}


def test_without_the_token_nothing_gets_in(hostile):
    gateway, backend = hostile
    before = len(backend.bodies)
    body = request_of("stranger").SerializeToString()
    wrong = ["", "Bearer", "Bearer wrong", f"Basic {GOOD}", f"Bearer {GOOD}x", f"Bearer {GOOD[:-1]}", GOOD]
    assert [gateway.post(body, authorization=each).status_code for each in wrong] == [401] * len(wrong)
    assert gateway.post(body, path="/v1/logs", authorization="").status_code == 401
    said = [gateway.call(request_of("stranger"), authorization=each) for each in wrong]
    assert [*said, gateway.call(request_of("stranger"))] == [grpc.StatusCode.UNAUTHENTICATED] * (len(wrong) + 1)
    assert gateway.call(request_of("friend"), authorization=f"Bearer {GOOD}") == grpc.StatusCode.OK
    assert [span.name for span in spans_in(backend.bodies[before:])] == ["friend"]


def test_plain_text_is_refused(hostile):
    gateway, backend = hostile
    before, body = len(backend.bodies), request_of("plain").SerializeToString()
    headers = {"content-type": "application/x-protobuf", "authorization": f"Bearer {GOOD}"}
    url = f"{gateway.collector.http}/v1/traces"
    with suppress(httpx.ReadError):  # it hangs up on what it has not read, and its answer may be lost with that
        assert httpx.post(url, content=body, headers=headers, trust_env=False, timeout=60).status_code == 400
    with grpc.insecure_channel(gateway.collector.grpc) as channel, pytest.raises(grpc.RpcError) as refused:
        TraceServiceStub(channel).Export(
            request_of("plain"), metadata=[("authorization", f"Bearer {GOOD}")], timeout=60
        )
    assert refused.value.code() == grpc.StatusCode.UNAVAILABLE
    assert len(backend.bodies) == before


def old_tls(gateway: Secured) -> ssl.SSLContext:
    context = gateway.trust()
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    return context


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1_1 is deprecated")
def test_an_old_tls_is_refused_unless_it_is_asked_for(secured, backend):
    with pytest.raises(ssl.SSLError, match="PROTOCOL_VERSION"):
        shaken(secured(backend.url), old_tls)
    assert shaken(secured(backend.url, TLS_MIN_VERSION="1.1"), old_tls) == "TLSv1.1"


def shaken(gateway: Secured, context) -> str | None:
    """Return which version of TLS both come to."""
    host, _, port = gateway.url.removeprefix("https://").partition(":")
    with (
        socket.create_connection((host, int(port)), 5) as plain,
        context(gateway).wrap_socket(plain, server_hostname=host) as wrapped,
    ):
        return wrapped.version()


def test_where_it_is_asked_for_a_sender_needs_a_certificate_too(secured, backend, tmp_path):
    clients = Authority(tmp_path, "clients")
    gateway = secured(backend.url, CLIENT_CA_FILE=str(clients.file))
    assert is_taken(gateway, clients.issue("client"))
    assert not is_taken(gateway, Authority(tmp_path, "others").issue("stranger"))
    assert not is_taken(gateway, None)


def is_taken(gateway: Secured, certificate: Certificate | None) -> bool:
    context = gateway.trust()
    if certificate is not None:
        context.load_cert_chain(certificate.certificate, certificate.key)
    headers = {"content-type": "application/x-protobuf", "authorization": f"Bearer {GOOD}"}
    body = request_of("certified").SerializeToString()
    try:
        return httpx.post(
            f"{gateway.url}/v1/traces", content=body, headers=headers, verify=context, trust_env=False, timeout=60
        ).is_success
    except httpx.TransportError:
        return False


def test_a_renewed_certificate_is_shown_without_a_restart(secured, backend):
    gateway = secured(backend.url, TLS_RELOAD="1s")
    address = gateway.url.removeprefix("https://").split(":")
    before = ssl.get_server_certificate(tuple(address))
    renewed = gateway.authority.issue("gateway").certificate.read_text().strip()
    shown = eventually(lambda: ssl.get_server_certificate(tuple(address)).strip(), lambda now: now == renewed, 120)
    assert before.strip() != renewed == shown


def test_a_token_is_replaced_without_a_restart(secured, backend):
    gateway = secured(backend.url)
    assert (gateway.takes(GOOD), gateway.takes(NEXT)) == (True, False)
    gateway.tokens.write_text(f"{GOOD} the old one\n{NEXT} the new one\n")
    assert eventually(lambda: gateway.takes(NEXT), bool, 120)
    assert gateway.takes(GOOD)
    renamed = gateway.tokens.with_suffix(".new")
    renamed.write_text(f"{NEXT}\n")
    renamed.rename(gateway.tokens)
    assert eventually(lambda: not gateway.takes(GOOD), bool, 120)
    assert gateway.takes(NEXT)


def test_a_token_is_replaced_as_kubernetes_does(secured, backend, tmp_path):
    """The file is a link into a folder that is a link, which is changed, and the old folder removed."""
    mounted = tmp_path / "mounted"
    mounted.mkdir()
    publish(mounted, "..1", GOOD)
    (mounted / "tokens").symlink_to("..data/tokens")
    gateway = secured(backend.url, TOKEN_FILE=str(mounted / "tokens"))
    assert gateway.takes(GOOD)
    publish(mounted, "..2", NEXT)
    (mounted / "..1" / "tokens").unlink()
    assert eventually(lambda: gateway.takes(NEXT), bool, 120)
    assert not gateway.takes(GOOD)


def publish(mounted: Path, version: str, token: str) -> None:
    (mounted / version).mkdir()
    (mounted / version / "tokens").write_text(f"{token}\n")
    link = mounted / "..data_tmp"
    link.symlink_to(version)
    link.rename(mounted / "..data")


def test_the_token_is_on_no_disk_but_in_its_file(secured, backend, tmp_path):
    gateway = secured(backend.url)
    assert gateway.takes(GOOD)
    assert not gateway.takes(NEXT)
    written = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert [path for path in written if GOOD.encode() in path.read_bytes()] == [gateway.tokens]
    assert [path for path in written if NEXT.encode() in path.read_bytes()] == []


def test_spans_of_two_tenants_that_come_at_once_are_never_mixed_up(hostile, report):
    gateway, backend = hostile
    before = len(backend.bodies)

    def send(number: int) -> bool:
        """Send until it is taken, as SDKs do: it keeps nothing, and says so where the backend is slow."""
        tenant = ("acme", "globex")[number % 2]
        request = request_of(tenant, 5)

        def said() -> bool:
            if number % 4 < 2:
                return gateway.post(request.SerializeToString(), x_scope_orgid=tenant).is_success
            code = gateway.call(request, authorization=f"Bearer {GOOD}", **{TENANT: tenant})
            return code is grpc.StatusCode.OK

        return eventually(said, bool, 240)

    with ThreadPoolExecutor(8) as threads:
        assert all(threads.map(send, range(200)))
    seen = {(tenant, span.name, span.span_id) for tenant, span in spans_of_tenants(backend, before)}
    assert Counter((tenant, name) for tenant, name, _ in seen) == {("acme", "acme"): 500, ("globex", "globex"): 500}
    report("two tenants, 8 threads, HTTP and gRPC: 0 of 1000 spans under the wrong one")


def tenants_and_names(backend: Backend, begin: int) -> Counter[tuple[str, str]]:
    return Counter((tenant, span.name) for tenant, span in spans_of_tenants(backend, begin))


def spans_of_tenants(backend: Backend, begin: int) -> Iterator[tuple[str, Span]]:
    for headers, body in zip(backend.headers[begin:], backend.bodies[begin:], strict=True):
        yield from ((headers[TENANT], span) for span in spans_in([body]))


def test_a_request_without_a_tenant_goes_to_one_of_its_own(hostile):
    gateway, backend = hostile
    before = len(backend.bodies)
    assert gateway.post(request_of("nobody's").SerializeToString()).is_success
    assert gateway.call(request_of("nobody's"), authorization=f"Bearer {GOOD}") is grpc.StatusCode.OK
    assert tenants_and_names(backend, before) == {("unnamed", "nobody's"): 2}


def test_a_request_that_names_two_tenants_goes_to_neither(hostile):
    gateway, backend = hostile
    before, names = len(backend.bodies), [(TENANT, "acme"), (TENANT, "globex")]
    headers = [("content-type", "application/x-protobuf"), ("authorization", f"Bearer {GOOD}"), *names]
    body = request_of("both's").SerializeToString()
    assert not gateway.client.post(f"{gateway.url}/v1/traces", content=body, headers=headers).is_success
    assert len(backend.bodies) == before


def test_nothing_of_a_sender_but_its_tenant_is_handed_on(hostile):
    gateway, backend = hostile
    gateway.post(request_of("mine").SerializeToString(), x_scope_orgid="acme", cookie="secret=1", x_own="1")
    assert not {"authorization", "cookie", "x-own"} & backend.headers[-1].keys()


_SOME = request_of("some", 100).SerializeToString()
_GZIP = {"content_encoding": "gzip"}


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        pytest.param(b"\xff\xfe\x00abc", {}, 400, id="garbage"),
        pytest.param(_SOME[:-1], {}, 400, id="cut-off"),
        # The Collector takes it; the backend does not, and the sender is told so.
        pytest.param(_SOME.replace(b"some", b"\x80ome", 1), {}, 400, id="a-name-that-is-no-text"),
        pytest.param(b"{", {"content_type": "application/json"}, 400, id="garbage-json"),
        pytest.param(b"[" * MIB, {"content_type": "application/json"}, 400, id="deep-json"),
        # The answer quotes it, which JSON can't. Senders don't try again after a 500 either.
        pytest.param(b"\xff", {"content_type": "application/json"}, 500, id="json-that-is-no-text"),
        pytest.param(gzip.compress(_SOME)[:30], _GZIP, 400, id="cut-off-gzip"),
        pytest.param(b"abc", _GZIP, 400, id="no-gzip"),
        pytest.param(gzip.compress(bytes(100 * MIB)), _GZIP, 400, id="gzip-bomb"),
        pytest.param(bytes(21 * MIB), {}, 400, id="too-large"),
        pytest.param(_SOME, {"content_encoding": "zstd"}, 400, id="another-compression"),
        pytest.param(_SOME, {"content_type": "text/plain"}, 415, id="text"),
        pytest.param(_SOME, {"x_long": "a" * 2 * MIB}, 431, id="huge-header"),
    ],
)
def test_a_malformed_request_is_refused_and_the_next_good_one_is_served(hostile, body, headers, status):
    gateway, backend = hostile
    before = len(backend.bodies)
    assert gateway.post(body, **headers).status_code == status
    assert len(backend.bodies) == before
    assert gateway.takes(GOOD)


def test_a_message_that_is_too_large_is_refused_over_grpc_too(hostile):
    gateway, _ = hostile
    said = gateway.call(request_of("a" * 9 * MIB), authorization=f"Bearer {GOOD}")
    assert said is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert gateway.call(request_of("small"), authorization=f"Bearer {GOOD}") is grpc.StatusCode.OK


_mutated = st.builds(
    lambda at, byte: _SOME[:at] + bytes([byte]) + _SOME[at + 1 :], st.integers(0, len(_SOME) - 1), st.integers(0, 255)
)
_PROTOBUF = st.tuples(st.just("application/x-protobuf"), st.binary(max_size=2000) | _mutated)
_JSON = st.tuples(st.just("application/json"), st.text(st.characters(codec="ascii"), max_size=2000).map(str.encode))


@settings(max_examples=400, deadline=None)
@given(sent=_PROTOBUF | _JSON, is_packed=st.booleans())
def test_no_bytes_bring_it_down(hostile, sent, is_packed):
    gateway, _ = hostile
    kind, body = sent
    body, packing = (gzip.compress(body, 1), _GZIP) if is_packed else (body, {})
    assert gateway.post(body, content_type=kind, **packing).status_code in {200, 400}


def test_after_all_of_that_it_is_the_same_process_and_serves(hostile):
    gateway, _ = hostile
    assert gateway.takes(GOOD)
    assert gateway.collector.log().count("Everything is ready") == 1


def test_no_page_of_a_browser_is_told_that_it_may_send(hostile):
    gateway, _ = hostile
    asking = {"origin": "https://evil.example", "access_control_request_method": "POST"}
    answers = [
        gateway.post(request_of("page").SerializeToString(), **asking),
        gateway.client.options(f"{gateway.url}/v1/traces", headers={"origin": "https://evil.example"}),
    ]
    assert [name for each in answers for name in each.headers if name.startswith("access-control")] == []


def test_a_sender_that_takes_its_time_is_cut_off(hostile):
    gateway, _ = hostile
    host, _, port = gateway.url.removeprefix("https://").partition(":")
    began = time.monotonic()
    with (
        socket.create_connection((host, int(port)), 60) as plain,
        gateway.trust().wrap_socket(plain, server_hostname=host) as slow,
    ):
        slow.sendall(b"POST /v1/traces HTTP/1.1\r\n")
        assert slow.recv(1) == b""
    assert 3 < time.monotonic() - began < 25  # 5, on a machine that has time; what is read of a body may take 30


def test_while_the_backend_is_away_the_sender_keeps_its_spans(secured):
    gateway = secured("http://127.0.0.1:9")
    assert gateway.post(_SOME).status_code == 503  # which senders try again
    assert gateway.call(request_of("kept"), authorization=f"Bearer {GOOD}") is grpc.StatusCode.UNAVAILABLE


def test_through_an_agent_nothing_is_lost_while_all_of_it_is_replaced(
    collector, secured, applications, tmp_path, report
):
    """The backend is away at first, the token is replaced, the gateway killed, and the application knows nothing of it."""
    plan = Plan("replaced", sessions=200, turns=3)
    folder = tmp_path / "backend"
    folder.mkdir()
    backend = StoringBackend(folder)
    gateway = secured(backend.url)
    own = tmp_path / "agent-token"
    own.write_text(f"{GOOD}\n")
    files = {"TOKEN_FILE": str(own), "CA_FILE": str(gateway.authority.file)}
    agent = collector(
        "secure-agent.yaml", environment={"GATEWAY_ENDPOINT": gateway.url, "TENANT": "acme", **files}
    ).start()
    running = applications(plan, agent.http)
    with backend:
        gateway.tokens.write_text(f"{GOOD}\n{NEXT}\n")
        own.write_text(f"{NEXT}\n")
        wait_for_spans([backend], 600)
        gateway.collector.kill()
        gateway.tokens.write_text(f"{NEXT}\n")
        gateway.collector.start()
        running.wait()
        wait_for_spans([backend], 1800)
        told = tally(plan, backend.spans())
    report(f"secure agent and gateway, all replaced: {len(told.lost)} of 1800 spans lost, {told.doubled} twice")
    assert (told.lost, told.unknown) == ([], [])


def test_long_conversations_go_through_in_requests_that_the_gateway_takes(collector, secured, backend):
    gateway = secured(backend.url, MAX_REQUEST_BYTES="5000000")
    files = {"TOKEN_FILE": str(gateway.tokens), "CA_FILE": str(gateway.authority.file)}
    agent = collector("secure-agent.yaml", environment={"GATEWAY_ENDPOINT": gateway.url, **files}).start()
    headers = {"content-type": "application/x-protobuf"}
    for _ in range(10):
        body = request_of("long" * 4000, 100).SerializeToString()
        httpx.post(
            f"{agent.http}/v1/traces", content=body, headers=headers, trust_env=False, timeout=60
        ).raise_for_status()
    assert wait_for_spans([backend], 1000) == 1000
    assert len(backend.bodies) > 3


@pytest.mark.parametrize("missing", ["TOKEN_FILE", "TLS_CERT_FILE"])
def test_without_its_files_it_does_not_start(secured, backend, tmp_path, missing):
    with pytest.raises(pytest.fail.Exception, match=r"no such file|failed to read credentials file"):
        secured(backend.url, **{missing: str(tmp_path / "nothing")})


@pytest.mark.parametrize("name", ["secure.yaml", "secure-agent.yaml"])
def test_it_is_valid_where_nothing_is_set(otelcol, name):
    assert validate(otelcol, name) == ""
