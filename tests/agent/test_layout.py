"""Texts laid out: every sign of them stays, whatever they are, and no text costs more than its length."""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.contents import Form
from agent.layout import INDENT, MAX_INDENTS, form_lines, json_lines, lines_of, plain_lines, xml_lines


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (
            '{"a":1,"b":[true,null],"c":{}}',
            ["{", '  "a": 1,', '  "b": [', "    true,", "    null", "  ],", '  "c": {}', "}"],
        ),
        ("[]", ["[]"]),
        ("[ ]", ["[]"]),
        ("[[],[1]]", ["[", "  [],", "  [", "    1", "  ]", "]"]),
        ('"a string"', ['"a string"']),
        ("12345678901234567890.10", ["12345678901234567890.10"]),
        ('{"a":1,"a":2}', ["{", '  "a": 1,', '  "a": 2', "}"]),
        ('{"a":"x{[,:]}\\"y"}', ["{", '  "a": "x{[,:]}\\"y"', "}"]),
        ('{"a":1}\n{"a":2}\n', ["{", '  "a": 1', "}", "{", '  "a": 2', "}"]),
        ('{"a":', ["{", '  "a": ']),
        ('{"a":"cut', ["{", '  "a": "cut']),
        ('{"a":"cut\\', ["{", '  "a": "cut\\']),
        ("]]}1", ["]", "]", "}", "1"]),
        ('{"a":"two\nlines"}', ["{", '  "a": "two⏎lines"', "}"]),
        ("", []),
        ("  \n ", []),
    ],
)
def test_json(text: str, shown: list[str]):
    assert list(json_lines(text)) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (
            '<?xml version="1.0"?><a x="1"><b>text</b><c/><d></d></a>',
            ['<?xml version="1.0"?>', '<a x="1">', "  <b>text</b>", "  <c/>", "  <d></d>", "</a>"],
        ),
        ("<a>one<b/>two</a>", ["<a>one", "  <b/>", "  two", "</a>"]),
        ("<a><!-- <b> --></a>", ["<a>", "  <!-- <b> -->", "</a>"]),
        ("<a><![CDATA[ <b> ]]></a>", ["<a>", "  <![CDATA[ <b> ]]>", "</a>"]),
        ("<!DOCTYPE a><a>&amp;&x;</a>", ["<!DOCTYPE a>", "<a>&amp;&x;</a>"]),
        ('<a\n   x="1"\n   y="2">z</a>', ['<a x="1" y="2">z</a>']),
        ("<a>two\nlines</a>", ["<a>", "  two", "  lines", "</a>"]),
        ("</a></b>", ["</a>", "</b>"]),
        ("<a><b>cut", ["<a>", "  <b>cut"]),
        ("<a><b", ["<a><b"]),
        ("<!-- never closed <a>b</a>", ["<!-- never closed <a>", "b", "</a>"]),
        ("just text", ["just text"]),
        ("", []),
    ],
)
def test_xml(text: str, shown: list[str]):
    assert list(xml_lines(text)) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a=1&b=two+words&c=%C3%BC", ["a = 1", "b = two words", "c = ü"]),
        ("a&b=&=c&&", ["a", "b = ", " = c"]),
        ("a=two%0Alines", ["a = two⏎lines"]),
        ("a=%FF%", ["a = \ufffd%"]),
        ("", []),
    ],
)
def test_form(text: str, shown: list[str]):
    assert list(form_lines(text)) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\r\nb\rc\n", ["a", "b", "c"]),
        ("a\n\n", ["a", ""]),
        ("a\x0bb\u2028c", ["a\x0bb\u2028c"]),
        ("", [""]),
    ],
)
def test_plain(text: str, shown: list[str]):
    assert plain_lines(text) == shown
    assert list(lines_of(Form.OTHER, text)) == shown


def test_each_form_has_its_lines():
    assert list(lines_of(Form.JSON, "[1]")) == ["[", "  1", "]"]
    assert list(lines_of(Form.XML, "<a/>")) == ["<a/>"]
    assert list(lines_of(Form.FORM, "a=1")) == ["a = 1"]


@given(st.text(max_size=300), st.sampled_from(list(Form)))
def test_any_text_is_laid_out(text: str, form: Form):
    for line in lines_of(form, text):
        assert isinstance(line, str)
        assert form is Form.XML or "\n" not in line


signs = st.text(st.sampled_from('<>/!-[]{}",:?= \nab\\&CDAT'), max_size=60)


@given(signs)
def test_no_sign_is_lost(text: str):
    """White space between tokens is what laying out is about; everything else stays, in its order."""
    for layout in (json_lines, xml_lines):
        shown = "".join(layout(text)).replace("⏎", "")
        assert "".join(shown.split()) == "".join(text.split())


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=15,
)


@given(json_values, st.booleans())
def test_json_that_is_laid_out_is_the_same_json(value: object, is_ascii: bool):
    text = json.dumps(value, ensure_ascii=is_ascii)
    assert json.loads("\n".join(json_lines(text))) == value


def test_depth_indents_only_so_far():
    shown = list(json_lines("[" * 5_000 + "]" * 5_000))
    assert max(len(line) - len(line.lstrip()) for line in shown) == MAX_INDENTS * len(INDENT)
    shown = list(xml_lines("<a>" * 5_000))
    assert max(len(line) - len(line.lstrip()) for line in shown) == MAX_INDENTS * len(INDENT)


BOMBS = {
    "brackets": "[" * 400_000,
    "quotes": '"' * 400_000,
    "a string without an end": '"' + "a" * 400_000,
    "backslashes": '"' + "\\" * 400_000,
    "openers": "<" * 400_000,
    "comments without an end": "<!-- " * 80_000,
    "CDATA without an end": "<![CDATA[" * 40_000,
    "instructions without an end": "<?" * 200_000,
    "all kinds without an end": "<!--<![CDATA[<?" * 25_000,
    "blanks": " " * 400_000,
    "ampersands": "&" * 400_000,
    "percents": "%" * 400_000,
}


@pytest.mark.slow
@pytest.mark.parametrize("bomb", BOMBS)
def test_no_text_costs_more_than_its_length(bomb: str):
    """The square of the length would take minutes here."""
    for layout in (json_lines, xml_lines, form_lines):
        began = time.process_time()
        some: Iterator[str] = layout(BOMBS[bomb])
        for _ in itertools.islice(some, 500_000):
            pass
        assert time.process_time() - began < 10
