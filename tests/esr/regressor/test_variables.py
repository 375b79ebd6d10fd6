import torch
from hypothesis import given
from hypothesis import strategies as st

from esr.equations.names import is_name
from esr.regressor.variables import usable_columns, variable_names


def test_names_of_columns_become_variables() -> None:
    columns = ["x", "length (cm)", "2nd", "length_cm", "", "x"]
    assert variable_names(columns) == ("x", "length_cm_2", "x_2nd", "length_cm", "x_2", "x_3")


@given(st.lists(st.text("xy2²_ (é", max_size=4), max_size=5))
def test_variables_are_distinct_identifiers(columns: list[str]) -> None:
    names = variable_names(columns)
    assert len(set(names)) == len(columns)
    assert all(map(is_name, names))
    fitting = [c for c in columns if is_name(c) and columns.count(c) == 1]
    assert set(fitting) <= set(names)


def test_constant_and_equal_columns_are_left_out() -> None:
    x = torch.tensor([1.0, 2.0, 4.0, 3.0])
    inputs = torch.stack((x, torch.ones(4), x, x.flip(0), torch.tensor([1.0, 4.0, 2.0, 3.0])), 1)
    kept, notes = usable_columns(inputs, ["a", "b", "c", "d", "e"])
    assert kept == [0, 3, 4]
    assert notes == [
        "column 'b' is constant and is not searched",
        "column 'c' equals 'a' and is not searched",
    ]
