import re
from pathlib import Path

import pytest
import torch

from esr.equations import Expression, fit_constants
from esr.errors import ConfigurationError, DataError
from experiments.csv_file import DATA, find_file, read_table


def written(folder: Path, text: str) -> Path:
    path = folder / "data.csv"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("text", "separator"),
    [
        ("# measured\nx [m],max speed (m/s)\n\n1,2\n# later\n3,4e0\n", None),
        ("\ufeffx [m];max speed (m/s)\n1; 2\n 3;4\n", None),
        ("x [m]\tmax speed (m/s)\n1\t2\n3\t4\n", "\t"),
        ('"x [m]","max speed (m/s)"\n"1","2"\n3,4\n', ","),
    ],
)
def test_tables_are_read_as_people_write_them(
    tmp_path: Path, text: str, separator: str | None
) -> None:
    table = read_table(written(tmp_path, text), separator=separator)
    assert (table.variables, table.target) == (("x",), "max_speed")
    assert table.inputs.tolist() == [[1], [3]]
    assert table.targets.tolist() == [2, 4]
    assert table.units == {"x": "m", "max_speed": "m/s"}
    assert table.notes == ()


def test_columns_may_be_chosen_and_those_of_text_are_left_out(tmp_path: Path) -> None:
    path = written(tmp_path, "name,a,b,note,c\nu,1,2,,3\nv,4,5,x,6\n")
    table = read_table(path)
    assert (table.variables, table.target) == (("a", "b"), "c")
    assert table.notes == ("columns left out, being no numbers: name, note",)
    table = read_table(path, "a", ["c"])
    assert (table.inputs.tolist(), table.targets.tolist()) == ([[3], [6]], [1, 4])
    spaced = written(tmp_path, "a  b\n 1   2\n3 4 \n")
    assert read_table(spaced).inputs.tolist() == [[1], [3]]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x,y\n", "needs a line with the names of the columns, and rows below"),
        ("1,2\n3,4\n", "the first line must name the columns, but has the number 1"),
        ("x\n1\n2\n", "has only the column 'x'"),
        ("x,x,y\n1,2,3\n", "two columns named 'x'"),
        ("x,--,y\n1,2,3\n", "the heading of column 2 has no letter"),
        ("x,y\n1,2\n3\n", "line 3 has 1 cells, but the first line names 2"),
        ("x,y\n1,2\n3,four\n", "line 3, column 'y' has 'four'"),
        ("x,y\n1,2\n3,inf\n", "line 3, column 'y' has 'inf'"),
        ("x;y\n1;2\n3,5;4\n", "line 3, column 'x' has '3,5'; write decimals with a point"),
        ("x,y\n1,2\n,3\nNA,4\n5,6\n", "2 rows with a missing cell: line 3, column 'x', line 4"),
        ("x,y\na,b\nc,d\n", "needs inputs among the other columns"),
    ],
)
def test_a_bad_file_is_told_by_its_line(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(DataError, match=re.escape(message)):
        read_table(written(tmp_path, text))


def test_what_the_user_names_must_be_there(tmp_path: Path) -> None:
    path = written(tmp_path, "time,speed\n1,2\n3,4\n")
    with pytest.raises(DataError, match="no column 'sped': did you mean 'speed'"):
        read_table(path, "sped")
    with pytest.raises(DataError, match="no column 'tim': did you mean 'time'"):
        read_table(path, "speed", ["tim"])
    with pytest.raises(DataError, match="each named once, but they are"):
        read_table(path, "speed", ["time", "speed"])
    with pytest.raises(ConfigurationError, match="must be one character"):
        read_table(path, separator="::")
    with pytest.raises(DataError, match=r"no file 'keplr'.*did you mean 'kepler'"):
        find_file("keplr")
    (tmp_path / "binary.csv").write_bytes(b"x,y\n\xff\xfe,1\n")
    with pytest.raises(DataError, match="cannot be read as text in UTF-8"):
        read_table(tmp_path / "binary.csv")


def test_rows_with_a_missing_cell_are_left_out_on_request(tmp_path: Path) -> None:
    path = written(tmp_path, "x,y\n1,2\n,3\nNaN,4\n5,6\n")
    table = read_table(path, drop=True)
    assert table.inputs.tolist() == [[1], [5]]
    assert table.notes == ("rows left out for a missing cell: 2",)


def test_the_laws_hold_in_the_data_of_the_package() -> None:
    assert {path.stem for path in DATA.glob("*.csv")} == {"kepler", "planck"}
    table = read_table(find_file("kepler"))
    assert (table.variables, table.target, len(table.targets)) == (("a",), "T", 9)
    ratio = table.targets / table.inputs[:, 0] ** 1.5
    torch.testing.assert_close(ratio, torch.full_like(ratio, 365.25), rtol=1e-3, atol=0)
    table = read_table(find_file("planck"))
    x, target = table.inputs[:, 0], table.targets
    law = Expression.parse("40*x**3/(exp(0.5*x) - 1)")
    height, _, slope, _ = fit_constants(law, {"x": x}, target).expression.constants
    assert height == pytest.approx(39.729, rel=1e-3)  # 2 h c
    assert slope == pytest.approx(0.52799, rel=1e-3)  # h c / (k 2.725 K)
