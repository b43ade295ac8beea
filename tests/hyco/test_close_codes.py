import pytest
from hypothesis import given
from hypothesis import strategies as st

from hyco.close_codes import is_sendable, truncate_reason


@pytest.mark.parametrize(
    "code",
    [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999],
)
def test_these_codes_may_stand_in_a_close_frame(code: int):
    assert is_sendable(code)


@pytest.mark.parametrize("code", [-1, 0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65_535])
def test_these_codes_never_stand_in_a_close_frame(code: int):
    assert not is_sendable(code)


def test_a_short_reason_is_left_alone():
    assert truncate_reason("gone") == "gone"


def test_a_reason_is_cut_between_characters():
    """123 bytes hold 61 characters of two bytes; half of the 62nd would be invalid UTF-8."""
    assert truncate_reason("ø" * 100) == "ø" * 61


def test_a_lone_surrogate_becomes_a_question_mark():
    assert truncate_reason("a\ud800b") == "a?b"


@given(st.text(st.characters(exclude_categories=[]), max_size=300))
def test_any_reason_fits_into_a_close_frame(text: str):
    assert len(truncate_reason(text).encode()) <= 123
