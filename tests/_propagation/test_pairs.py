"""What libraries have for a carrier is read as it is, or it is said which part of it to pass."""

from __future__ import annotations

import os
from collections import namedtuple
from dataclasses import dataclass
from types import SimpleNamespace

import pytest

from otel_sessions import Session, from_carrier, get_session

PARENT = f"00-{'1' * 32}-{'2' * 16}-01"
HEADERS = {"traceparent": PARENT, "baggage": "session.id=ours,user.id=ada"}


def as_wsgi(headers):
    return {
        "REQUEST_METHOD": "GET",
        "wsgi.version": (1, 0),
        **{f"HTTP_{name.upper()}": value for name, value in headers.items()},
    }


@pytest.mark.parametrize(
    "carrier",
    [
        pytest.param({k: {"StringValue": v, "DataType": "String"} for k, v in HEADERS.items()}, id="SQS by boto3"),
        pytest.param({k: {"stringValue": v, "dataType": "String"} for k, v in HEADERS.items()}, id="SQS in Lambda"),
        pytest.param({k: {"Type": "String", "Value": v} for k, v in HEADERS.items()}, id="SNS in Lambda"),
        pytest.param([{k: list(v.encode())} for k, v in HEADERS.items()], id="Kafka in Lambda"),
        pytest.param([HEADERS], id="a mapping in a list"),
        pytest.param({k: memoryview(v.encode()) for k, v in HEADERS.items()}, id="memory of a database's driver"),
        pytest.param(as_wsgi(HEADERS), id="environ of WSGI"),
        pytest.param({"BAGGAGE": "session.id=process", **as_wsgi(HEADERS)}, id="of WSGI, with that of the process"),
    ],
)
def test_what_libraries_have_for_a_carrier_is_read(carrier, warnings):
    assert from_carrier(carrier).session == Session("ours", "ada")
    assert warnings() == []


def test_the_environ_of_cgi_is_read(monkeypatch, warnings):
    monkeypatch.setenv("TRACEPARENT", "garbage")
    monkeypatch.setenv("BAGGAGE", "session.id=process")
    for name, value in HEADERS.items():
        monkeypatch.setenv(f"HTTP_{name.upper()}", value)
    assert from_carrier(os.environ).session == Session("ours", "ada")
    assert warnings() == []


@pytest.mark.parametrize(
    "more",
    [
        {"http_baggage": "session.id=other"},
        {"Http_Traceparent": "garbage"},
        {"HTTP_BAGGAGE": "session.id=other"},
        {"HTTP_BAGGAGE": "session.id=other", "REQUEST_METHOD": "GET", "wsgi.version": "(1, 0)"},
    ],
)
def test_a_header_of_a_request_that_is_called_as_wsgi_calls_one_is_none(more, warnings):
    assert from_carrier({**HEADERS, **more}).session == Session("ours", "ada")
    assert warnings() == []


Job = namedtuple("Job", "meta")  # noqa: PYI024  # as libraries without types make one


@dataclass
class Received:
    """What Google Pub/Sub hands out: what goes with it is had by another name than by most queues."""

    attributes: dict


class Call:
    """What gRPC hands to a method."""

    def invocation_metadata(self):
        raise AssertionError


@pytest.mark.parametrize(
    ("message", "call"),
    [
        (Received(HEADERS), "record.attributes"),
        (SimpleNamespace(application_properties=HEADERS), "record.application_properties"),
        (SimpleNamespace(UserProperty=[*HEADERS.items()]), "record.UserProperty"),
        (SimpleNamespace(meta={}), "record.meta"),
        (SimpleNamespace(headers=None), "record.headers"),
        (Call(), "record.invocation_metadata()"),
    ],
)
def test_of_a_whole_message_it_is_said_which_part_of_it_is_the_carrier(message, call, warnings):
    with from_carrier(message):
        assert get_session() is None
    (said,) = warnings()
    assert f"so there is no session; pass those, as in from_carrier({call}) (" in said


class Request(dict):
    """What Starlette hands to a handler: a mapping, of its scope."""

    @property
    def headers(self):
        raise AssertionError


class Params:
    """What the MCP SDK has for the parameters of a request: its fields can be iterated, as those of any model of pydantic."""

    def __init__(self):
        self.meta = HEADERS

    def __iter__(self):
        return iter([("meta", self.meta)])


@pytest.mark.parametrize(
    ("message", "call"),
    [(Request(type="http", headers=[]), "record.headers"), (Params(), "record.meta")],
)
def test_it_is_said_of_a_message_that_could_be_a_carrier_too_if_nothing_is_in_it(message, call, warnings):
    assert from_carrier(message).session == Session()
    (said,) = warnings()
    assert (
        f"got {type(message).__name__}, which has them for its {call[7:]}, so there is no session; pass those, as in"
        in said
    )
    assert f"from_carrier({call}) (" in said


def test_a_message_that_is_a_carrier_itself_is_read(warnings):
    assert from_carrier(Request(HEADERS)).session == Session("ours", "ada")
    assert warnings() == []


class Raises(dict):
    def items(self):
        raise LookupError


class Refuses(dict):
    def __contains__(self, name):
        raise LookupError


def test_a_value_that_raises_does_not_cost_the_others(warnings):
    carrier = {"traceparent": Refuses(StringValue=PARENT), "baggage": HEADERS["baggage"]}
    assert from_carrier(carrier).session == Session("ours", "ada")
    assert "an entry whose reading raised LookupError was found, and is left out" in warnings()[0]


def test_what_raises_as_it_is_looked_into_is_not_looked_into(warnings):
    assert from_carrier({"headers": Refuses(messages=HEADERS)}).session == Session()
    assert warnings() == []


def test_what_raises_in_a_list_of_mappings_does_not_cost_the_others(warnings):
    assert from_carrier([Raises(a=1), HEADERS]).session == Session("ours", "ada")
    assert "an entry whose reading raised LookupError was found, and is left out" in warnings()[0]


@pytest.mark.parametrize(
    ("message", "path"),
    [
        ({"MessageId": "1", "MessageAttributes": HEADERS}, "['MessageAttributes']"),
        ({"Records": [{"messageAttributes": HEADERS}]}, "['Records'][0]['messageAttributes']"),
        ({"Records": [{"Sns": {"MessageAttributes": HEADERS}}]}, "['Records'][0]['Sns']['MessageAttributes']"),
        ({"type": "http", "headers": [(b"baggage", b"session.id=ours")]}, "['headers']"),
        ({"body": "x", "carrier": HEADERS}, "['carrier']"),
        ([(b"1-0", HEADERS)], "[0]"),
    ],
)
def test_of_what_has_the_carrier_inside_it_is_said_where(message, path, warnings):
    with from_carrier(message):
        assert get_session() is None
    (said,) = warnings()
    assert f"so there is no session; pass what has them, as in from_carrier(message{path}) (" in said


class Counted(dict):
    """A mapping that counts how many of its items anybody has looked at."""

    looked_at = 0

    def items(self):
        for each in super().items():
            Counted.looked_at += 1
            yield each


def test_of_a_list_of_mappings_no_more_is_looked_at_than_of_one(monkeypatch):
    monkeypatch.setattr(Counted, "looked_at", 0)
    assert from_carrier([Counted({str(each): "x" for each in range(1000)})] * 100).session == Session()
    assert Counted.looked_at <= 2 * 4096  # for what is in it, and for what is inside


def test_in_what_has_much_inside_not_all_is_looked_at(monkeypatch):
    monkeypatch.setattr(Counted, "looked_at", 0)
    names = (
        "headers",
        "attributes",
        "properties",
        "meta",
        "_meta",
        "metadata",
        "params",
        "message",
        "carrier",
        "context",
    )
    carrier = Counted(a=1)
    for _ in range(4):
        carrier = dict.fromkeys(names, carrier)
    assert from_carrier(carrier).session == Session()
    assert Counted.looked_at <= 32


Pair = namedtuple("Pair", "name headers")  # noqa: PYI024  # as above


class Broken(dict):
    def items(self):
        raise LookupError


@pytest.mark.parametrize(
    "carrier",
    [
        {"headers": {}, "metadata": {"x": 1}, "Records": []},
        {"headers": "baggage", "conv-42": HEADERS},
        {"headers": {"headers": {"headers": {"headers": {"headers": HEADERS}}}}},
        {"headers": Pair("baggage", HEADERS)},
        {"headers": Broken(a=1)},
        SimpleNamespace(items=lambda: [("headers", HEADERS)], __iter__=None),
    ],
)
def test_where_nothing_is_to_be_found_by_a_known_name_nothing_is_said_of_it(carrier, warnings):
    assert from_carrier(carrier).session == Session()
    assert [text for text in warnings() if "inside" in text or "ours" in text] == []


JSON = '{"baggage": "session.id=ours"}'


@pytest.mark.parametrize(
    "carrier",
    [
        pytest.param(JSON, id="str"),
        pytest.param(JSON.encode(), id="bytes"),
        pytest.param(bytearray(JSON.encode()), id="bytearray"),
        pytest.param(memoryview(JSON.encode()), id="memoryview"),
    ],
)
def test_of_json_it_is_said_that_it_is_to_be_read_first(carrier, warnings):
    assert from_carrier(carrier).session == Session()
    assert "json.loads()" in warnings()[0]


@pytest.mark.parametrize("value", [{"BinaryValue": b"x"}, [300], [True], {}])
def test_a_value_of_another_make_is_left_out_and_said_so(value, warnings):
    assert from_carrier({"baggage": value}).session == Session()
    assert "a value that is neither str nor bytes was found" in warnings()[0]


def test_what_is_no_pair_does_not_cost_the_others(warnings):
    assert from_carrier(("1-0", HEADERS)).session == Session("ours", "ada")
    assert "what is no pair of a name and a value was found, and is left out" in warnings()[0]


def test_what_raises_inside_of_a_message_says_nothing_and_costs_nothing(warnings):
    class Raising(dict):
        def __contains__(self, name):
            raise LookupError

    assert from_carrier({"headers": Raising()}).session == Session()
    assert warnings() == []
