from pathlib import Path

import pytest

from experiments.arguments import UsageError, prepare_arguments


def test_known_arguments_pass_as_they_are() -> None:
    given = ["-m", "+task=kinematics", "model=eql_l0,relu", "task.data.noise=0.1", "seed=0,1"]
    assert prepare_arguments(given) == given


def test_the_plus_before_task_may_be_forgotten() -> None:
    assert prepare_arguments(["task=kinematics"]) == ["+task=kinematics"]


@pytest.mark.parametrize(
    "setting", ["model.initial_sd=0.5", "task.tolerance=0.02", "trainer.report_every=5"]
)
def test_every_constructor_argument_is_a_setting(setting: str) -> None:
    prepared = prepare_arguments(["+task=kinematics", setting])
    assert prepared[1].lstrip("+") == setting


def test_an_addition_must_suit_its_class() -> None:
    with pytest.raises(UsageError, match=r"no setting 'model.initial_sdd': .*initial_sd"):
        prepare_arguments(["+task=kinematics", "+model.initial_sdd=0.5"])
    assert prepare_arguments(["+task=kinematics", "+note=mine"])[1] == "+note=mine"


def test_a_key_must_suit_every_model_of_a_sweep() -> None:
    with pytest.raises(UsageError, match=r"no setting 'model.structure.strength'"):
        prepare_arguments(
            ["-m", "+task=kinematics", "model=eql_l05,relu", "model.structure.strength=0.1"]
        )


def test_each_choice_of_a_sweep_is_checked() -> None:
    with pytest.raises(UsageError, match="no model 'rellu': did you mean 'relu'"):
        prepare_arguments(["-m", "+task=kinematics", "model=eql_l0,rellu"])


@pytest.mark.parametrize("setting", ["task.ranges.x=[0,1]", "task.ranges={x: [0, 1]}"])
def test_a_mapping_that_is_left_empty_may_be_filled(setting: str) -> None:
    prepared = prepare_arguments(["+task=function", setting, f"+{setting}"])
    assert prepared[1:] == [f"++{setting}"] * 2
    with pytest.raises(UsageError, match=r"no setting 'task.range.x'"):
        prepare_arguments(["+task=function", "task.range.x=[0,1]"])


def test_what_cannot_be_parsed_is_refused() -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        prepare_arguments(["+task=kinematics", "seed"])


@pytest.mark.parametrize("flag", ["--help", "--hydra-help", "--version"])
def test_help_needs_no_task(flag: str) -> None:
    assert prepare_arguments([flag]) == [flag]


def test_a_users_own_configs_are_found(tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "mine.yaml").write_text("_target_: my.Model\n_partial_: true\n")
    given = ["--config-dir", str(tmp_path), "+task=kinematics", "model=mine"]
    assert prepare_arguments(given) == given
    with pytest.raises(UsageError, match="there is no such folder"):
        prepare_arguments(["--config-dir", str(tmp_path / "no"), "+task=kinematics"])


def test_resuming_takes_the_settings_of_the_run(tmp_path: Path) -> None:
    folder = tmp_path / "a 'quoted' run"
    (folder / ".hydra").mkdir(parents=True)
    (folder / ".hydra" / "overrides.yaml").write_text("- +task=kinematics\n- seed=3\n")
    prepared = prepare_arguments([f"resume={folder}"])
    assert prepared[:2] == ["+task=kinematics", "seed=3"]
    assert prepared[2].startswith("hydra.run.dir='")
    with pytest.raises(UsageError, match="stands alone; leave out seed=4"):
        prepare_arguments([f"resume={folder}", "seed=4"])


@pytest.mark.parametrize("formula", ["x**2*sin(y)", "exp(-x**2)", "(x + y*z)**3", "2*pi*x"])
def test_a_formula_needs_no_quotes(formula: str) -> None:
    prepared = prepare_arguments(["+task=function", f"task.expression={formula}"])
    key, _, value = prepared[1].partition("=")
    assert key == "task.expression"
    assert value.strip("'") == formula


def test_groups_of_the_benchmark_are_no_settings_of_a_run() -> None:
    with pytest.raises(UsageError, match="there is no setting 'suite'"):
        prepare_arguments(["+task=function", "suite=eql_paper"])


def test_formulas_are_swept_between_the_commas_outside_brackets() -> None:
    arguments = ["-m", "+task=function", "task.expression=x,max(x,y),1/(1+exp(-x))"]
    swept = prepare_arguments(arguments)[-1]
    assert swept == "task.expression='x','max(x,y)','1/(1+exp(-x))'"
