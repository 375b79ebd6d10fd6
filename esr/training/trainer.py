"""The trainer: one loop for every model that has an energy."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.optim import Adam

from esr.errors import ConfigurationError
from esr.models import BatchT, Energy, EnergyModel
from esr.random import RandomStreams
from esr.training.checkpoint import Checkpoint
from esr.training.compiled import CompiledStep
from esr.training.course import Course, at_pace
from esr.training.data_parallel import DataParallel
from esr.training.interruption import Interruption
from esr.training.objective import BatchSource, Objective, Progress, plain_energy
from esr.training.phases import Phase, Position, locate
from esr.training.portfolio import Portfolio, alike, turns
from esr.training.program import Compiler
from esr.training.rates import OptimizerFactory, late_start, require_proportional, step_at_rates
from esr.training.replicas import DivergenceAction, limit_gradients
from esr.training.report import Callback, Report
from esr.training.restarts import Restarts
from esr.training.session import Session

__all__ = ["Trainer", "TrainingResult"]

Validation = Callable[[EnergyModel[BatchT]], Tensor]


@dataclass(frozen=True)
class TrainingResult:
    """How training ended; the trained parameters are in the model.

    Arguments:
        steps: Steps done.
        seconds: Time spent training, earlier sessions included.
        cpu_seconds: Processor time meanwhile, of all threads of all processes.
        interrupted: Whether Ctrl-C ended it before its last step.
        active: Replicas that trained to the end, bool `(R,)`.
        diverged: How often each replica diverged, `(R,)`.
        clipped: In how many steps each replica's gradient was clipped, `(R,)`.
        restarted: How often each replica started afresh because others were better, `(R,)`.
    """

    steps: int
    seconds: float
    cpu_seconds: float
    interrupted: bool
    active: Tensor
    diverged: Tensor
    clipped: Tensor
    restarted: Tensor


class Trainer:
    """Lowers an objective by gradient steps through a schedule of phases.

    Each step draws a batch, sums the replicas' energies, clips each replica's gradient, and
    lets the optimizer step. A replica that becomes non-finite is re-initialised or frozen and
    counted; the others do not notice. Ctrl-C ends training after the step under way.

    Arguments:
        phases: The schedule: names and phases in order, at least one.
        optimizer: Makes the optimizer from the parameters; its learning rate is overwritten at
            each step. Adam unless given.
        objective: What a step lowers; the model's own energy unless given.
        clip_norm: Largest norm of one replica's gradient, positive.
        divergence: What to do with a replica that is not finite.
        report_every: Steps between reports, and between looks at the replicas' health.
        compiler: Compiles the steps, such as `inductor`; they are not compiled unless given.
        portfolio: Settings that differ between the replicas, each of which then has a clock of
            its own; all are alike unless given.
        restarts: When a hopeless replica starts afresh, its clock at zero; never unless given.
    Raises:
        ConfigurationError: If there is no phase, a number is not positive, or the replicas have
            learning rates of their own and the optimizer's steps are not proportional to them.
    """

    def __init__(
        self,
        phases: Mapping[str, Phase],
        optimizer: OptimizerFactory = Adam,
        objective: Objective = plain_energy,
        clip_norm: float = 5.0,
        divergence: DivergenceAction = DivergenceAction.REINITIALISE,
        report_every: int = 50,
        compiler: Compiler | None = None,
        portfolio: Portfolio | None = None,
        restarts: Restarts | None = None,
    ) -> None:
        if not phases:
            raise ConfigurationError("a schedule needs at least one phase, but has none")
        if clip_norm <= 0 or report_every < 1:
            raise ConfigurationError(
                f"clip_norm must be positive and report_every at least 1, but they are "
                f"{clip_norm} and {report_every}"
            )
        self.phases, self.optimizer, self.objective = dict(phases), optimizer, objective
        self.clip_norm, self.divergence, self.report_every = clip_norm, divergence, report_every
        if portfolio is None and restarts is not None:
            portfolio = Portfolio()
        self.compiler, self.portfolio, self.restarts = compiler, portfolio, restarts
        if restarts is not None or (portfolio is not None and portfolio.rates_differ):
            require_proportional(
                optimizer, "be shared by replicas of different learning rates", "use another one"
            )
        slowest = min(portfolio.pace) if portfolio is not None else 1.0
        self._reported_phases = at_pace(self.phases, slowest)
        self._schedule_steps = sum(phase.steps for phase in self._reported_phases.values())

    @property
    def total_steps(self) -> int:
        """The most steps that training can take: the slowest replica's schedule, and with
        restarts as many of it as they may take."""
        schedules = self.restarts.schedules if self.restarts is not None else 1
        return math.ceil(schedules * self._schedule_steps - 1e-9)

    def fit(
        self,
        model: EnergyModel[BatchT],
        source: BatchSource[BatchT],
        streams: RandomStreams,
        validate: Validation[BatchT] | None = None,
        callbacks: Sequence[Callback[BatchT]] = (),
        checkpoint: Checkpoint | None = None,
        processes: DataParallel | None = None,
    ) -> TrainingResult:
        """Train the model in place, going on from the checkpoint if its file exists.

        Arguments:
            model: All its parameters lead with its replica dimension.
            source: Gives the batch of each step.
            streams: `gates` feeds relaxed choices, `restarts` re-initialisation.
            validate: Gives each replica's validation error, `(R,)`; lower is better.
            callbacks: Hear of progress every `report_every` steps.
            checkpoint: Where to save state now and then, and at the end.
            processes: Those that train the model together, with streams of the same seed; all
                read the checkpoint, and the first alone validates, reports and saves. This
                process alone unless given.
        Raises:
            ConfigurationError: If a parameter does not lead with R, the checkpoint is of another
                run, or steps of several processes are to be compiled.
            TrainingError: If every replica has diverged and is frozen.
        """
        if processes is not None and self.compiler is not None:
            raise ConfigurationError(
                "steps that several processes take together cannot be compiled; train without a "
                "compiler, or in one process"
            )
        course = (
            Course(self.phases, self.portfolio, model.replicas, self.restarts)
            if self.portfolio is not None
            else None
        )
        session = Session(model, self.optimizer, streams, course, processes)
        state = checkpoint.load(session.active.device) if checkpoint is not None else None
        if state is not None:
            session.restore(state)
        interruption = Interruption()
        if processes is not None:
            processes.align(model, session.step)
            interruption = processes.interruption()
            if not processes.first:
                validate, callbacks, checkpoint = None, (), None
        interrupted, compiled, limit = False, None, self._limit(session)
        for callback in callbacks:
            callback.started(self.total_steps, session.step)
        try:
            with interruption:
                while not self._done(session) and not interruption.agreed():
                    if compiled is None and session.own_steps > 0:
                        compiled = self._compiled(session, limit)
                    energies = self._step(session, source, compiled, limit)
                    if session.step % self.report_every == 0 or self._done(session):
                        session.care_for_replicas(self.divergence)
                        self._report(session, energies, validate, callbacks)
                    if checkpoint is not None and checkpoint.due():
                        checkpoint.save(session.state())
                interrupted = not self._done(session)
            session.count_other_processes()
            if checkpoint is not None and session.own_steps > 0:
                checkpoint.save(session.state())
        finally:
            model.eval()
            for callback in callbacks:
                callback.finished(interrupted)
        return TrainingResult(
            steps=session.step,
            seconds=session.seconds,
            cpu_seconds=session.cpu_seconds,
            interrupted=interrupted,
            active=session.active,
            diverged=session.diverged,
            clipped=session.clipped,
            restarted=(
                course.restarted.to(session.diverged)
                if course is not None
                else torch.zeros_like(session.diverged)
            ),
        )

    def _compiled(
        self, session: Session[BatchT], limit: float | Tensor
    ) -> CompiledStep[BatchT] | None:
        if self.compiler is None:
            return None
        return CompiledStep(session, self.optimizer, self.objective, limit, self.compiler)

    def _done(self, session: Session[BatchT]) -> bool:
        """Whether nothing is left to do."""
        return session.step >= self.total_steps or (
            session.course is not None and session.course.all_completed
        )

    def _position(self, step: int) -> Position:
        """The place of a step in the schedule: the slowest replicas', from their first start."""
        return locate(self._reported_phases, min(step, self._schedule_steps - 1))

    def _limit(self, session: Session[BatchT]) -> float | Tensor:
        """Largest norm of a replica's gradient, or of each one's, `(R,)`."""
        if self.portfolio is None:
            return self.clip_norm
        factors = turns(self.portfolio.clip_norm, session.model.replicas)
        limits = alike(self.clip_norm * factors)
        return limits if isinstance(limits, float) else limits.to(session.parameters[0])

    def _step(
        self,
        session: Session[BatchT],
        source: BatchSource[BatchT],
        compiled: CompiledStep[BatchT] | None,
        limit: float | Tensor,
    ) -> Energy:
        """One optimizer step; returns the energies before it."""
        position = self._position(session.step)
        self._enter(session, position)
        if not session.model.training:
            session.model.train()
        progress = Progress(session.step, position.index, session.step / self.total_steps)
        batch = source.batch(progress)
        course = session.course
        if course is None:
            rate: float | Tensor = position.phase.learning_rate_at(position.fraction)
            scale: float | Tensor = position.phase.structure_at(position.fraction)
        else:
            rate, scale = course.learning_rates(), course.structures()
            if bool(course.restarted.any()):
                ages = torch.where(course.restarted > 0, course.clock, session.step)
                rate = rate * late_start(session.optimizer, ages, session.step)
        ended = course is not None and course.any_completed
        marks = (session.healthy, session.clipped)
        before = [mark.clone() for mark in marks] if ended else None
        if compiled is not None:
            energies = compiled(batch, rate, scale)
        else:
            energies = self._plain_step(session, batch, alike(rate), alike(scale), limit)
        session.step += 1
        if course is not None and before is not None:  # who is through needs no care any more
            stay = course.completed.to(session.active.device)
            for mark, earlier in zip(marks, before, strict=True):
                mark.copy_(torch.where(stay, earlier, mark))
        if course is not None:
            self._tick(session, course, energies, scale)
        return energies

    def _tick(
        self,
        session: Session[BatchT],
        course: Course,
        energies: Energy,
        structure_scale: float | Tensor,
    ) -> None:
        """Advance the replicas' clocks after a step, and start hopeless ones afresh."""
        judging = course.rungs is not None and course.rungs.reached(course.clock)
        before = course.clock.clone()
        course.advance()
        if course.rungs is None or not judging:
            return
        freezing = self.divergence is DivergenceAction.FREEZE
        judged = session.active & session.healthy if freezing else session.active
        before.masked_fill_(~judged.cpu(), -1)
        data, structure = energies.data.detach(), energies.structure.detach()
        moved = Energy(data.double().cpu(), structure.double().cpu())
        hopeless = course.rungs.judge(before, moved.per_replica(structure_scale))
        hopeless &= course.lengths <= self.total_steps - session.step
        if bool(hopeless.any()):
            session.restart(hopeless)

    def _enter(self, session: Session[BatchT], position: Position) -> None:
        """Prune the replicas that enter a phase which prunes."""
        if position.index > session.phase:
            session.phase = position.index
            if position.phase.prune is not None and session.course is None:
                session.model.prune(position.phase.prune)
        if session.course is not None:
            for threshold, which in session.course.enter():
                everywhere = bool(which.all())
                session.model.prune(
                    threshold, None if everywhere else which.to(session.active.device)
                )

    def _plain_step(
        self,
        session: Session[BatchT],
        batch: BatchT,
        rate: float | Tensor,
        structure_scale: float | Tensor,
        limit: float | Tensor,
    ) -> Energy:
        """A step without a compiler; the numbers are one for all or each replica's, `(R,)`."""
        processes, gates = session.processes, session.streams["gates"]
        if processes is None:
            energies = self.objective(session.model, batch, generator=gates)
        else:
            energies = processes.energies(self.objective, session.model, batch, gates)
        if isinstance(structure_scale, Tensor):
            structure_scale = structure_scale.to(energies.structure)
        per_replica = energies.per_replica(structure_scale)  # (R,)
        for parameter in session.parameters:
            parameter.grad = None
        per_replica.sum().backward()  # type: ignore[no-untyped-call]
        if processes is not None:
            energies = processes.average(session.parameters, energies)
            per_replica = energies.per_replica(structure_scale)
        gradients = [p.grad for p in session.parameters if p.grad is not None]
        healthy, clipped = limit_gradients(gradients, per_replica, session.active, limit)
        session.healthy &= healthy
        session.clipped += clipped
        step_at_rates(session.optimizer, session.parameters, rate)
        return energies

    def _report(
        self,
        session: Session[BatchT],
        energies: Energy,
        validate: Validation[BatchT] | None,
        callbacks: Sequence[Callback[BatchT]],
    ) -> None:
        position = self._position(session.step - 1)
        session.model.eval()
        with torch.no_grad():
            error = validate(session.model) if validate is not None else energies.data
            report = Report(
                step=session.step,
                total_steps=session.step if self._done(session) else self.total_steps,
                phase=position.name,
                learning_rate=position.phase.learning_rate_at(position.fraction),
                structure_scale=position.phase.structure_at(position.fraction),
                data=energies.data.detach().cpu(),
                structure=energies.structure.detach().cpu(),
                validation=torch.where(session.active, error, torch.inf).cpu(),
                diverged=session.diverged.to("cpu", copy=True),
                clipped=session.clipped.to("cpu", copy=True),
                seconds=session.seconds,
                own_seconds=session.own_seconds,
                own_steps=session.own_steps,
                tallies={
                    name: tally.detach().to("cpu", copy=True)
                    for name, tally in session.model.tallies().items()
                },
            )
            for callback in callbacks:
                callback.reported(report, session.model)
