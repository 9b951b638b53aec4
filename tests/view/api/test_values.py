"""Times and attribute values are such that no reader of JSON changes them."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_sessions.view.api.values import cut, duration, exact, milliseconds, time, whole

values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@pytest.mark.parametrize(
    ("nanoseconds", "expected"),
    [
        (1_764_504_000_123_456_789, "2025-11-30T12:00:00.123456789Z"),
        (1, "1970-01-01T00:00:00.000000001Z"),
        (2**64 - 1, "2554-07-21T23:34:33.709551615Z"),
        (0, None),
    ],
)
def test_a_time_is_rfc_3339_in_utc(nanoseconds, expected):
    assert time(nanoseconds) == expected


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [(10**9, 10**9 + 1_500_000, 1.5), (10, 5, 0.0), (10, 0, None), (0, 10, None)],
)
def test_a_duration_is_in_milliseconds_and_never_negative(start, end, expected):
    assert duration(start, end) == expected


def test_a_latency_that_is_not_known_stays_so():
    assert (milliseconds(None), milliseconds(2_500_000)) == (None, 2.5)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("x", "x"),
        (True, True),
        (2**53 - 1, 2**53 - 1),
        (2**53, "9007199254740992"),
        (-(2**63), "-9223372036854775808"),
        (0.5, 0.5),
        (math.nan, "NaN"),
        (math.inf, "Infinity"),
        (-math.inf, "-Infinity"),
        (b"\x00\xff", "AP8="),
        ([1, [2**60]], [1, [str(2**60)]]),
        ({"k": b""}, {"k": ""}),
        (None, None),
    ],
)
def test_a_value_is_what_every_reader_reads_alike(value, expected):
    assert exact(value) == expected
    assert whole({"k": value}) == {"k": expected}


@given(st.dictionaries(st.text(), values, max_size=3))
def test_any_attributes_are_json_and_short(attributes):
    kept, lengths = cut(attributes)

    assert json.loads(json.dumps(kept, allow_nan=False)) == kept
    assert kept.keys() == attributes.keys()
    assert lengths.keys() <= kept.keys()


@pytest.mark.parametrize(
    ("value", "length", "begin"),
    [
        pytest.param("x" * 4_097, 4_097, "xxx", id="text"),
        pytest.param(["é"] * 2_000, 10_000, '["é", "é"', id="list"),
        pytest.param({"k": "v" * 5_000}, 5_009, '{"k": "v', id="map"),
        pytest.param(bytes(6_000), 8_000, "AAAA", id="bytes"),
    ],
)
def test_a_long_value_is_cut_and_its_length_is_told(value, length, begin):
    kept, lengths = cut({"long": value, "short": "y" * 4_096})

    assert lengths == {"long": length}
    assert kept["short"] == "y" * 4_096
    assert kept["long"].startswith(begin)
    assert len(kept["long"]) == 4_097
    assert kept["long"].endswith("…")


def test_what_is_cut_shares_nothing_with_what_it_is_made_of():
    values = {"list": [1, {"a": [2]}]}
    kept, _ = cut(values)
    kept["list"][1]["a"].append(3)
    assert values == {"list": [1, {"a": [2]}]}
