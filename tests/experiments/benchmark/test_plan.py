import re
from pathlib import Path

import pytest
from stub_estimators import write_configs

from esr.errors import ConfigurationError
from experiments.benchmark.__main__ import main
from experiments.benchmark.arguments import make_plan
from experiments.configurations import CONFIGS


@pytest.fixture
def stubs(tmp_path: Path) -> list[str]:
    return ["--config-dir", str(write_configs(tmp_path / "configs")), "suite=small"]


def test_a_plan_is_the_product_in_order(stubs: list[str]) -> None:
    plan = make_plan([*stubs, "estimators=right,wrong", "seeds=0,2", "noise=0.1", "workers=3"])
    assert [(j.seed, j.problem.name, j.estimator) for j in plan.jobs] == [
        (seed, problem, estimator)
        for seed in (0, 2)
        for problem in ("double", "mixed")
        for estimator in ("right", "wrong")
    ]
    assert (plan.workers, plan.retry, str(plan.folder)) == (3, False, "outputs/benchmark/small")
    assert {job.noise for job in plan.jobs} == {0.1}


def test_settings_of_an_estimator_and_of_the_suite_can_be_set(stubs: list[str]) -> None:
    given = ["estimators=right", "problems=double", "suite.test_samples=9"]
    plain = make_plan([*stubs, *given]).jobs[0]
    other = make_plan([*stubs, *given, "estimator.right.behaviour=wrong"]).jobs[0]
    assert plain.problem.test_samples == 9
    assert other.making["behaviour"] == "wrong"
    assert plain.identity()["settings"] != other.identity()["settings"]
    assert plain.identity() == make_plan([*stubs, *given, "workers=2"]).jobs[0].identity()


def test_our_own_estimator_can_be_made_and_set() -> None:
    words = ["suite=eql_paper", "problems=x", "estimators=eql"]
    (job,) = make_plan(words).jobs
    assert job.making["replicas"] == 20
    deep = ["suite=eql_paper_deep", "estimators=eql", "estimator.eql.model.hidden.layers=3"]
    assert make_plan(deep).jobs[0].making["model"]["hidden"]["layers"] == 3  # type: ignore[index]


@pytest.mark.parametrize("name", [p.stem for p in (CONFIGS / "estimator").glob("*.yaml")])
def test_every_estimator_of_ours_composes_and_says_what_it_lacks(name: str) -> None:
    try:
        (job,) = make_plan(["suite=eql_paper", "problems=x", f"estimators={name}"]).jobs
    except ConfigurationError as error:
        assert "is not installed; install it with" in str(error)  # noqa: PT017
    else:
        assert job.estimator == name


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["estimators=right"],
            "name a suite with suite=NAME, of constants, eql_paper",
        ),
        (
            ["suite=eql_papr"],
            "name estimators with estimators=NAME,NAME, of eql, eql_deep, gplearn",
        ),
        (["suite=eql_papr", "estimators=eql"], "no suite 'eql_papr': did you mean 'eql_paper'"),
        (["suite=eql_paper", "estimators=eqll"], "no estimator 'eqll': did you mean 'eql'"),
        (["suite=eql_paper", "estimators=eql", "problems=xz"], "no problem 'xz': did you mean"),
        (["suite=eql_paper", "estimators=eql", "second=1"], "no setting 'second': .*'seconds'"),
        (
            ["suite=eql_paper", "estimators=eql", "estimator.eql.replica=1"],
            "no setting 'estimator.eql.replica': .*'estimator.eql.replicas'",
        ),
        (["suite=eql_paper", "estimators=eql", "estimator.eql.replicas=0"], "replicas .* 0"),
        (["suite=eql_paper", "estimators=eql", "seconds=0"], "seconds must be above 0"),
        (["suite=eql_paper", "estimators=eql", "seeds=0,-1"], "seeds must be .* but one is -1"),
        (["suite=eql_paper", "estimators=eql", "workers=0"], "workers must be .* but is 0"),
        (["suite=eql_paper", "estimators=eql", "noise=lots"], "noise must be a number"),
        (["suite=eql_paper", "estimators=eql", "suite.samples=1"], "samples must be an integer"),
        (["suite=eql_paper", "estimators=eql", "-m"], "there is no option -m"),
    ],
)
def test_a_mistake_is_one_line_before_any_work(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    assert stopped.value.code == 2
    printed = capsys.readouterr().err
    assert re.search(message, printed), printed
    assert printed.count("\n") == 1


def test_an_estimator_that_is_none_is_refused(tmp_path: Path, stubs: list[str]) -> None:
    file = tmp_path / "configs" / "estimator" / "whole.yaml"
    file.write_text("# x\n_target_: stub_estimators.Stub\nbehaviour: right\nseed: 0\nseconds: 1\n")
    with pytest.raises(ConfigurationError, match="must have `_partial_: true`"):
        make_plan([*stubs, "estimators=whole"])
    file.write_text("# x\n_target_: stub_estimators.Stab\n_partial_: true\n")
    with pytest.raises(ConfigurationError, match="estimator 'whole' cannot be made"):
        make_plan([*stubs, "estimators=whole"])


def test_help_lists_suites_estimators_and_settings(capsys: pytest.CaptureFixture[str]) -> None:
    main(["--help"])
    printed = capsys.readouterr().out
    for words in ("suite=NAME", "eql_paper_deep", "gplearn", "grace:", "retry:"):
        assert words in printed
