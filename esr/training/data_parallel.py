"""Training one model by several processes, each on its share of every batch."""

import hashlib
from collections.abc import Sequence
from types import TracebackType

import torch
import torch.distributed as dist
from torch import Generator, Tensor, nn
from torch.nn import Parameter

from esr.errors import ConfigurationError
from esr.models import BatchT, Energy, EnergyModel
from esr.training.interruption import Interruption
from esr.training.objective import Objective
from esr.training.share import Share

__all__ = ["DataParallel"]


class DataParallel:
    r"""The processes of torch's default process group, as those that train one model.

    Each holds the whole model and draws its share of every batch. After each backward pass
    gradients and energies become their means over the P processes,

    .. math:: \nabla E = \frac1P \sum_p \nabla E_p, \quad E = \frac1P \sum_p E_p

    in one reduction. All else in a step depends on these, on the parameters and on random
    streams that are alike, so clipping, divergence, restarts, pruning and the optimizer do the
    same in every process. Of what the objective writes into buffers, such as tallies, the first
    process's is kept.

    Raises:
        ConfigurationError: If there is no process group.
    """

    def __init__(self) -> None:
        if not dist.is_initialized():
            raise ConfigurationError(
                "data-parallel training needs a process group; call "
                "torch.distributed.init_process_group first, or start the run by torchrun"
            )
        self.share = Share(dist.get_rank(), dist.get_world_size())
        self._own: Generator | None = None
        self._marked: Sequence[bool] = ()
        self._used = torch.empty(0)

    @property
    def first(self) -> bool:
        """Whether this is the process that validates, reports and saves."""
        return self.share.rank == 0

    def align(self, model: nn.Module, step: int) -> None:
        """Give every process the parameters and buffers of the first, in place.

        Arguments:
            model: Of the same shape in all processes.
            step: Steps done.
        Raises:
            ConfigurationError: If the processes have done different numbers of steps.
        """
        steps = torch.zeros(self.share.world, dtype=torch.long)
        steps[self.share.rank] = step
        dist.all_reduce(steps)
        if bool((steps != step).any()):
            raise ConfigurationError(
                f"the processes go on from different steps: {steps.tolist()}; all must see the "
                "folder with the checkpoint"
            )
        for tensor in (*model.parameters(), *model.buffers()):
            _follow_the_first_(tensor)

    def total(self, number: float) -> float:
        """The sum of the numbers that all processes give."""
        numbers = torch.tensor([number], dtype=torch.float64)
        dist.all_reduce(numbers)
        return float(numbers)

    def interruption(self) -> Interruption:
        """One that ends training after the same step in all processes."""
        return _AgreedInterruption()

    def energies(
        self, objective: Objective, model: EnergyModel[BatchT], batch: BatchT, gates: Generator
    ) -> Energy:
        """The energies of this process's share, with relaxed choices of its own.

        Arguments:
            objective: What a step lowers.
            model: The model; buffers that the objective changes become those of the first
                process.
            batch: This process's share.
            gates: Alike in all processes, and afterwards still.
        """
        before = [(buffer, buffer._version) for buffer in model.buffers()]
        energies = objective(model, batch, generator=self._own_draws(gates))
        for (earlier, version), buffer in zip(before, model.buffers(), strict=True):
            if buffer is not earlier or buffer._version != version:
                _follow_the_first_(buffer)
        return energies

    @torch.no_grad()
    def average(self, parameters: Sequence[Parameter], energies: Energy) -> Energy:
        """Replace gradients by their means over the processes.

        Arguments:
            parameters: In the same order in all processes; one that has a gradient in some of
                them gets one in all.
            energies: The energies of this process's share, `(R,)` each.
        Returns:
            The mean energies, without a graph.
        """
        used = [parameter.grad is not None for parameter in parameters]
        flat = torch.cat(
            [
                *((p if p.grad is None else p.grad).reshape(-1) for p in parameters),
                energies.data,
                energies.structure,
                self._marks(used, energies.data),
            ]
        )
        sizes = [parameter.numel() for parameter in parameters]
        sizes += [len(energies.data), len(energies.structure), len(used)]
        parts = torch.split(flat, sizes)
        for part, is_used in zip(parts, used, strict=False):
            if not is_used:
                part.zero_()
        dist.all_reduce(flat)
        flat /= self.share.world
        for parameter, part in zip(parameters, parts, strict=False):
            parameter.grad = part.view_as(parameter).to(parameter.dtype)
        if not all(used):  # rare, as the numbers below have to be waited for
            for parameter, share in zip(parameters, parts[-1].tolist(), strict=True):
                if share == 0:
                    parameter.grad = None
        data, structure, _ = parts[len(parameters) :]
        return Energy(data.to(energies.data.dtype), structure.to(energies.structure.dtype))

    def _marks(self, used: Sequence[bool], like: Tensor) -> Tensor:
        """One where a parameter has a gradient here; made once, as it hardly ever changes."""
        if self._used.device != like.device or self._marked != used:
            self._marked, self._used = used, like.new_tensor([float(mark) for mark in used])
        return self._used

    def _own_draws(self, shared: Generator) -> Generator:
        """A generator for one step of this process; the shared one moves on by one draw.

        Since it follows from the shared one's state, a checkpoint of the first process is enough
        for all to go on exactly.
        """
        if self._own is None:
            self._own = Generator(device=shared.device)
        torch.rand(1, generator=shared, device=shared.device)
        state = shared.get_state().numpy().tobytes()
        digest = hashlib.sha256(state + self.share.rank.to_bytes(8, "big")).digest()
        self._own.manual_seed(int.from_bytes(digest[:8], "big") >> 1)
        return self._own


class _AgreedInterruption(Interruption):
    """Ends training in all processes once one was asked to.

    What a process knows at one step is exchanged during it and heeded after it, so that nobody
    waits.
    """

    def __init__(self) -> None:
        super().__init__()
        self._exchange: tuple[dist.Work, Tensor] | None = None

    def agreed(self) -> bool:
        """Whether any process was asked to end, as of the call before; all must call equally
        often."""
        asked = self._answer()
        flag = torch.tensor(int(self.requested))
        work = dist.all_reduce(flag, dist.ReduceOp.MAX, async_op=True)
        self._exchange = (work, flag) if work is not None else None
        return asked

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        super().__exit__(kind, error, trace)
        if kind is None:
            self._answer()

    def _answer(self) -> bool:
        """The result of the exchange under way, if any."""
        if self._exchange is None:
            return False
        work, flag = self._exchange
        work.wait()
        self._exchange = None
        return bool(flag)


@torch.no_grad()
def _follow_the_first_(tensor: Tensor) -> None:
    """Overwrite a tensor by that of the first process."""
    whole = tensor.contiguous()
    dist.broadcast(whole, src=0)
    if whole is not tensor:
        tensor.copy_(whole)
