"""What passes and what does not, in bounded time, and never with a word of what was judged."""

from __future__ import annotations

import json
import re
import sys
from collections import UserDict
from dataclasses import dataclass

import pytest
import regex
from hypothesis import assume, given
from hypothesis import strategies as st

from otel_sessions._conversation import json_schemas, patterns
from otel_sessions._conversation.json_schemas import judged_by_schema
from otel_sessions._conversation.judgements import (
    PASSED,
    UnreadableError,
    Verdict,
    failed,
    judged_equals,
    judged_includes,
    judged_json,
    parsed_json,
    undecided,
)
from otel_sessions._conversation.patterns import judged_regex

TOO_LARGE = undecided("pattern: it is too long, or repeats too much inside of repetitions")
LONG = "a" * 50_000 + "!"
DRAFT_7, NEWEST = "http://json-schema.org/draft-07/schema#", "https://json-schema.org/draft/2020-12/schema"


# JSON


@pytest.mark.parametrize(
    "text", ["1", '{"a": [1.5, null]}', ' "\\ud800" ', b'"\xc3\xa4"', bytearray(b"[]"), "1e999", "-0"]
)
def test_json_passes(text):
    assert judged_json(text) == PASSED


@pytest.mark.parametrize(
    ("text", "explanation"),
    [
        pytest.param("", "no JSON: expecting value at line 1, column 1", id="empty"),
        pytest.param('{"a":\n secret}', "no JSON: expecting value at line 2, column 2", id="word"),
        pytest.param(
            "{'a': 1}", "no JSON: expecting property name enclosed in double quotes at line 1, column 2", id="quotes"
        ),
        pytest.param("[1] secret", "no JSON: extra data at line 1, column 5", id="more"),
        pytest.param("[01]", "no JSON: expecting ',' delimiter at line 1, column 3", id="leading zero"),
        pytest.param('"\\q"', "no JSON: invalid \\escape at line 1, column 2", id="escape"),
        pytest.param("[NaN]", "no JSON: NaN or Infinity, which JSON does not have", id="nan"),
        pytest.param("-Infinity", "no JSON: NaN or Infinity, which JSON does not have", id="infinity"),
        pytest.param("[" * 200_000, "no JSON: nested too deeply", id="deep"),
        pytest.param(b"[\xff]", "no JSON: no UTF-8 at byte 1", id="bytes"),
        pytest.param("﻿1".encode("utf-16"), "no JSON: no UTF-8 at byte 0", id="utf-16"),
        pytest.param(None, "no JSON: expected a text and got NoneType", id="none"),
        pytest.param({"a": 1}, "no JSON: expected a text and got dict", id="dict"),
    ],
)
def test_what_is_no_json_fails_and_says_where(text, explanation):
    assert judged_json(text) == failed(explanation)


@pytest.mark.skipif(not hasattr(sys, "get_int_max_str_digits"), reason="this Python has no such limit")
def test_a_number_of_very_many_digits_fails():
    assert judged_json("1" * 5000) == failed("no JSON: a number of too many digits")


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda below: st.lists(below) | st.dictionaries(st.text(), below),
    )
)
def test_whatever_json_writes_passes(value):
    assert judged_json(json.dumps(value)) == PASSED
    assert parsed_json(json.dumps(value)) == value


@given(st.text() | st.binary())
def test_any_text_is_judged_and_none_is_shown(text):
    verdict = judged_json(text)
    assert verdict.passed in (True, False)
    assert verdict.passed or verdict.explanation.startswith("no JSON: ")


# A schema

PERSON = {
    "type": "object",
    "properties": {"name": {"type": "string", "pattern": "^[a-z]+$"}, "ages": {"items": {"type": "integer"}}},
    "patternProperties": {"^x-": {"type": "string"}},
    "required": ["name"],
    "additionalProperties": False,
}


@pytest.mark.parametrize("text", ['{"name": "ada"}', '{"name": "ada", "ages": [1, 2.0], "x-a": ""}'])
def test_what_is_as_the_schema_asks_passes(text):
    assert judged_by_schema(text, PERSON) == PASSED
    assert judged_by_schema(text, json.dumps(PERSON)) == PASSED


@pytest.mark.parametrize(
    ("text", "explanation"),
    [
        pytest.param(
            "{", "no JSON: expecting property name enclosed in double quotes at line 1, column 2", id="no JSON"
        ),
        pytest.param("[]", "$ does not fit the schema: type", id="type"),
        pytest.param("{}", "$ does not fit the schema: required", id="required"),
        pytest.param('{"name": "Ada"}', "$.name does not fit the schema: pattern", id="pattern"),
        pytest.param('{"name": "a", "ages": [1, "secret"]}', "$.ages[1] does not fit the schema: type", id="item"),
        pytest.param('{"name": "a", "secret": 1}', "$ does not fit the schema: additionalProperties", id="additional"),
        pytest.param('{"name": "a", "x-secret": 1}', "$.* does not fit the schema: type", id="pattern property"),
    ],
)
def test_what_is_not_says_where_and_which_rule_and_no_name_that_the_schema_has_not(text, explanation):
    assert judged_by_schema(text, PERSON) == failed(explanation)


@pytest.mark.parametrize(
    ("value", "schema", "passed"),
    [
        ({"secret": {"b": 3}}, {"additionalProperties": {"properties": {"b": {"type": "string"}}}}, False),
        ({"a": 1}, {"additionalProperties": {"type": "integer"}}, True),
        ([], PERSON["patternProperties"], True),
        (7, {"patternProperties": {"a": False}, "additionalProperties": False, "pattern": "b"}, True),
        (7, True, True),
        (7, False, False),
        (7, {"$schema": "http://json-schema.org/draft-07/schema#", "type": "integer"}, True),
        ({"x": 7}, {"$ref": "#/$defs/x", "$defs": {"x": {"required": ["y"]}}}, False),
        ([1, 1.0], {"uniqueItems": True}, False),
        ([1, True, [1], [True], {"a": 1}, {"a": True}, "1"], {"uniqueItems": True}, True),
        ([{"a": 1, "b": 2}, {"b": 2.0, "a": 1}], {"uniqueItems": True}, False),
        ([1, 1], {"uniqueItems": False}, True),
        ("aa", {"uniqueItems": True}, True),
        (10**400, {"multipleOf": 0.5}, True),
        (10**400 + 1, {"multipleOf": 2.5}, False),
        (10**400, {"multipleOf": 7}, False),
        (7.5, {"multipleOf": 2.5}, True),
        ("a", {"multipleOf": 2.5}, True),
        (10**400, {"$schema": "http://json-schema.org/draft-03/schema#", "divisibleBy": 0.5}, True),
        ({"x": 7}, {"properties": {"x": {"$schema": "http://json-schema.org/draft-07/schema#", "minimum": 8}}}, False),
        ({"n": {"x": 7}}, {"$schema": NEWEST, "properties": {"n": {"$ref": "#"}, "x": {"type": "integer"}}}, True),
    ],
)
def test_the_rules_that_are_our_own_are_those_of_the_specification(value, schema, passed):
    assert judged_by_schema(json.dumps(value), schema).passed is passed


def test_what_is_infinite_is_a_multiple_of_nothing():
    assert judged_by_schema("1e999", {"multipleOf": 0.5}) == failed("$ does not fit the schema: multipleOf")


def test_there_is_no_rule_where_nothing_is_allowed():
    assert judged_by_schema("7", schema=False) == failed("$ does not fit the schema")


CYCLE = {}
CYCLE["properties"] = CYCLE


@pytest.mark.parametrize(
    ("schema", "explanation"),
    [
        pytest.param({"type": "secret"}, "schema: $.type in it does not fit its dialect: anyOf", id="invalid"),
        pytest.param(
            {"$ref": "http://127.0.0.1:1/x"}, "schema: a $ref in it leads nowhere; nothing is fetched", id="ref"
        ),
        pytest.param({"$schema": "urn:x"}, "schema: its $schema is no dialect that is known", id="dialect"),
        pytest.param({"$schema": 7}, "schema: its $schema is no dialect that is known", id="no dialect"),
        pytest.param([1], "schema: expected an object or a bool and got list", id="list"),
        pytest.param("{", "schema: expecting property name enclosed in double quotes at line 1, column 2", id="text"),
        pytest.param(object(), "schema: it holds what JSON can't", id="object"),
        pytest.param(CYCLE, "schema: it holds what JSON can't", id="cycle"),
        pytest.param({"enum": ["a" * 1_000_000]}, "schema: it is longer than 1000000 characters", id="long"),
        pytest.param({"$ref": "#"}, "the text, or the schema, is nested too deeply", id="endless"),
        pytest.param(
            {"patternProperties": {}, "unevaluatedProperties": False},
            "schema: unevaluatedProperties beside patternProperties can't be judged in bounded time",
            id="unevaluated",
        ),
        pytest.param(
            {"pattern": "((a{999}){999}){999}"},
            "schema: it is too long, or repeats too much inside of repetitions",
            id="pattern",
        ),
    ],
)
def test_a_schema_that_cannot_be_used_is_no_fault_of_the_text(schema, explanation):
    assert judged_by_schema('"a"', schema) == undecided(explanation)


SLOW = {"pattern": r"^(\w+\s?)+$"}
TEXT = json.dumps({"x": "a" * 50_000 + "!"})
COLLIDING = str([number * (2**61 - 1) for number in range(1, 50_001)])

ALTERNATIVES = {
    "$ref": "#/$defs/n",
    "$defs": {
        "n": {
            "anyOf": [
                {"type": "array", "items": {"$ref": "#/$defs/n"}, "minItems": 9},
                {"type": "array", "items": {"$ref": "#/$defs/n"}, "maxItems": 2},
                {"type": "string"},
            ]
        }
    },
}


@pytest.mark.parametrize(
    ("text", "schema"),
    [
        pytest.param(json.dumps("a" * 50_000 + "!"), {"pattern": r"^(\w+\s?)+$"}, id="pattern"),
        pytest.param(json.dumps({"a" * 50_000 + "!": 1}), {"patternProperties": {r"^(\w+\s?)+$": True}}, id="name"),
        pytest.param("[" * 60 + "1" + "]" * 60, ALTERNATIVES, id="alternatives"),
        pytest.param(TEXT, {"properties": {"x": {"$schema": DRAFT_7, **SLOW}}}, id="$schema below the root"),
        pytest.param(f'{{"n": {TEXT}}}', {"$schema": NEWEST, "properties": {"n": {"$ref": "#"}, "x": SLOW}}, id="root"),
        pytest.param(
            TEXT,
            {
                "$defs": {"s": {"$schema": NEWEST, "$id": "http://x/s", **SLOW}},
                "properties": {"x": {"$ref": "http://x/s"}},
            },
            id="$schema of a definition",
        ),
        pytest.param(COLLIDING, {"uniqueItems": True}, id="numbers of one hash"),
        pytest.param("[" + "1," * 1_500_000 + "1]", {"items": {}}, id="no keywords"),
        pytest.param("[" + "1," * 3_000_000 + "1]", {"items": True}, id="anything"),
        pytest.param("1", {"allOf": [{"type": "string", "properties": {"a": {}}}] * 20_000}, id="a large schema"),
    ],
)
def test_what_takes_for_ever_is_given_up(text, schema):
    expected = undecided("to judge by the schema takes too long, and was given up", "timeout")
    assert judged_by_schema(text, schema) == expected


def test_a_schema_is_judged_as_it_was_even_if_it_is_changed_later():
    schema = {"type": "integer"}
    assert judged_by_schema("1", schema) == PASSED
    schema["type"] = "string"
    assert judged_by_schema("1", schema) == failed("$ does not fit the schema: type")


def test_a_great_many_items_are_compared_in_time(monkeypatch):
    # Each with each would take minutes, on a machine that is busy or not.
    monkeypatch.setattr(json_schemas, "SECONDS", 60.0)
    assert judged_by_schema(json.dumps([{"a": each} for each in range(10_000)]), {"uniqueItems": True}) == PASSED


# A pattern


@pytest.mark.parametrize(
    ("text", "pattern", "passed"),
    [
        ("Paris is big", "is", True),
        ("Paris is big", "^is", False),
        (b"Paris", "^P", True),
        ("PARIS", re.compile("paris", re.IGNORECASE), True),
        ("a\nb", re.compile("a.b", re.DOTALL), True),
        ("a\nb", re.compile("^b", re.MULTILINE), True),
        ("ab", re.compile("a  b  # both", re.VERBOSE), True),
        ("ä", re.compile(r"\w", re.ASCII), False),
        ("Paris", re.compile(b"^P"), True),
        ("Paris", regex.compile("^P"), True),
        (7, "7", False),
    ],
)
def test_a_pattern_is_searched(text, pattern, passed):
    assert judged_regex(text, pattern).passed is passed


def test_what_is_not_found_is_not_shown():
    assert judged_regex("secret", "xyzzy") == failed("the pattern is not found")
    assert judged_regex(7, "x") == failed("expected a text and got int")


CATASTROPHIC = [
    "(a+)+$",
    "(a|aa)+$",
    r"(\w+\s?)+$",
    "(?:a|a)*$",
    "(?>(a+)+)b",
    "(?=.*a)(?=.*b)(?=.*c).*",
    "((a{1,99}){1,99}){1,9}b",
]


@pytest.mark.parametrize("pattern", CATASTROPHIC)
def test_a_search_that_takes_for_ever_is_given_up(pattern):
    assert judged_regex(LONG, pattern) == undecided("the search took longer than 0.25 s, and was given up", "timeout")


@pytest.mark.parametrize("pattern", ["(.*)*x", "((a{1,999}){1,999}){1,999}", "(a*)*b", "(.+)+\\1+x"])
def test_others_that_look_like_it_are_searched(pattern):
    assert judged_regex(LONG, pattern).passed is not None


@pytest.mark.parametrize(
    "pattern",
    [
        pytest.param("((a{999}){999}){999}", id="three times"),
        pytest.param("a{4000000000}", id="often"),
        pytest.param("(?:" * 40 + "a" + ")+" * 40, id="each twice the one before"),
        pytest.param("(?:a{250}){250}" * 50, id="one after the other"),
        pytest.param("(?:[)]a{999}){999}", id="a parenthesis in a class"),
        pytest.param("(?:(?#()a{999}){999}", id="a parenthesis in a comment"),
        pytest.param("x|" * 5_001, id="long"),
        pytest.param("[[]]" * 501, id="a long literal"),
        pytest.param("(?x)(?:(?:(?:a{300}) {300}) {30})b", id="white space that means nothing"),
        pytest.param(re.compile("(?:(?:(?:a{300}) {300}) {30})b", re.VERBOSE), id="the same by a flag"),
        pytest.param("(?:(?:(?:a{300})(?#){300})(?#){30})b", id="comments"),
        pytest.param("(?:(?:(?:a{300})(?i){300})(?i){30})b", id="flags in the middle"),
        pytest.param("(?:(?:(?:a{300}[[:alpha:](]){300}[[:alpha:](]){30}[[:alpha:](])b", id="a set in a set"),
        pytest.param("(?:(?:(?:a{000000000300}){000000000300}){00000000030})b", id="leading zeros"),
        pytest.param("(?x)(?:a{ 9 0 0 0 0 0 0 0})b", id="white space in a number"),
        pytest.param("(?x)(?:a{9#,\n0000})b", id="a comment in a number"),
        pytest.param(("a" * 500 + "(?:)*") * 2, id="a literal with empty groups"),
        pytest.param("(?x)" + ("a" * 300 + "#*\n") * 3, id="a literal with comments"),
        pytest.param("(?:a{200}){200}", id="large"),
    ],
)
def test_a_pattern_that_takes_all_memory_to_compile_is_not_compiled(pattern):
    assert judged_regex("text", pattern) == TOO_LARGE


@pytest.mark.parametrize(
    "pattern",
    [
        r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:\d{2})$",
        r"[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}",
        "(?x) ^ (\\d{1,3}) \\. (\\d{1,3}) # two\n \\. (\\d{1,3}) \\. (\\d{1,3}) $",
        r"(?i)^\s*\{.*\}\s*$",
        r"[()\[\]]{3}",
        r"\[(\w+)\]\(([^()]+)\)",
        "a(?# b+ )c(?i)d",
        "ba{0,5000}",
        "(?:[a-z]{100}){100}",
    ],
)
def test_what_people_write_is_searched(pattern):
    assert judged_regex("text", pattern) == failed("the pattern is not found")


def test_few_patterns_are_kept():
    for number in range(40):
        judged_regex("text", f"a{number}")
    assert patterns._compiled.cache_info().currsize == 16


@pytest.mark.parametrize(
    ("pattern", "explanation"),
    [
        ("(", "pattern: missing ) at character 2"),
        (")", "pattern: unbalanced parenthesis at character 1"),
        ("[" * 500, "pattern: unterminated character set at character 501"),
        ("(" * 499 + "a*" + ")" * 499, "pattern: it can't be compiled"),
        ("\\", "pattern: bad escape (end of pattern) at character 2"),
        (7, "pattern: expected a text and got int"),
        (None, "pattern: expected a text and got NoneType"),
    ],
)
def test_a_pattern_that_is_wrong_is_no_fault_of_the_text(pattern, explanation):
    assert judged_regex("text", pattern) == undecided(explanation)


@pytest.mark.parametrize(
    ("pattern", "size"),
    [
        ("", 0),
        ("abc", 3),
        ("a+", 2),
        ("a*b?", 2),
        ("(ab)+", 6),
        ("(a{9}){9}", 110),
        ("a{,9}", 1),
        ("[(a{9})]", 1),
        (r"\(a", 2),
    ],
)
def test_the_size_of_a_pattern_is_what_it_is_written_out(pattern, size):
    assert patterns._size(pattern, patterns._TOKEN) == size


@given(st.text(alphabet="a(){}[]+*?9,\\|^#:", max_size=40))
def test_no_pattern_raises(pattern):
    assert isinstance(judged_regex("aaaa", pattern), Verdict)


# Parts


@pytest.mark.parametrize(
    ("text", "part", "options", "passed"),
    [
        ("Paris is big", "is b", {}, True),
        ("Paris is big", ["Paris", "big"], {}, True),
        ("Paris is big", {"Paris", b"big"}, {}, True),
        ("Paris", "paris", {}, False),
        ("Straße", "STRASSE", {"case_sensitive": False}, True),
        (b"Paris", "Par", {}, True),
        (None, "None", {}, False),
        ("text", [], {}, None),
        ("text", 7, {}, None),
    ],
)
def test_each_part_has_to_be_there(text, part, options, passed):
    assert judged_includes(text, part, **options).passed is passed


def test_how_many_are_missing_is_said_and_not_which():
    assert judged_includes("secret", ["s", "x", "y"]) == failed("2 of 3 not found, the first is no. 2")


@given(st.text(), st.text(), st.text())
def test_what_is_put_in_is_found(before, part, after):
    assert judged_includes(before + part + after, part) == PASSED
    assume(part.casefold() in (before + part + after).casefold())
    assert judged_includes(before + part + after, part, case_sensitive=False) == PASSED


# Equality


@dataclass
class Unequal:
    raises: type

    def __eq__(self, other):
        raise self.raises

    __hash__ = None


@pytest.mark.parametrize(
    ("value", "expected", "verdict"),
    [
        ("a", "a", PASSED),
        ([1, {"a": 2}], [1.0, {"a": 2}], PASSED),
        ("secret", "secrets", failed("they differ from character 7 on")),
        ("secret", "xyzzy", failed("they differ from character 1 on")),
        ("1", 1, failed("it is of type str, and not int")),
        ([1], [2], failed("it is not equal, both are list")),
        (Unequal(ZeroDivisionError), 1, undecided("comparing them raised ZeroDivisionError")),
    ],
)
def test_equality_is_that_of_the_values(value, expected, verdict):
    assert judged_equals(value, expected) == verdict


def test_mappings_of_other_kinds_are_equal_if_they_say_so():
    assert judged_equals(UserDict(a=1), {"a": 1}) == PASSED


def test_what_is_unreadable_is_a_value_error():
    with pytest.raises(UnreadableError, match="expected a text and got int"):
        parsed_json(7)


def test_nothing_is_kept_of_a_text_that_was_judged():
    judged_by_schema('"xyzzy"', {"type": "string"})
    assert json_schemas._validator_of.cache_info().maxsize == 32
