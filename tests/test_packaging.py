"""A built wheel works from any folder; needs the build backend from the package index."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


def call(folder: Path, *command: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *command],
        cwd=folder,
        env=os.environ | variables,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


@pytest.mark.packaging
def test_a_wheel_carries_packages_and_configs(tmp_path: Path) -> None:
    built = call(tmp_path, "-m", "pip", "wheel", "--no-deps", "-w", str(tmp_path), str(ROOT))
    assert built.returncode == 0, built.stderr
    (wheel,) = tmp_path.glob("esr-*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    tops = {name.partition("/")[0] for name in names}
    assert {t for t in tops if not t.endswith(".dist-info")} == {"esr", "baselines", "experiments"}
    target = tmp_path / "installed"
    installed = call(
        tmp_path, "-m", "pip", "install", "--no-deps", "--target", str(target), str(wheel)
    )
    assert installed.returncode == 0, installed.stderr
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    program = "import esr, baselines.eql, experiments; print(esr.__file__, experiments.__file__)"
    found = call(elsewhere, "-c", program, PYTHONPATH=str(target))
    assert found.stdout.count(str(target)) == 2, found.stdout + found.stderr
    program = "from esr.regressor import installed_engines; print(sorted(installed_engines()))"
    engines = call(elsewhere, "-c", program, PYTHONPATH=str(target))
    assert engines.stdout.strip() == "['eql', 'hopfield']", engines.stderr
    listed = call(elsewhere, "-m", "experiments.run", PYTHONPATH=str(target))
    assert listed.returncode == 2
    assert "Discover the equations of motion" in listed.stderr
    helped = call(elsewhere, "-m", "experiments.run", "--help", PYTHONPATH=str(target))
    assert helped.returncode == 0, helped.stderr
    assert "eql_l05" in helped.stdout
    assert "experiments/tasks/sudokus.txt" in names
    sampled = call(
        elsewhere, "-m", "experiments.rules", "infix", "--sample", "2", PYTHONPATH=str(target)
    )
    assert sampled.returncode == 0, sampled.stderr  # the grammar and the standard rules came along
