"""The state of one training run: everything a checkpoint must hold to go on exactly."""

import time
from collections.abc import Mapping
from typing import Generic, TypeVar

import torch
from torch import Tensor

from esr.errors import ConfigurationError, TrainingError
from esr.models import BatchT, EnergyModel
from esr.random import RandomStreams
from esr.training.course import Course
from esr.training.data_parallel import DataParallel
from esr.training.rates import OptimizerFactory
from esr.training.replicas import DivergenceAction, clear_optimizer_state

__all__ = ["Session"]

ValueT = TypeVar("ValueT")


class Session(Generic[BatchT]):
    """A model under training, its optimizer, its random streams and its replicas' health.

    Arguments:
        model: All its parameters must lead with its replica dimension R.
        make_optimizer: Makes the optimizer from the parameters.
        streams: Random streams, saved and restored with the rest.
        course: Each replica's own way through the schedule; one way for all unless given.
        processes: Those that train the model together; this one alone unless given.
    Raises:
        ConfigurationError: If a parameter does not lead with R.
    """

    def __init__(
        self,
        model: EnergyModel[BatchT],
        make_optimizer: OptimizerFactory,
        streams: RandomStreams,
        course: Course | None = None,
        processes: DataParallel | None = None,
    ) -> None:
        for name, parameter in model.named_parameters():
            if parameter.dim() < 1 or parameter.shape[0] != model.replicas:
                raise ConfigurationError(
                    f"parameter '{name}' has shape {tuple(parameter.shape)}, but must lead with "
                    f"the model's {model.replicas} replicas"
                )
        self.model, self.streams, self.course = model, streams, course
        self.processes = processes
        self.parameters = [p for p in model.parameters() if p.requires_grad]
        self.optimizer = make_optimizer(self.parameters)
        device = self.parameters[0].device
        self.step, self.phase = 0, -1
        self.active = torch.ones(model.replicas, dtype=torch.bool, device=device)
        self.healthy = self.active.clone()
        self.diverged = torch.zeros(model.replicas, dtype=torch.long, device=device)
        self.clipped = torch.zeros_like(self.diverged)  # (R,), in how many steps each one was
        self._earlier_seconds, self._began, self._first_step = 0.0, time.monotonic(), 0
        self._earlier_cpu_seconds, self._cpu_began = 0.0, time.process_time()

    @property
    def own_seconds(self) -> float:
        """Time since this session began or resumed."""
        return time.monotonic() - self._began

    @property
    def own_steps(self) -> int:
        """Steps done since this session began or resumed."""
        return self.step - self._first_step

    @property
    def seconds(self) -> float:
        """Time spent training, earlier sessions included."""
        return self._earlier_seconds + self.own_seconds

    @property
    def cpu_seconds(self) -> float:
        """Processor time of the whole process spent since training began, earlier sessions
        included."""
        return self._earlier_cpu_seconds + time.process_time() - self._cpu_began

    def count_other_processes(self) -> None:
        """Add to the processor time, at the end, what other processes of this session spent."""
        if self.processes is not None:
            own = time.process_time() - self._cpu_began
            self._earlier_cpu_seconds += self.processes.total(own) - own

    def care_for_replicas(self, action: DivergenceAction) -> None:
        """Re-initialise or freeze the replicas that were unhealthy since the last call.

        Raises:
            TrainingError: If no replica is left.
        """
        if bool(self.healthy.all()):
            return
        ailing = ~self.healthy & self.active
        self.diverged += ailing
        if action is DivergenceAction.REINITIALISE:
            self.model.reset_replicas(ailing, generator=self.streams["restarts"])
        else:
            self.active &= ~ailing
        clear_optimizer_state(self.optimizer, self.parameters, ailing)
        self.healthy.fill_(True)
        if not bool(self.active.any()):
            raise TrainingError(
                f"all {self.model.replicas} replicas became non-finite by step {self.step} and "
                "are frozen; lower the learning rate or the clip norm, or re-initialise instead"
            )

    def restart(self, which: Tensor) -> None:
        """Start the replicas where `which`, bool `(R,)` on the CPU, is true afresh."""
        chosen = which.to(self.active.device)
        self.diverged += chosen & ~self.healthy
        self.healthy |= chosen
        self.model.reset_replicas(chosen, generator=self.streams["restarts"])
        clear_optimizer_state(self.optimizer, self.parameters, chosen)
        if self.course is not None:
            self.course.restart(which)

    def state(self) -> dict[str, object]:
        """Everything needed to go on exactly, as tensors, numbers and containers of them."""
        return {
            "step": self.step,
            "phase": self.phase,
            "seconds": self.seconds,
            "cpu_seconds": self.cpu_seconds,
            "active": self.active,
            "healthy": self.healthy,
            "diverged": self.diverged,
            "clipped": self.clipped,
            "course": self.course.state() if self.course is not None else None,
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "streams": self.streams.state_dict(),
        }

    def restore(self, state: Mapping[str, object]) -> None:
        """Go on from a state that `state()` returned, in a session built the same way.

        Raises:
            ConfigurationError: If the state does not fit the model or the optimizer.
        """
        try:
            self.model.load_state_dict(_typed(state, "model", dict))
            self.optimizer.load_state_dict(_typed(state, "optimizer", dict))
            self.streams.load_state_dict(_typed(state, "streams", dict))
            self.active.copy_(_typed(state, "active", Tensor))
            self.healthy.copy_(_typed(state, "healthy", Tensor))
            self.diverged.copy_(_typed(state, "diverged", Tensor))
            self.clipped.copy_(_typed(state, "clipped", Tensor))
            if (state.get("course") is None) != (self.course is None):
                raise ValueError("only one of them has replicas with settings of their own")
            if self.course is not None:
                self.course.restore(_typed(state, "course", dict))
        except (RuntimeError, ValueError) as error:
            raise ConfigurationError(
                f"the checkpoint does not fit this model and optimizer: {error}"
            ) from error
        self.step, self.phase = _typed(state, "step", int), _typed(state, "phase", int)
        self._earlier_seconds = _typed(state, "seconds", float)
        self._earlier_cpu_seconds = _typed(state, "cpu_seconds", float)
        self._cpu_began = time.process_time()
        self._first_step, self._began = self.step, time.monotonic()


def _typed(state: Mapping[str, object], name: str, kind: type[ValueT]) -> ValueT:
    value = state.get(name)
    if not isinstance(value, kind):
        raise ConfigurationError(
            f"the checkpoint's '{name}' must be of type {kind.__name__}, but is {value!r:.80}"
        )
    return value
