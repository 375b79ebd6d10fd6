"""How a run was started: in one process, or by `torchrun` in several that train together."""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import torch
import torch.distributed as dist
from torch.distributed.distributed_c10d import PrefixStore, Store
from torch.distributed.rendezvous import rendezvous

from esr.errors import ConfigurationError
from esr.training import DataParallel, Share, Shareable
from experiments.configurations import UsageError, split_words

__all__ = ["Launch", "Torchrun", "launched"]

PATIENCE = timedelta(days=7)
"""How long a process waits for another, such as for the first one's validation; `torchrun` ends
all of them once one has failed."""
SECONDS_BETWEEN_LOOKS = 0.05
_OWN_FLAGS = {"--config-dir", "-cd"}
_FOLDER, _ENDED = "esr/folder", "esr/ended"


class Launch:
    """A run in one process, the first and only one."""

    command = "python -m experiments.run"
    """How to start another such run."""
    world = 1
    """Number of processes."""
    first = True
    """Whether this is the process that writes, prints and concludes."""

    def arguments(self, checked: Sequence[str]) -> list[str]:
        """Those of this process, from the checked ones of the run."""
        return list(checked)

    def device(self, name: str) -> str:
        """This process's device, where the configuration says `name`."""
        return name

    def divide(self, task: object) -> None:
        """Have a task give this process its share of every batch."""

    def announce(self, folder: Path) -> None:
        """Tell the other processes where the run is, once all is prepared."""

    @contextmanager
    def group(self, device: torch.device) -> Iterator[DataParallel | None]:
        """A context in which the processes train together, each on its device."""
        yield None

    def end(self) -> None:
        """Say, or in the other processes wait until it is said, that the run has ended."""


class Torchrun(Launch):
    """One of several processes that train the model of one run.

    The first one prepares on its own, so that it alone tells of mistakes and writes what a task
    keeps in files; the others wait meanwhile for the folder of the run.

    Arguments:
        share: Its rank, and the number of processes.
        local_rank: Its rank among those of its machine, at least 0.
        store: Where the processes tell each other things; it outlasts them.
    """

    def __init__(self, share: Share, local_rank: int, store: Store) -> None:
        self.share, self.local_rank, self.store = share, local_rank, store
        self.world, self.first = share.world, share.rank == 0
        self.command = f"torchrun --nproc-per-node {self.world} -m experiments.run"

    def arguments(self, checked: Sequence[str]) -> list[str]:
        """Those of this process: all write to the folder of the first, which the others wait for.

        Raises:
            UsageError: If an option is not for a run of several processes, such as `-m`.
        """
        flags, _ = split_words(checked)
        if others := [f for f in flags if f.startswith("-") and f not in _OWN_FLAGS]:
            raise UsageError(
                f"torchrun trains the model of one run; leave out {' '.join(others)}, or start "
                f"it by {Launch.command}"
            )
        if self.first:
            return list(checked)
        self._wait_for(_FOLDER)
        folder = self.store.get(_FOLDER).decode().replace("\\", "\\\\").replace("'", "\\'")
        quiet = ["hydra.output_subdir=null", "hydra/job_logging=none", "hydra/hydra_logging=none"]
        return [*checked, f"hydra.run.dir='{folder}'", *quiet]

    def device(self, name: str) -> str:
        """This process's own device.

        Raises:
            ConfigurationError: If they cannot have one each, or not communicate there.
        """
        if name not in ("cpu", "cuda"):
            raise ConfigurationError(
                f"device={name} is not for {self.world} processes; device=cuda gives each one a "
                "device of its own, and device=cpu works everywhere"
            )
        return name if name == "cpu" else f"cuda:{self.local_rank}"

    def divide(self, task: object) -> None:
        """Have a task give this process its share of every batch.

        Raises:
            ConfigurationError: If it cannot.
        """
        if not isinstance(task, Shareable):
            raise ConfigurationError(
                f"{type(task).__name__} has the same batches in every process, so that "
                f"{self.world} of them would only repeat the same work; start it by "
                f"{Launch.command}"
            )
        task.share(self.share)

    def announce(self, folder: Path) -> None:
        """If this is the first process, let the others begin, in this folder."""
        if self.first:
            self.store.set(_FOLDER, str(folder))

    @contextmanager
    def group(self, device: torch.device) -> Iterator[DataParallel]:
        """A context in which the processes train together, each on its device."""
        on_cuda = device.type == "cuda"
        if on_cuda:
            torch.cuda.set_device(device)
        dist.init_process_group(
            "cpu:gloo,cuda:nccl" if on_cuda else "gloo",
            store=PrefixStore("esr/group", self.store),
            rank=self.share.rank,
            world_size=self.world,
            timeout=PATIENCE,
            device_id=device if on_cuda else None,
        )
        try:
            yield DataParallel()
        finally:
            dist.destroy_process_group()

    def end(self) -> None:
        """Wait until the first process has ended the run; if this is it, tell the others.

        If one left before it with a status of failure, `torchrun` would end it.
        """
        if self.first:
            self.store.set(_ENDED, "")
        else:
            self._wait_for(_ENDED)

    def _wait_for(self, key: str) -> None:
        """Look again and again, so that a signal is heeded meanwhile."""
        while not self.store.check([key]):
            time.sleep(SECONDS_BETWEEN_LOOKS)


def launched(environment: Mapping[str, str]) -> Launch:
    """What the environment says of how this process was started."""
    if "TORCHELASTIC_RUN_ID" not in environment or int(environment["WORLD_SIZE"]) < 2:
        return Launch()
    meeting = rendezvous("env://", timeout=PATIENCE)
    store, rank, world = next(meeting)
    return Torchrun(Share(rank, world), int(environment["LOCAL_RANK"]), store)
