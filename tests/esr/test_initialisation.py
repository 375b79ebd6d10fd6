"""An initialisation makes a model act like the replica it was saved from."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
import torch
from torch import Generator, Tensor

from baselines.dynamics import DynamicsModel, TrajectoryEncoder
from baselines.eql import EQL, RelaxedL0, SmoothedL05
from baselines.relu import ReLUNetwork
from esr.equations import Expression
from esr.errors import ConfigurationError
from esr.expression_model import ExpressionModel
from esr.hopfield.learning import CouplingModel, Wiring
from esr.initialisation import load_initialisation, read_note, save_initialisation
from esr.models import EnergyModel, FunctionModel
from esr.relaxed_program import RelaxedProgram, Slots
from esr.training import Checkpoint

D, N = 2, 11
UNITS = [{"identity": 2, "sin": 1, "mul": 1}, {"identity": 1, "mul": 1}]
L0 = partial(RelaxedL0, initial_open=0.88)
MODELS: dict[str, Callable[..., FunctionModel]] = {
    "eql_l05": partial(EQL, hidden=UNITS, structure=SmoothedL05()),
    "eql_l0": partial(EQL, hidden=UNITS, structure=L0(gate_scale=10.0)),
    "relu": partial(ReLUNetwork, hidden=(5,)),
    "relaxed_program": partial(RelaxedProgram, slots=Slots(count=3, wiring=0.5)),
}


def make(name: str, replicas: int, seed: int, **settings: object) -> FunctionModel:
    generator = Generator().manual_seed(seed)
    model = MODELS[name](
        in_features=D, out_features=1, replicas=replicas, generator=generator, **settings
    )
    return model.double()


def points() -> Tensor:
    return torch.randn(N, D, generator=Generator().manual_seed(9), dtype=torch.float64)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "initialisation.pt"


@pytest.fixture(params=MODELS)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.mark.parametrize("pruned", [False, True])
def test_every_replica_acts_like_the_one_that_was_saved(
    name: str, pruned: bool, file: Path
) -> None:
    source, target, x = make(name, 3, seed=0).eval(), make(name, 4, seed=1).eval(), points()
    if pruned:
        source.prune(0.2)
        target.prune(0.4)  # other pruning than the source's is undone
    save_initialisation(file, source, replica=2)
    load_initialisation(file, target)
    assert torch.equal(target(x), source(x)[2:].expand(4, -1, -1))
    torch.testing.assert_close(target.structure(), source.structure()[2:].expand(4))
    again = make(name, 3, seed=2).eval()
    save_initialisation(file, target, replica=3)
    load_initialisation(file, again)
    assert torch.equal(again(x)[0], source(x)[2])


def test_a_relaxed_choice_draws_the_same_from_the_same_noise(name: str, file: Path) -> None:
    source, target, x = make(name, 3, seed=0).train(), make(name, 3, seed=1).train(), points()
    for model in (source, target):
        save_initialisation(file, source, replica=1)
        load_initialisation(file, model)
    drawn = [m.draw(generator=Generator().manual_seed(5))(x) for m in (source, target)]
    assert torch.equal(drawn[0], drawn[1])


def test_a_saved_state_trains_on_as_it_would_have(name: str, file: Path) -> None:
    """What is pruned stays so, and gradients are the source's."""
    source, target = make(name, 1, seed=0), make(name, 1, seed=1)
    source.prune(0.2)
    save_initialisation(file, source)
    load_initialisation(file, target)
    for model in (source, target):
        model.train().draw(generator=Generator().manual_seed(3))(
            points()
        ).square().sum().backward()
    for one, other in zip(source.parameters(), target.parameters(), strict=True):
        assert one.grad is not None
        assert other.grad is not None
        assert torch.equal(one.grad, other.grad)


def test_pruned_weights_stay_pruned_and_a_repertoire_stays_in_force(file: Path) -> None:
    source = make("eql_l05", 1, seed=0)
    source.prune(0.3)
    target = make("eql_l05", 2, seed=1, repertoires=[[], [["sin"], []]])
    save_initialisation(file, source)
    load_initialisation(file, target)
    for ours, theirs in zip(source.layers, target.layers, strict=True):  # type: ignore[arg-type]
        assert not ours.mask.bool().all()
        assert torch.equal(theirs.mask[0], ours.mask[0])
        assert torch.equal(theirs.mask[1], ours.mask[0] * theirs.allowed[1])
    x = points()
    assert torch.equal(target.eval()(x)[0], source.eval()(x)[0])


def test_an_operator_outside_the_repertoire_leaves_the_slot_its_repertoire(file: Path) -> None:
    source = make("relaxed_program", 1, seed=0, slots=Slots(3, repertoires=[["sin"]]))
    target = make("relaxed_program", 2, seed=1, slots=Slots(3, repertoires=[["mul"], ["sin"]]))
    save_initialisation(file, source)
    load_initialisation(file, target)
    assert isinstance(target, RelaxedProgram)
    allowed, names = target.choices.operators_allowed, [p.base.name for p in target.operators]
    for replica, only in enumerate(["mul", "sin"]):
        assert [n for n, may in zip(names, allowed[replica, 0], strict=True) if may] == [only]
    outputs = target.eval()(points())
    assert outputs.isfinite().all()
    assert torch.equal(outputs[1], source.eval()(points())[0])


@pytest.mark.parametrize("pruned", [False, True])
def test_gates_are_folded_into_a_model_without_them(pruned: bool, file: Path) -> None:
    source, target, x = make("eql_l0", 2, seed=0), make("eql_l05", 3, seed=1), points()
    with torch.no_grad():
        for layer in source.layers:  # type: ignore[attr-defined]
            layer.gate.copy_(torch.randn(layer.gate.shape, generator=Generator().manual_seed(2)))
    if pruned:
        source.prune(0.1)
    save_initialisation(file, source, replica=1)
    load_initialisation(file, target)
    assert torch.equal(target.eval()(x)[2], source.eval()(x)[1])


def test_gates_keep_their_fresh_start_if_the_file_has_none(file: Path) -> None:
    source, target = make("eql_l05", 1, seed=0), make("eql_l0", 2, seed=1)
    fresh = [layer.gate.clone() for layer in target.layers]  # type: ignore[attr-defined]
    save_initialisation(file, source)
    load_initialisation(file, target)
    for ours, theirs, gate in zip(source.layers, target.layers, fresh, strict=True):  # type: ignore[arg-type]
        assert torch.equal(theirs.weight[1], ours.weight[0])
        assert torch.equal(theirs.gate, gate)


def test_gates_mean_the_same_at_another_scale(file: Path) -> None:
    source = make("eql_l0", 1, seed=0)
    target = make("eql_l0", 1, seed=1, structure=L0(gate_scale=1.0))
    save_initialisation(file, source)
    load_initialisation(file, target)
    torch.testing.assert_close(target.eval()(points()), source.eval()(points()))


def test_spread_is_relative_and_spares_the_first_replica(file: Path) -> None:
    source, target = make("relu", 1, seed=0), make("relu", 4000, seed=1)
    with torch.no_grad():
        next(source.parameters())[0, 0, 0] = 0
    save_initialisation(file, source)
    load_initialisation(file, target, spread=0.1, generator=Generator().manual_seed(0))
    for one, many in zip(source.parameters(), target.parameters(), strict=True):
        assert torch.equal(many[0], one[0])
        there = one[0] != 0
        assert not many[:, ~there].any()
        relative = (many[1:] / one)[:, there] - 1
        # 4000 draws: a deviation is known to 1.1%, of which 5 such are allowed; so are means
        torch.testing.assert_close(
            relative.std(0), torch.full_like(one[0][there], 0.1), rtol=0.056, atol=0
        )
        torch.testing.assert_close(
            relative.mean(0), torch.zeros_like(one[0][there]), rtol=0, atol=0.008
        )


def test_the_same_generator_gives_the_same_spread(name: str, file: Path) -> None:
    save_initialisation(file, make(name, 1, seed=0))
    models = [make(name, 3, seed=1) for _ in range(3)]
    for model, seed in zip(models, (4, 4, 5), strict=True):
        load_initialisation(file, model, spread=0.1, generator=Generator().manual_seed(seed))
    x = points()
    outputs = [model.eval()(x) for model in models]
    assert torch.equal(outputs[0], outputs[1])
    assert not torch.equal(outputs[0], outputs[2])


def test_a_reset_replica_starts_from_a_fresh_draw(name: str, file: Path) -> None:
    source, target = make(name, 1, seed=0), make(name, 2, seed=1)
    source.prune(0.2)
    save_initialisation(file, source)
    load_initialisation(file, target)
    which, x = torch.tensor([False, True]), points()
    target.reset_replicas(which, generator=Generator().manual_seed(5))
    fresh = make(name, 2, seed=1)
    fresh.reset_replicas(which, generator=Generator().manual_seed(5))
    assert torch.equal(target.eval()(x)[1], fresh.eval()(x)[1])
    assert torch.equal(target(x)[0], source.eval()(x)[0])


def test_dtype_stays_the_models_own(file: Path) -> None:
    save_initialisation(file, make("eql_l0", 1, seed=0))
    target = make("eql_l0", 2, seed=1).float()
    load_initialisation(file, target, spread=0.1)
    assert {value.dtype for value in target.state_dict().values()} == {torch.float32}


def dynamics(replicas: int, seed: int) -> DynamicsModel:
    generator = Generator().manual_seed(seed)
    cell = EQL(3, 2, hidden=UNITS[:1], replicas=replicas, generator=generator)
    encoder = TrajectoryEncoder(2, 1, replicas, 3, 2, generator=generator)
    return DynamicsModel(encoder, cell, torch.ones(2), 10.0).double()


def test_a_model_made_of_models_is_saved_with_the_scale_of_its_latents(file: Path) -> None:
    source, target = dynamics(2, seed=0), dynamics(2, seed=1)
    observed = torch.randn(5, 6, 2, generator=Generator().manual_seed(2), dtype=torch.float64)
    source.train().encode(observed)  # sets the scale
    save_initialisation(file, source, replica=1)
    load_initialisation(file, target)
    assert torch.equal(target.eval().encode(observed)[0], source.eval().encode(observed)[1])


def test_forbidden_symbols_stay_forbidden(file: Path) -> None:
    wiring = Wiring.separate(2, torch.tensor([[0, 1]]))
    source, target = (
        CouplingModel(wiring, 3, 2, generator=Generator().manual_seed(seed)) for seed in (0, 1)
    )
    source.forbidden_fields[1, 0, 2] = True
    save_initialisation(file, source, replica=1)
    load_initialisation(file, target)
    assert target.forbidden_fields[:, 0].tolist() == [[False, False, True]] * 2
    allowed = torch.tensor([[0, 1], [1, 2]])
    assert torch.equal(
        target.negative_log_likelihood(allowed)[0], source.negative_log_likelihood(allowed)[1]
    )


def test_constants_of_equations_are_saved_and_whole_exponents_are_not(file: Path) -> None:
    source, target = (
        ExpressionModel([Expression.parse(text)], ["x"], 2) for text in ("2.5*x**2", "1.5*x**2")
    )
    save_initialisation(file, source)
    load_initialisation(file, target)
    assert str(target.expressions(["x"])[1][0]) == str(source.expressions(["x"])[0][0])


def test_a_file_is_plain_tensors_with_a_note(file: Path) -> None:
    save_initialisation(file, make("eql_l05", 1, seed=0), note={"from": "meta", "steps": 3})
    content = torch.load(file, weights_only=True)
    assert content["shapes"]["layers.0.weight"] == [5, 3]
    assert content["model"] == "EQL"
    assert read_note(file) == {"from": "meta", "steps": 3}
    assert [path.name for path in file.parent.iterdir()] == [file.name]  # nothing left over


def foreign(file: Path, model: EnergyModel[object]) -> dict[str, Callable[[], object]]:
    def written(**changes: object) -> None:
        save_initialisation(file, model)
        torch.save(torch.load(file, weights_only=True) | changes, file)

    return {
        "is not there": lambda: None,
        "is a folder": file.mkdir,
        "cannot be read .*name a file that": lambda: file.write_text("units: 3"),
        "holds something else": lambda: torch.save([1, 2], file),
        "holds a checkpoint": lambda: Checkpoint(file).save({"step": 1}),
        "of format 1, but is of format 2": lambda: written(format=2),
    }


@pytest.mark.parametrize("place", range(6))
def test_what_is_no_initialisation_is_refused(place: int, file: Path) -> None:
    model = make("eql_l05", 1, seed=0)
    message, spoil = list(foreign(file, model).items())[place]
    spoil()
    for read in (read_note, partial(load_initialisation, model=model)):
        with pytest.raises(ConfigurationError, match=message):
            read(file)


@pytest.mark.parametrize(
    ("source", "target", "message"),
    [
        (
            "eql_l05",
            partial(EQL, 2, 1, hidden=[{"identity": 2, "sin": 1, "mul": 1}, {"sin": 3}]),
            r"'layers.2.weight' must have shape \(1, 4\), but has shape \(1, 3\) .*same units: "
            r".*layers.0.weight \(5, 3\), layers.1.weight \(3, 5\), layers.2.weight \(1, 3\)",
        ),
        (
            "eql_l05",
            partial(EQL, 2, 1, hidden=[UNITS[0]]),
            r"'layers.1.weight' must have shape \(1, 5\), but has shape \(3, 5\)",
        ),
        (
            "relu",
            partial(EQL, 5, 5, hidden=[]),
            r"'layers.0.weight' must have shape \(5, 6\), but has shape \(2, 5\).*ReLUNetwork",
        ),
        (
            "relu",
            partial(ReLUNetwork, 2, 1, hidden=(5, 1)),
            r"'layers.2.weight' must have shape \(1, 1\), but is missing",
        ),
        (
            "relu",
            partial(ReLUNetwork, 2, 5, hidden=()),
            r"the model has no 'layers.1.weight', which has shape \(5, 1\)",
        ),
    ],
)
def test_another_shape_is_refused_and_nothing_changes(
    source: str, target: Callable[[], FunctionModel], message: str, file: Path
) -> None:
    save_initialisation(file, make(source, 2, seed=0))
    model = target()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    with pytest.raises(ConfigurationError, match=message):
        load_initialisation(file, model, spread=0.1)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_what_is_not_finite_is_refused(file: Path) -> None:
    model = make("relu", 2, seed=0)
    with torch.no_grad():
        next(model.parameters())[1, 0, 0] = torch.nan
    with pytest.raises(ConfigurationError, match=r"'layers.0.weight' in replica 1 .* 1 are not"):
        save_initialisation(file, model, replica=1)
    assert not file.exists()
    save_initialisation(file, model, replica=0)
    content = torch.load(file, weights_only=True)
    content["tensors"]["layers.1.bias"][0, 0] = torch.inf
    torch.save(content, file)
    with pytest.raises(ConfigurationError, match=r"'layers.1.bias' in .* must be finite"):
        load_initialisation(file, model)


@pytest.mark.parametrize("spread", [-0.1, float("nan"), float("inf")])
def test_a_spread_is_a_size(spread: float, file: Path) -> None:
    save_initialisation(file, make("relu", 1, seed=0))
    with pytest.raises(ConfigurationError, match="spread must be a finite number of at least 0"):
        load_initialisation(file, make("relu", 1, seed=0), spread=spread)


def test_what_cannot_be_saved_is_refused(file: Path) -> None:
    model = make("relu", 2, seed=0)
    with pytest.raises(ConfigurationError, match="replica must be from 0 to 1, but is 2"):
        save_initialisation(file, model, replica=2)
    with pytest.raises(ConfigurationError, match="there is no folder"):
        save_initialisation(file.parent / "no" / "file.pt", model)
    with pytest.raises(ConfigurationError, match="a note must hold text and numbers"):
        save_initialisation(file, model, note={"list": [1]})  # type: ignore[dict-item]
