import json
from pathlib import Path

import numpy as np
import pytest
import sympy
import torch
from small_engines import Forms, Plane

from esr.equations import Primitive
from esr.errors import DataError
from esr.regressor import SymbolicRegressor

WAVE = Primitive("wave", 1, torch.sin, sympy.sin)
INPUTS = np.random.RandomState(0).uniform(-1, 1, (50, 2))


def test_a_file_gives_back_predictions_tables_and_settings(tmp_path: Path) -> None:
    targets = np.stack((INPUTS.sum(1) + 0.1 * INPUTS[:, 0] ** 2, INPUTS[:, 1]), 1)
    found = SymbolicRegressor(Plane(), primitives=["sin"], random_state=5, max_seconds=7.5)
    found.fit(INPUTS, targets)
    found.save(tmp_path / "found.json")
    again = SymbolicRegressor.load(tmp_path / "found.json")
    np.testing.assert_array_equal(again.predict(INPUTS), found.predict(INPUTS))
    assert again.equations_ == found.equations_
    assert again.get_params()["engine"] == "auto"  # an object is not in a file
    assert again.get_params()["primitives"] == ["sin"]
    assert (again.random_state, again.max_seconds) == (5, 7.5)
    assert again.standard_errors_ == found.standard_errors_
    with pytest.raises(ValueError, match="expecting 2 features"):
        again.predict(INPUTS[:, :1])


def test_primitives_of_ones_own_come_with_loading(tmp_path: Path) -> None:
    found = SymbolicRegressor(Forms("wave(x0)"), primitives=[WAVE, "exp"])
    found.fit(INPUTS, np.sin(INPUTS[:, 0]))
    found.save(tmp_path / "found.json")
    with pytest.raises(DataError, match=r"its equations call wave; give these with primitives="):
        SymbolicRegressor.load(tmp_path / "found.json")
    again = SymbolicRegressor.load(tmp_path / "found.json", primitives=[WAVE])
    np.testing.assert_array_equal(again.predict(INPUTS), np.sin(INPUTS[:, 0]))
    assert again.primitives == ["exp", WAVE]


def saved(folder: Path) -> Path:
    SymbolicRegressor(Plane()).fit(INPUTS, INPUTS[:, 0]).save(folder / "found.json")
    return folder / "found.json"


def test_a_file_that_cannot_be_used_says_why(tmp_path: Path) -> None:
    path = saved(tmp_path)
    content = json.loads(path.read_text())
    with pytest.raises(DataError, match="cannot be read"):
        SymbolicRegressor.load(tmp_path / "absent.json")
    with pytest.raises(DataError, match="there is no folder"):
        SymbolicRegressor.load(path).save(tmp_path / "absent" / "found.json")
    for damage, message in (
        ({"kind": "other"}, "not a file that SymbolicRegressor.save wrote"),
        ({"format": 99}, "format 99, but this version reads 1"),
        ({"outputs": []}, "holds no equations"),
        ({"settings": {"colour": 1}}, "cannot be used: Invalid parameter 'colour'"),
        ({"variables": 3}, "3 is not a list of names"),
    ):
        path.write_text(json.dumps(content | damage))
        with pytest.raises(DataError, match=message):
            SymbolicRegressor.load(path)
    path.write_text(json.dumps(content)[:-20])
    with pytest.raises(DataError, match="not a file that"):
        SymbolicRegressor.load(path)


@pytest.mark.parametrize("text", ["__import__('os')", "x0.__class__", "x0 +", "q"])
def test_text_in_a_file_is_never_executed(tmp_path: Path, text: str) -> None:
    path = saved(tmp_path)
    content = json.loads(path.read_text())
    content["outputs"][0][0]["equation"] = text
    path.write_text(json.dumps(content))
    with pytest.raises(DataError, match="cannot be used"):
        SymbolicRegressor.load(path)
