"""Imports only point down: the house as docs/architecture.md draws it, read from the source."""

import ast
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

# Each entry may import itself and the entries above it, except where FORBIDDEN says otherwise.
LAYERS = [
    "esr.errors",
    "esr.atomic_file",
    "esr.random",
    "esr.equations",
    "esr.closed_gradient",
    "esr.optim",
    "esr.relaxation",
    "esr.associative",
    "esr.structure",
    "esr.metrics",
    "esr.models",
    "esr.problem",
    "esr.initialisation",
    "esr.expression_model",
    "esr.spelling",
    "esr.loss_bias",
    "esr.relaxed_program",
    "esr.finishing",
    "esr.training",
    "esr.meta",
    "esr.hopfield",
    "esr.rules",
    "esr.search",
    "esr.regressor",
    "esr",
    "baselines.linear",
    "baselines.relu",
    "baselines.eql",
    "baselines.dynamics",
    "baselines.peers",
    "baselines.digits",
    "baselines.languages",
    "baselines.population",
    "baselines.corpus",
    "baselines.refinement",
    "baselines.reader",
    "baselines",
    "experiments",
]
FORBIDDEN = {
    ("baselines.dynamics", "baselines.eql"),
    ("baselines.eql", "baselines.relu"),
    ("baselines.digits", "baselines.eql"),
    ("baselines.digits", "baselines.relu"),
    ("baselines.digits", "baselines.dynamics"),
}
ONLY_IN_EXPERIMENTS = {"hydra", "omegaconf", "tensorboard", "matplotlib", "rich"}
ALLOWED_IN = {"sklearn": {"esr.regressor", "experiments"}}


def layer_of(module: str) -> str:
    matches = [layer for layer in LAYERS if module == layer or module.startswith(layer + ".")]
    return max(matches, key=len)


@cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


@cache
def imports_of(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            assert node.module is not None
            found.add(node.module)
    return found


def sources() -> list[Path]:
    return sorted(
        path
        for package in ("esr", "baselines", "experiments")
        for path in (ROOT / package).rglob("*.py")
    )


FOLDERS = sorted({path.parent for path in sources()})


def module_name(path: Path) -> str:
    name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
    return name.removesuffix(".__init__")


@pytest.mark.parametrize("folder", FOLDERS, ids=module_name)
def test_imports_point_down(folder: Path) -> None:
    for path in folder.glob("*.py"):
        here = layer_of(module_name(path))
        for imported in imports_of(path):
            top = imported.partition(".")[0]
            if top in ONLY_IN_EXPERIMENTS:
                assert here == "experiments", f"{path} imports {imported}"
            assert here in ALLOWED_IN.get(top, {here}), f"{path} imports {imported}"
            if top in ("esr", "baselines", "experiments"):
                there = layer_of(imported)
                assert LAYERS.index(there) <= LAYERS.index(here), f"{path} imports {imported}"
                assert (here, there) not in FORBIDDEN, f"{path} imports {imported}"


def test_esr_imports_no_baseline() -> None:
    for path in (ROOT / "esr").rglob("*.py"):
        assert not any(
            name.partition(".")[0] in ("baselines", "experiments") for name in imports_of(path)
        ), path


@pytest.mark.parametrize("folder", FOLDERS, ids=module_name)
def test_modules_have_one_subject_each(folder: Path) -> None:
    for path in folder.glob("*.py"):
        lines = path.read_text(encoding="utf-8").splitlines()
        assert len(lines) <= 400, f"{path}: split at 400 lines"
        assert ast.get_docstring(parsed(path)), f"{path}: says in its docstring what it is for"
        assert path.stem not in {"utils", "helpers", "misc", "common"}, path
