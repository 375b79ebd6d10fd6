import importlib.util

import pytest

from esr.equations import Expression
from esr.regressor import EquationRow, EquationTable


def row(text: str, loss: float, chosen: bool = False) -> EquationRow:
    equation = Expression.parse(text)
    errors = (0.0,) * len(equation.constants)
    return EquationRow(equation.complexity, loss, loss / 2, equation, errors, chosen)


TABLE = EquationTable([row("1", 2.0), row("2.000001*x", 0.5, True), row("x*y + 1", 0.25)])


def test_a_table_is_a_sequence_that_knows_its_best_row() -> None:
    assert len(TABLE) == 3
    assert TABLE[1] is TABLE.best
    assert TABLE.chosen == 1
    assert [entry.complexity for entry in TABLE] == [1, 3, 5]
    assert TABLE[1:] == (TABLE[1], TABLE[2])
    with pytest.raises(ValueError, match="exactly one chosen row, but 0 are"):
        EquationTable([row("1", 2.0)])


def test_a_table_prints_in_columns_with_the_chosen_row_marked() -> None:
    lines = repr(TABLE).splitlines()
    assert len(lines) == 4
    assert lines[2].startswith(">")
    assert lines[2].endswith("2*x")
    assert lines[0].index("equation") == lines[2].index("2*x")
    html = TABLE._repr_html_()
    assert html.count("<tr>") == 4
    assert "<th>2*x</th>" in html
    assert "<td>1</td>" in html


def test_text_in_html_is_escaped() -> None:
    names = EquationTable([row("1", 2.0, True)])
    assert "&gt;" not in names._repr_html_()
    assert "<script" not in names._repr_html_()


def test_columns_by_name_read_back() -> None:
    columns = TABLE.to_dict()
    assert columns["chosen"] == [False, True, False]
    assert columns["loss"] == [2.0, 0.5, 0.25]
    assert [Expression.parse(str(text)) for text in columns["equation"]] == [
        entry.equation for entry in TABLE
    ]


def test_a_frame_has_the_same_columns() -> None:
    pandas = pytest.importorskip("pandas")
    frame = TABLE.to_pandas()
    assert isinstance(frame, pandas.DataFrame)
    assert frame.to_dict(orient="list") == TABLE.to_dict()


@pytest.mark.skipif(importlib.util.find_spec("pandas") is not None, reason="pandas is installed")
def test_without_pandas_it_says_what_to_do() -> None:
    with pytest.raises(ModuleNotFoundError, match="pip install pandas"):
        TABLE.to_pandas()
