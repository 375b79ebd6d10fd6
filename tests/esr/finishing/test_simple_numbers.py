import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from esr.finishing import constant_price, simple_values

FINITE = st.floats(-1e6, 1e6).filter(lambda value: abs(value) > 1e-6)


@given(FINITE, st.floats(0, 1e3))
def test_simple_values_are_near_and_cost_what_they_say(value, within):
    found = simple_values(value, within)
    assert all(abs(s - value) <= max(within, 0.02 * abs(value)) for s in found)
    assert list(found.values()) == sorted(found.values())
    assert all(constant_price(s) <= price + 1e-12 for s, price in found.items())


@given(FINITE)
def test_a_number_costs_at_most_its_digits(value):
    assert 0 <= constant_price(value) <= 12 * math.log(10) + 1e-9
    assert constant_price(value) == constant_price(-value)


def test_prices_grow_with_what_there_is_to_write():
    order = [3.0, 0.5, math.pi, 1 / 3, 2 * math.pi / 3, 1.234, 1.23456]
    prices = [constant_price(value) for value in order]
    assert prices == sorted(prices)
    assert prices[0] == 0
    assert constant_price(1 / math.sqrt(2 * math.pi)) < constant_price(0.3989)


@pytest.mark.parametrize("value", [1.06, 0.94])
def test_the_width_brings_in_what_the_data_allow(value):
    assert 1.0 not in simple_values(value)
    assert 1.0 in simple_values(value, 0.1)
