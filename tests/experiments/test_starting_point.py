"""`model.init=PATH`: a run whose model starts from a saved initialisation."""

import json
import re
import shutil
from functools import partial
from pathlib import Path

import pytest
import torch
from hydra import compose, initialize_config_dir
from hydra.utils import instantiate
from omegaconf import OmegaConf
from tiny import run, run_folders

from baselines.dynamics import DynamicsModel
from baselines.eql import EQL
from esr.errors import ConfigurationError
from esr.initialisation import save_initialisation
from esr.random import RandomStreams
from experiments.arguments import CONFIGS, UsageError, prepare_arguments
from experiments.starting_point import StartingPoint, starting_point, without_start

UNITS = {"identity": 1, "square": 1, "sin": 1, "mul": 1}
STEPS = [f"schedule.{n}.steps=2" for n in ("warm_up", "ramp", "sparsify", "fine_tune")]
FUNCTION = [
    "+task=function",
    "model=eql_l05",
    "model.hidden=[{identity:1,square:1,sin:1,mul:1},{mul:1}]",
    *STEPS,
    "replicas=2",
    "task.samples=60",  # too many for building up from blocks, which finds the law from any start
    "task.finalists=1",
]


def save_law(folder: Path) -> Path:
    """An initialisation that spells 0.9 x**2 sin(y), all else pruned, in a folder of its own."""
    model = EQL(2, 1, hidden=[UNITS, {"mul": 1}], replicas=1)
    with torch.no_grad():
        first, second, last = (layer.weight.zero_() for layer in model.layers)
        first[0, 1, 0] = first[0, 2, 1] = 1  # square of x, sine of y
        second[0, 0, 1] = second[0, 1, 2] = 1  # their product
        last[0, 0, 0] = 0.9
    model.prune(0.01)
    folder.mkdir()
    save_initialisation(folder / "initialisation.pt", model)
    return folder


def record(folder: Path) -> dict[str, dict[str, float]]:
    content = json.loads((folder / "result.json").read_text())
    assert isinstance(content, dict)
    return content


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run of eight steps that starts from the law in `law`, with a reference."""
    place = tmp_path_factory.mktemp("started")
    save_law(place / "law")
    start = ["model.init=law", "model.init_spread=0.01", "reference=relu"]
    status, _ = run(place, *FUNCTION, *start)
    assert status is None
    (folder,) = run_folders(place)
    return folder


def test_a_law_that_is_spelled_at_the_start_is_found_at_once(started: Path) -> None:
    """The path is relative to where the program was started. A ReLU network could not start
    there, so the reference did not."""
    assert record(started)["metrics"]["recovered"] == 1
    assert (started / "checkpoint-reference.pt").exists()
    state = torch.load(started / "checkpoint.pt", weights_only=True)["state"]["model"]
    assert state["layers.0.mask"].flatten(1).sum(1).tolist() == [2, 2]  # still pruned


@pytest.mark.slow
def test_so_few_steps_find_nothing_from_a_random_start(tmp_path: Path) -> None:
    assert run(tmp_path, *FUNCTION)[0] is None
    assert record(run_folders(tmp_path)[0])["metrics"]["recovered"] == 0


def test_a_run_goes_on_from_its_checkpoint_without_the_file(started: Path) -> None:
    before = record(started)["metrics"]
    place = next(parent for parent in started.parents if (parent / "law").exists())
    (started / "result.json").unlink()
    shutil.rmtree(place / "law")
    assert run(place, f"resume={started}")[0] is None
    assert record(started)["metrics"] == before


def test_the_cell_of_a_larger_model_starts_there(tmp_path: Path) -> None:
    saved = EQL(3, 2, hidden=[UNITS], replicas=1)
    save_initialisation(tmp_path / "cell.pt", saved)
    with initialize_config_dir(str(CONFIGS), version_base="1.3"):
        config = compose("config", overrides=["+task=kinematics", "task.data.trajectories=20"])
    task, streams = instantiate(config.task, _convert_="all"), RandomStreams(0)
    task.prepare(streams, torch.device("cpu"))
    start = StartingPoint(tmp_path / "cell.pt", spread=0.1)
    make = start.apply(partial(EQL, hidden=[UNITS]), streams["initialisation"])
    models = [task.build(factory, 3, RandomStreams(0)) for factory in (make, make)]
    plain = task.build(partial(EQL, hidden=[UNITS]), 3, RandomStreams(0))
    for model in models:
        assert isinstance(model, DynamicsModel)
        assert torch.equal(model.cell.layers[0].weight[0], saved.layers[0].weight[0])
        for ours, usual in zip(
            model.encoder.parameters(), plain.encoder.parameters(), strict=True
        ):
            assert torch.equal(ours, usual)  # the start draws from a stream of its own
    weights = torch.cat([model.cell.layers[0].weight for model in models])
    assert len({tuple(w) for w in weights.flatten(1).tolist()}) == 5  # only the first are alike


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["model.init=no.pt"], "model.init=no.pt: there is no such file; name a file"),
        (["model.init=law", "model.hidden=[{sin:1}]"], "'layers.0.weight' must have shape"),
        (["model.innit=law"], "no setting 'model.innit': did you mean .*'model.init'"),
        (["task.init=law"], "no setting 'task.init'"),
        (["reference=relu", "reference.init=law"], "no setting 'reference.init'"),
    ],
)
def test_a_start_that_cannot_be_is_refused_in_one_line_before_training(
    arguments: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    save_law(tmp_path / "law")
    status, printed = run(tmp_path, *FUNCTION, *arguments)
    complaint = capsys.readouterr().err
    assert status == 2
    assert "training" not in printed
    assert complaint.startswith("error: ")
    assert complaint.count("\n") == 1
    assert re.search(message, complaint), complaint
    assert not run_folders(tmp_path)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"init": "."}, r"there is no such file \(looked for initialisation.pt\)"),
        ({"init": 3}, r"model.init must be the path of a file, but is 3"),
        ({"init": ""}, r"model.init must be the path of a file, but is ''"),
        ({"init_spread": 0.1}, r"model.init_spread=0.1 needs a file .* add model.init=PATH"),
        ({"init": "law", "init_spread": -1}, r"init_spread must be .* at least 0, but is -1"),
        ({"init": "law", "init_spread": "wide"}, r"init_spread must be a number, .* 'wide'"),
    ],
)
def test_a_wrong_setting_is_refused(
    settings: dict[str, object], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_law(tmp_path / "law")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigurationError, match=message):
        starting_point(OmegaConf.create(settings))


@pytest.mark.parametrize("path", ["law", "law/initialisation.pt", "../{}/law", "~/law"])
def test_a_folder_stands_for_its_file(
    path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_law(tmp_path / "law")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    start = starting_point(OmegaConf.create({"init": path.format(tmp_path.name)}))
    assert start is not None
    assert start.file.resolve() == (tmp_path / "law" / "initialisation.pt").resolve()


def test_the_keys_are_settings_of_every_model() -> None:
    given = ["-m", "+task=function", "model=eql_l05,relu", "model.init=a.pt,b.pt"]
    assert prepare_arguments(given)[-1] == "++model.init=a.pt,b.pt"
    with pytest.raises(UsageError, match=r"did you mean .*'model.init_spread'"):
        prepare_arguments(["+task=function", "model.init_spred=0.1"])


def test_the_class_never_sees_the_keys() -> None:
    config = OmegaConf.create({"size": 2, "model": {"hidden": "${size}", "init": "here"}})
    OmegaConf.set_struct(config, True)
    assert without_start(config.model) == {"hidden": 2}
    assert config.model.init == "here"
    assert starting_point(OmegaConf.create({"hidden": 2})) is None
