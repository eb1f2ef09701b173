"""Numbers read as people write them, and ticks without zeros that say nothing."""

from __future__ import annotations

import math

import pytest

from analysis import units


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1.234, "1.23 s"),
        (0.0456, "45.6 ms"),
        (7.89e-5, "78.9 µs"),
        (9.996e-4, "1.00 ms"),
        (3e-9, "3.00 ns"),
        (0, "0 ns"),
    ],
)
def test_seconds(value, text):
    assert units.seconds(value) == text


@pytest.mark.parametrize(
    ("value", "text"), [(512, "512 B"), (1024, "1.00 KiB"), (3.5 * 2**20, "3.50 MiB"), (2**34, "16.0 GiB")]
)
def test_binary_bytes(value, text):
    assert units.binary_bytes(value) == text


def test_what_is_no_number_is_not_measured():
    assert units.seconds(math.nan) == "not measured"
    assert units.binary_bytes(math.nan) == "not measured"


def test_factors_and_sizes_have_two_digits():
    assert [units.factor(x) for x in (2.449, 12.3, 131.0, 0.9999)] == ["2.4", "12", "130", "1.0"]
    assert [units.size(x) for x in (237.2, 1049.0, 21300.0)] == ["240", "1000", "21,000"]
    assert [units.ahead_or_behind(x) for x in (2.0, 0.25)] == [f"{units.TIMES}2.0", "÷4.0"]


def test_a_length_has_commas_from_ten_thousand_on():
    assert [units.steps(length) for length in (100, 1000, 9999, 10_000, 123_456)] == [
        "100",
        "1000",
        "9999",
        "10,000",
        "123,456",
    ]


def test_ticks_have_no_trailing_zeros():
    assert [units.tick(x, units.TIME_UNITS) for x in (3e-4, 1.5, 2e-9)] == ["300 µs", "1.5 s", "2 ns"]
    assert [units.tick(x, units.BYTE_UNITS) for x in (2**22, 512, 1.5 * 2**30)] == ["4 MiB", "512 B", "1.5 GiB"]
