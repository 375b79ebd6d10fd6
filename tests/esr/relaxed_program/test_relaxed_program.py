import re
from collections.abc import Callable

import pytest
import torch
from torch import Generator, Tensor

from esr.equations import STANDARD
from esr.errors import ConfigurationError
from esr.models import Batch
from esr.relaxed_program import Prices, Relaxation, RelaxedProgram, Slots

D, OUT, R, N = 2, 2, 3, 40


def made(seed: int = 0, **settings: object) -> RelaxedProgram:
    generator = Generator().manual_seed(seed)
    model = RelaxedProgram(D, OUT, replicas=R, generator=generator, **settings)  # type: ignore[arg-type]
    return model.double()


def inputs(seed: int = 9) -> Tensor:
    return 2 * torch.rand(N, D, generator=Generator().manual_seed(seed), dtype=torch.float64) - 1


@torch.no_grad()
def spelled() -> RelaxedProgram:
    """A program whose every replica is 2 y sin(x) + 0.5, and y, in its two outputs."""
    model = made(slots=Slots(2, ("mul", "sin"))).eval()
    choices, constants = model.choices, model.constants
    for tensor in (*choices.parameters(), *constants.parameters()):
        tensor.zero_()
    choices.operators[:, 0, 1] = choices.operators[:, 1, 0] = 3.0
    choices.pointers[:, 0, :, 0] = choices.pointers[:, 1, 0, 1] = 3.0
    choices.pointers[:, 1, 1, 3] = 3.0
    constants.gains.fill_(1.0)
    constants.readout[:, 0, 4], constants.readout[:, 0, 2] = 2.0, 0.5
    constants.readout[:, 1, 1] = 1.0
    return model


def test_a_program_computes_and_spells_what_its_choices_say() -> None:
    model, x = spelled(), inputs()
    law = 2 * x[:, 1] * x[:, 0].sin() + 0.5
    torch.testing.assert_close(model(x)[1, :, 0], law)
    first, second = model.expressions("xy")[2]
    assert str(first) == "2*(y*sin(x)) + 0.5"
    assert str(second) == "y"


def test_settled_choices_compute_the_same_in_training() -> None:
    model, x = spelled(), inputs()
    before = model(x)
    assert not torch.allclose(model.train()(x), before)
    model.prune(0.01)
    torch.testing.assert_close(model.train()(x), before)


@pytest.mark.parametrize("seed", range(5))
def test_the_settled_program_equals_its_expressions(seed: int) -> None:
    operators = ("add", "mul", "square", "sin", "exp", "tanh")
    model, x = made(seed, slots=Slots(5, operators, wiring=0.7)).eval(), inputs(seed)
    columns = dict(zip("xy", x.unbind(1), strict=True))
    outputs = model(x)
    for replica, equations in enumerate(model.expressions("xy")):
        for place, equation in enumerate(equations):
            spelled_out = equation.evaluate(columns)
            # sums in another order: rounding alone, a few hundred units in the last place
            torch.testing.assert_close(
                spelled_out, outputs[replica, :, place], rtol=1e-10, atol=1e-10
            )


def test_an_overflow_in_an_operator_that_was_not_chosen_is_not_noticed() -> None:
    model = made(slots=Slots(1, ("exp", "sin"))).eval()
    with torch.no_grad():
        model.choices.operators.copy_(torch.tensor([0.0, 1.0]))
    assert model(torch.full((4, D), 1e4, dtype=torch.float64)).isfinite().all()


def test_replicas_compute_what_each_would_alone() -> None:
    model, x = made().eval(), inputs()
    outputs = model(x)
    alone = RelaxedProgram(D, OUT, replicas=1).double().eval()
    for replica in range(R):
        state = {
            name: tensor[replica : replica + 1] if tensor.shape[:1] == (R,) else tensor
            for name, tensor in model.state_dict().items()
        }
        alone.load_state_dict(state)
        torch.testing.assert_close(alone(x)[0], outputs[replica])


def test_noise_is_drawn_from_the_generator_and_only_in_training() -> None:
    model, x = made(relaxation=Relaxation(noise=1.0)), inputs()

    def drawn(seed: int) -> Tensor:
        return model.draw(generator=Generator().manual_seed(seed))(x)

    assert torch.equal(drawn(0), drawn(0))
    assert not torch.equal(drawn(0), drawn(1))
    model.eval()
    assert torch.equal(drawn(0), drawn(1))


def test_replicas_take_repertoires_in_turn_and_wiring_at_random() -> None:
    slots = Slots(6, ("mul", "sin", "exp"), repertoires=(("mul", "exp"), ()), wiring=0.4)
    model = made(slots=slots)
    relaxed = model.choices.relaxed()
    for replica, names in enumerate([(True, False, True), (True, True, True)]):
        assert ((relaxed.operators[replica] > 0) == torch.tensor(names)).all()
    wired = relaxed.pointers > 0
    assert wired.any(-1).all()
    assert not torch.equal(wired[0], wired[1])
    share = wired[:, 5].double().mean() * model.layout.sources / model.layout.reach(5)
    assert share.item() == pytest.approx(0.4, abs=0.25)  # 48 draws: three deviations are 0.21
    model.choices.reset_replicas(torch.tensor([True, False, False]))
    again = model.choices.relaxed().pointers > 0
    assert [bool((again[r] == wired[r]).all()) for r in range(R)] == [False, True, True]


def test_initial_deviations_are_taken_in_turn() -> None:
    model = made(relaxation=Relaxation(initial_sd=(0.0, 2.0)))
    silent = [bool((logits == 0).all()) for logits in model.choices.pointers]
    assert silent == [True, False, True]


def test_functions_are_the_operators_of_one_argument_without_their_limit() -> None:
    model = made(slots=Slots(2, ("mul", "exp", "identity", "sin")))
    assert list(model.functions) == [STANDARD["exp"], STANDARD["sin"]]


def test_a_prune_leaves_the_structure_of_a_program_with_few_parts_cheap() -> None:
    model = spelled()
    before = model.structure()
    model.prune(0.01)
    assert (model.structure() < before).all()
    energy = model.energy(Batch(inputs(), torch.zeros(N, OUT, dtype=torch.float64)))
    assert torch.equal(energy.structure, model.structure())


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: Slots(0), ConfigurationError, "at least one slot"),
        (lambda: Slots(primitives=()), ConfigurationError, "and one primitive"),
        (lambda: Slots(primitives=("sn",)), ValueError, "did you mean 'sin'"),
        (lambda: Slots(primitives=("log",)), ConfigurationError, "not defined for every operand"),
        (lambda: Slots(primitives=("sin", "sin")), ConfigurationError, "twice"),
        (lambda: Slots(repertoires=(("sn",),)), ConfigurationError, "did you mean 'sin'"),
        (lambda: Slots(wiring=0.0), ConfigurationError, "wiring must be in"),
        (lambda: Prices(operator=-1.0), ConfigurationError, "'operator' must be at least 0"),
        (lambda: Relaxation(noise=-1.0), ConfigurationError, "at least 0"),
        (lambda: RelaxedProgram(0, 1), ConfigurationError, "in_features must be at least 1"),
        (lambda: made()(torch.zeros(4, 3)), ValueError, "expects 2 features"),
        (lambda: made().expressions("xyz"), ValueError, "expected 2 variable names"),
    ],
)
def test_what_cannot_be_is_refused(
    make: Callable[[], object], error: type[ValueError], message: str
) -> None:
    with pytest.raises(error, match=re.escape(message)):
        make()
