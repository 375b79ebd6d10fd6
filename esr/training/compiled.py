"""A training step as one compiled program: the step the trainer takes without it, faster."""

from collections.abc import Hashable, Sequence
from typing import Generic

import torch
from torch import Generator, Tensor, nn
from torch.func import functional_call
from torch.optim import Optimizer
from torch.utils._pytree import tree_flatten, tree_unflatten

from esr.errors import ConfigurationError
from esr.models import BatchT, Energy, EnergyModel
from esr.training.objective import Objective
from esr.training.program import Compiler, Program
from esr.training.rates import OptimizerFactory, require_proportional, set_rate
from esr.training.replicas import limit_gradients
from esr.training.session import Session

__all__ = ["CompiledStep"]

State = dict[str, Tensor]


class CompiledStep(Generic[BatchT]):
    """Takes a session's steps after its first: energy, gradient, clipping, optimizer at once.

    One program for each shape of batch, made when it is first met, works in place on the tensors
    of the session. The energy must depend on parameters, buffers, batch and generator alone, by
    operations that the numbers in them do not select, and the model must prune and re-initialise
    in place.

    Arguments:
        session: One whose first step, done without this, made the optimizer's state.
        make_optimizer: As the session's; what it changes in a step must be proportional to the
            learning rate.
        objective: What a step lowers.
        clip_norm: Largest norm of one replica's gradient, or of each one's, `(R,)`.
        compiler: Compiles the step.
    Raises:
        ConfigurationError: If the optimizer is not of that kind or keeps other state than tensors.
    """

    def __init__(
        self,
        session: Session[BatchT],
        make_optimizer: OptimizerFactory,
        objective: Objective,
        clip_norm: float | Tensor,
        compiler: Compiler,
    ) -> None:
        require_proportional(
            make_optimizer, "be compiled", "train without a compiler or with another optimizer"
        )
        self.make_optimizer, self.compiler = make_optimizer, compiler
        self.energies = _Energies(session.model, objective)
        self.generator = session.streams["gates"]
        named = dict(self.energies.named_parameters()) | dict(self.energies.named_buffers())
        moved = {id(p) for p in session.parameters if p.grad is not None}
        self.names = list(named)
        self.moved = [name for name, tensor in named.items() if id(tensor) in moved]
        states = [_checked(session.optimizer, named[name]) for name in self.moved]
        tensors = {name: tensor.detach() for name, tensor in named.items()}
        device = session.active.device
        limit = torch.as_tensor(clip_norm, dtype=session.parameters[0].dtype, device=device)
        self._lasting, self._form = tree_flatten(
            (tensors, states, limit, session.active, session.healthy, session.clipped)
        )
        self._programs: dict[Hashable, Program] = {}

    def __call__(
        self, batch: BatchT, learning_rate: float | Tensor, structure_scale: float | Tensor
    ) -> Energy:
        """One step; returns the energies before it.

        Arguments:
            batch: Tensors, in tuples, lists or dictionaries.
            learning_rate: A number, or one for each replica, `(R,)`.
            structure_scale: Factor on the structure term, likewise.
        """
        leaves, form = tree_flatten(batch)
        like = self._lasting[0]
        factors = [
            torch.as_tensor(number, dtype=like.dtype, device=like.device)
            for number in (learning_rate, structure_scale)
        ]
        # a compiled program is for the strides of its examples, which are copies; copies of parts
        # of tensors are contiguous, so what is passed must be as well
        dense = (leaf.contiguous() for leaf in leaves if isinstance(leaf, Tensor))
        passing = [*factors, *dense]
        fixed = tuple(None if isinstance(leaf, Tensor) else leaf for leaf in leaves)
        key = (form, fixed, *((t.shape, t.stride(), t.dtype) for t in passing))

        def step(*tensors: Tensor) -> tuple[Tensor, Tensor]:
            count = len(self._lasting)
            rate, scale, *rest = tensors[count:]
            given = iter(rest)
            filled = [next(given) if isinstance(x, Tensor) else x for x in leaves]
            return self._step(tensors[:count], tree_unflatten(filled, form), rate, scale)

        if key not in self._programs:
            state = self.generator.get_state()
            examples = [tensor.detach().clone() for tensor in (*self._lasting, *passing)]
            self._programs[key] = Program(step, examples, self.compiler)
            self.generator.set_state(state)
        data, structure = self._programs[key](*self._lasting, *passing)
        return Energy(data, structure)

    def _step(
        self, lasting: Sequence[Tensor], batch: BatchT, rate: Tensor, scale: Tensor
    ) -> tuple[Tensor, Tensor]:
        """The step as it is traced, on stand-ins of the session's tensors."""
        tensors, states, limit, active, healthy, clipped = tree_unflatten(lasting, self._form)
        with torch.enable_grad():
            leaves = [tensors[name].detach().requires_grad_() for name in self.moved]
            present = tensors | dict(zip(self.moved, leaves, strict=True))
            data, structure = functional_call(self.energies, present, (batch, self.generator))
            per_replica = data + scale * structure  # (R,)
            found = torch.autograd.grad(per_replica.sum(), leaves)
        gradients = [gradient.clone() for gradient in found]
        well, limited = limit_gradients(gradients, per_replica, active, limit)
        healthy.logical_and_(well)
        clipped.add_(limited)
        self._update([tensors[name] for name in self.moved], gradients, states, rate)
        return data.detach(), structure.detach()

    @torch.no_grad()
    def _update(
        self,
        tensors: Sequence[Tensor],
        gradients: Sequence[Tensor],
        states: Sequence[State],
        rate: Tensor,
    ) -> None:
        """An optimizer of the session's kind takes a step of rate one, scaled afterwards."""
        stand_ins = [tensor.clone() for tensor in tensors]
        optimizer = self.make_optimizer(stand_ins)  # type: ignore[arg-type]
        _set_unit_rate(optimizer)
        for stand_in, gradient, state in zip(stand_ins, gradients, states, strict=True):
            stand_in.grad = gradient
            optimizer.state[stand_in] = {
                name: value.double() if value.dim() == 0 else value  # a count of steps, kept exact
                for name, value in state.items()
            }
        optimizer.step()
        for tensor, stand_in, state in zip(tensors, stand_ins, states, strict=True):
            tensor.add_((stand_in - tensor) * rate.view(-1, *(1,) * (tensor.dim() - 1)))
            for name, after in optimizer.state[stand_in].items():
                if after is not state[name]:
                    state[name].copy_(after)


class _Energies(nn.Module, Generic[BatchT]):
    """An objective on a model, as a module whose tensors can be exchanged."""

    def __init__(self, model: EnergyModel[BatchT], objective: Objective) -> None:
        super().__init__()
        self.model, self.objective = model, objective

    def forward(self, batch: BatchT, generator: Generator) -> tuple[Tensor, Tensor]:
        energies = self.objective(self.model, batch, generator=generator)
        return energies.data, energies.structure


def _checked(optimizer: Optimizer, parameter: Tensor) -> State:
    state: dict[str, object] = optimizer.state[parameter]
    tensors = {name: value for name, value in state.items() if isinstance(value, Tensor)}
    if len(tensors) < len(state):
        raise ConfigurationError(
            f"a step of {type(optimizer).__name__} cannot be compiled, as its state holds other "
            f"things than tensors: {sorted(state.keys() - tensors.keys())}; train without a "
            "compiler or with another optimizer"
        )
    return tensors


def _set_unit_rate(optimizer: Optimizer) -> None:
    """Set the learning rate, and have the optimizer look at no number of its tensors."""
    set_rate(optimizer, 1.0)
    for group in optimizer.param_groups:
        if "capturable" in group:
            group["capturable"] = torch.compiler.is_compiling()
