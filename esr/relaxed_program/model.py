"""A relaxed program as a symbolic model."""

from collections.abc import Callable, Sequence

from torch import Generator, Tensor

from esr.equations import Expression, Primitive
from esr.errors import ConfigurationError
from esr.models import SymbolicModel
from esr.relaxed_program.choices import Choices, Relaxation
from esr.relaxed_program.constants import Constants
from esr.relaxed_program.couplings import (
    Prices,
    choice_energy,
    operator_biases,
    source_couplings,
)
from esr.relaxed_program.evaluation import run_program
from esr.relaxed_program.layout import Layout, Slots, unlimited
from esr.relaxed_program.reading import Decisions, read_program

__all__ = ["RelaxedProgram"]


class RelaxedProgram(SymbolicModel):
    r"""A small program in which what stands in a slot, and what it is applied to, are choices.

    Slot j applies an operator to operands, each a gain times a source plus an offset; sources
    are the inputs, the constant 1 and the slots before. The outputs are a sparse linear readout
    of all sources. Which operator and which sources are groups of a Potts-Hopfield network with
    :math:`V = \operatorname{softmax}(u)`, and

    .. math:: E = \text{data misfit} - \tfrac12 V^T Q V - b^T V + T \sum V \ln V
              + \text{price of the constants}

    In training mode the choices are relaxed. In evaluation mode each is its strongest option,
    and that program is what `expressions` reads. `prune` settles them for good.

    Arguments:
        in_features: Number of inputs D, at least 1.
        out_features: Number of outputs O, at least 1.
        slots: The slots and their operators.
        prices: What structure costs.
        relaxation: Start and noise of the choices.
        replicas: Number of parallel copies R, at least 1.
        generator: Feeds the initial draw; torch's default generator unless given.
    Raises:
        ConfigurationError: If a size is not positive.
    """

    couplings: Tensor
    biases: Tensor

    def __init__(
        self,
        in_features: int,
        out_features: int,
        slots: Slots | None = None,
        prices: Prices | None = None,
        relaxation: Relaxation | None = None,
        replicas: int = 1,
        generator: Generator | None = None,
    ) -> None:
        sizes = {"in_features": in_features, "out_features": out_features, "replicas": replicas}
        for name, size in sizes.items():
            if size < 1:
                raise ConfigurationError(f"{name} must be at least 1, but is {size}")
        super().__init__(replicas)
        slots = slots if slots is not None else Slots()
        self.prices = prices if prices is not None else Prices()
        self.operators = slots.operators
        self.layout = Layout(in_features, slots.count, len(self.operators))
        self.choices = Choices(
            self.layout,
            slots.allowed(replicas),
            slots.wiring,
            relaxation if relaxation is not None else Relaxation(),
            generator=generator,
        )
        self.constants = Constants(self.layout, out_features, replicas, generator=generator)
        couplings = source_couplings(self.layout, self.operators, self.prices)
        biases = operator_biases(self.layout, self.operators, self.prices)
        like = self.constants.gains
        self.register_buffer("couplings", couplings.to(like))
        self.register_buffer("biases", biases.to(like))

    @property
    def head(self) -> Sequence[str]:
        """The readout's weights."""
        return ("constants.readout",)

    @property
    def decides(self) -> bool:
        """Always: a made choice is another function than a relaxed one."""
        return True

    def draw(self, *, generator: Generator | None = None) -> Callable[[Tensor], Tensor]:
        """The program with its choices relaxed (in training mode) or made."""
        constants = self.constants.acting()
        if self.training:
            relaxed = self.choices.relaxed(noisy=True, generator=generator)
            return lambda inputs: run_program(relaxed, constants, self.operators, inputs)
        made, exact = self.choices.decided(), [unlimited(operator) for operator in self.operators]
        return lambda inputs: run_program(made, constants, exact, inputs, made=True)

    def forward(self, inputs: Tensor) -> Tensor:
        """Outputs `(R, N, O)` for `(N, D)` or `(R, N, D)`.

        Raises:
            ValueError: If the number of features differs from D.
        """
        if inputs.shape[-1] != self.layout.inputs:
            raise ValueError(
                f"RelaxedProgram expects {self.layout.inputs} features in the last dimension, "
                f"but the input has shape {tuple(inputs.shape)}"
            )
        return super().forward(inputs)

    def structure(self) -> Tensor:
        """Energy of the choices without noise, and the price of the constants, `(R,)`.

        A constant is added to the former, so that a choice that is made costs nothing but its
        operator's price and its couplings to others.
        """
        choices = choice_energy(
            self.choices.relaxed().state(), self.couplings, self.biases, self.prices.temperature
        )
        constant = self.prices.indecision * self.layout.groups / 2
        return choices + constant + self.constants.price(self.prices)

    def prune(self, threshold: float, which: Tensor | None = None) -> None:
        """Settle every choice on its strongest option, and drop offsets and readout weights of
        at most `threshold`, for good, in the replicas where `which`, bool `(R,)`, is true, or
        in all."""
        self.choices.decide(which)
        self.constants.prune(threshold, which)

    @property
    def functions(self) -> Sequence[Primitive]:
        """The operators of one argument, without scale; not the identity."""
        bases = (operator.base for operator in self.operators)
        return [
            base for base in dict.fromkeys(bases) if base.arity == 1 and base.name != "identity"
        ]

    def expressions(
        self, variables: Sequence[str], threshold: float = 0.0
    ) -> list[list[Expression]]:
        """The equations of the strongest choices, unsimplified: `result[replica][output]`.

        Arguments:
            variables: Names of the D inputs.
            threshold: Gains, offsets and weights of at most this size are left out.
        Raises:
            ValueError: If the number of names differs from D, or a constant is not finite.
        """
        if len(variables) != self.layout.inputs:
            raise ValueError(
                f"expected {self.layout.inputs} variable names, but got {len(variables)}: "
                f"{list(variables)}"
            )
        made = self.choices.decided()
        constants = [tensor.detach().double().tolist() for tensor in self.constants.acting()]
        rows = zip(
            made.operators.argmax(-1).tolist(),
            made.pointers.argmax(-1).tolist(),
            *constants,
            strict=True,
        )
        return [
            read_program(Decisions(*row), self.operators, variables, threshold) for row in rows
        ]
