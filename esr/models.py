"""Contracts of everything that can be trained: an energy, a function, a symbolic function.

Replicas are parallel copies of one model inside one tensor program. Every parameter of a model
leads with the replica dimension R, and no replica's energy depends on another's parameters, so
the gradients of the summed energy are each replica's own.
"""

import copy
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Generic, NamedTuple, Self, TypeVar

import torch
from torch import Generator, Tensor, nn

from esr.equations import Expression, Primitive

BatchT = TypeVar("BatchT")

__all__ = [
    "Batch",
    "BatchT",
    "Energy",
    "EnergyModel",
    "FunctionModel",
    "ReplicaModule",
    "Replicated",
    "SymbolicModel",
]


@dataclass(frozen=True)
class Energy:
    """What training lowers, for each replica: E = data misfit + structure.

    Arguments:
        data: Data misfit, shape `(R,)`, in units of the squared target.
        structure: Price of the model's structure, shape `(R,)`, same unit.
    """

    data: Tensor
    structure: Tensor

    def per_replica(self, structure_scale: float | Tensor = 1.0) -> Tensor:
        """Each replica's energy with the structure term scaled, by one factor or by those of
        the replicas, `(R,)`."""
        if not isinstance(structure_scale, Tensor):
            if structure_scale == 0:
                return self.data
            if structure_scale == 1:
                return self.data + self.structure
        return self.data + structure_scale * self.structure

    def total(self, structure_scale: float = 1.0) -> Tensor:
        """The sum over replicas, `()`: its gradient is every replica's own."""
        return self.per_replica(structure_scale).sum()


class Batch(NamedTuple):
    """Inputs and targets of a supervised problem.

    Arguments:
        inputs: Shape `(N, D)`, or `(R, N, D)` with own inputs for each replica.
        targets: Shape `(N, O)` or `(R, N, O)`.
    """

    inputs: Tensor
    targets: Tensor


class Replicated(nn.Module):
    """A module that says which of its tensors belong to its replicas, to be copied elsewhere.

    Those are the parameters, and the buffers that pruning, a draw or training changes, such as a
    pruning mask. Buffers that hold settings, such as what may be used at all, are not among them.
    """

    may_lack: ClassVar[frozenset[str]] = frozenset()
    """Names that a state may lack although this module gives them, or hold although it does
    not."""

    def replica_state(self) -> dict[str, Tensor]:
        """What belongs to the replicas, each `(R, *)`, without that of modules inside; by default
        the module's own parameters."""
        return dict(self.named_parameters(recurse=False))

    @torch.no_grad()
    def load_replica_state(self, state: Mapping[str, Tensor]) -> None:
        """Take over what another module's `replica_state` gave, in place; what this module's own
        settings forbid stays forbidden.

        Arguments:
            state: Each `(R, *)` of this module's shapes; may lack what `may_lack` names.
        """
        for name, own in self.replica_state().items():
            own.copy_(state[name])


class ReplicaModule(Replicated, ABC):
    """A module that owns parameters with a leading replica dimension and can draw them anew."""

    @abstractmethod
    def reset_replicas(self, which: Tensor, *, generator: Generator | None = None) -> None:
        """Draw fresh parameters for the replicas where `which`, bool `(R,)`, is true."""

    def repeat_replicas_(self, copies: int) -> None:
        """Have each replica stand `copies` times, side by side; what else depends on the number
        of replicas than the module's own tensors, a subclass adjusts."""
        _repeat_tensors_(self, copies, buffers=True)


class EnergyModel(Replicated, ABC, Generic[BatchT]):
    """A model with an energy on batches of one type. It neither trains, prints nor saves itself.

    Arguments:
        replicas: Number of parallel copies R, at least 1.
    """

    def __init__(self, replicas: int) -> None:
        super().__init__()
        self.replicas = replicas

    @abstractmethod
    def energy(self, batch: BatchT, *, generator: Generator | None = None) -> Energy:
        """The energy of each replica on a batch; `generator` feeds relaxed choices."""

    def reset_replicas(self, which: Tensor, *, generator: Generator | None = None) -> None:
        """Start the replicas where `which`, bool `(R,)`, is true from fresh parameters."""
        with torch.no_grad():
            for module in self.modules():
                if isinstance(module, ReplicaModule):
                    module.reset_replicas(which, generator=generator)

    def prune(self, threshold: float, which: Tensor | None = None) -> None:
        """Drop, for good, what contributes no more than `threshold`, in the replicas where
        `which`, bool `(R,)`, is true, or in all; by default nothing."""

    def tallies(self) -> Mapping[str, Tensor]:
        """Counts a model keeps of what happened in training, name to numbers `(R,)`, such as how
        often a clip acted; none by default. A checkpoint keeps those that are buffers."""
        return {}


class FunctionModel(EnergyModel[Batch]):
    """A model of y = f(x): a network, an equation learner, a relaxed program."""

    @property
    def head(self) -> Sequence[str]:
        """Names of the parameters of the last layer, in which outputs are linear; none unless a
        model says otherwise."""
        return ()

    @property
    def decides(self) -> bool:
        """Whether evaluation mode settles choices that training mode has relaxed, so that it is
        another function and not the same without noise; what gradient steps achieve is then seen
        in training mode."""
        return False

    def repeated(self, copies: int) -> Self:
        """A model of R times `copies` replicas: copy k of replica r is replica r * copies + k.

        Arguments:
            copies: How often each replica stands, at least 1.
        """
        larger = copy.deepcopy(self)
        for module in larger.modules():
            if isinstance(module, (ReplicaModule, FunctionModel)):
                module.repeat_replicas_(copies)
        return larger

    def repeat_replicas_(self, copies: int) -> None:
        """Have each replica of the model's own parameters stand `copies` times; for `repeated`,
        which sees to the modules inside. A model whose own buffers lead with R repeats them too.
        """
        self.replicas *= copies
        _repeat_tensors_(self, copies, buffers=False)

    @abstractmethod
    def draw(self, *, generator: Generator | None = None) -> Callable[[Tensor], Tensor]:
        """One draw of the relaxed choices, as the function it stands for.

        Arguments:
            generator: Feeds the draw while training; in evaluation mode nothing is drawn.
        Returns:
            A function from `(N, D)` or `(R, N, D)` to `(R, N, O)`, to be used before the next
            change of the parameters. A recurrent user calls it many times with one draw.
        """

    def forward(self, inputs: Tensor) -> Tensor:
        """Predictions `(R, N, O)` for inputs `(N, D)` or `(R, N, D)`."""
        return self.draw()(inputs)

    def structure(self) -> Tensor:
        """Price of the present structure, `(R,)`; zero unless a model says otherwise."""
        first = next(self.parameters())
        return first.new_zeros(self.replicas)

    def energy(self, batch: Batch, *, generator: Generator | None = None) -> Energy:
        """Mean squared error over samples and outputs, plus the structure."""
        residuals = self.draw(generator=generator)(batch.inputs) - batch.targets
        return Energy(residuals.square().mean((1, 2)), self.structure())


class SymbolicModel(FunctionModel):
    """A function model that can be read as equations."""

    @property
    def functions(self) -> Sequence[Primitive]:
        """Primitives of one argument that may take each other's place in a reading; none unless
        a model says otherwise."""
        return ()

    @abstractmethod
    def expressions(
        self, variables: Sequence[str], threshold: float = 0.0
    ) -> list[list[Expression]]:
        """The equation of each output of each replica: `result[replica][output]`.

        Arguments:
            variables: Names of the D inputs.
            threshold: Choices of at most this size are left out of the text.
        """


@torch.no_grad()
def _repeat_tensors_(module: nn.Module, copies: int, *, buffers: bool) -> None:
    """Repeat each replica of a module's own parameters, and of its buffers if asked."""
    for name, parameter in module.named_parameters(recurse=False):
        repeated = parameter.repeat_interleave(copies, 0)
        setattr(module, name, nn.Parameter(repeated, parameter.requires_grad))
    if buffers:
        for name, buffer in module.named_buffers(recurse=False):
            setattr(module, name, buffer.repeat_interleave(copies, 0))
