"""Bodies are unpacked, and no further than they may be."""

from __future__ import annotations

import gzip
import zlib
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_sessions.view.receiving.unpacking import TooLargeError, unpacked
from otel_sessions.view.wire.reading import InvalidOTLPError

# The same bytes in each process that collects the tests: without the time.
GZIPPED = partial(gzip.compress, mtime=0)
PACKERS = {"gzip": gzip.compress, "deflate": zlib.compress, "identity": bytes}


@given(st.binary(max_size=500), st.sampled_from(sorted(PACKERS)))
def test_what_was_packed_comes_back(body, encoding):
    assert unpacked(PACKERS[encoding](body), encoding) == body


@given(st.binary(max_size=500))
def test_raw_deflate_comes_back(body):
    assert unpacked(zlib.compress(body)[2:-4], "deflate") == body


@given(st.binary(max_size=100), st.sampled_from(["gzip", "deflate"]))
def test_random_bytes_raise_nothing_else(body, encoding):
    try:
        unpacked(body, encoding, 1000)
    except (InvalidOTLPError, TooLargeError):
        return


def test_pieces_are_joined_as_gzip_has_it():
    assert unpacked(gzip.compress(b"a") + gzip.compress(b"") + gzip.compress(b"b"), "gzip") == b"ab"


def test_many_pieces_are_refused():
    with pytest.raises(InvalidOTLPError, match="more than 16 pieces"):
        unpacked(gzip.compress(b"") * 17, "gzip")


@pytest.mark.parametrize("size", [0, 1, 100])
def test_as_much_as_may_be_is_unpacked(size):
    assert len(unpacked(gzip.compress(bytes(size)), "gzip", 100)) == size


@pytest.mark.parametrize("body", [GZIPPED(bytes(101)), GZIPPED(bytes(60)) * 2])
def test_more_is_refused(body):
    with pytest.raises(TooLargeError):
        unpacked(body, "gzip", 100)


@pytest.mark.parametrize("body", [GZIPPED(b"abc")[:-1], GZIPPED(b"abc")[:5], b""])
def test_a_body_without_its_end_is_refused(body):
    with pytest.raises(InvalidOTLPError):
        unpacked(body, "gzip")
