"""Functions of tensors as compiled programs: traced once, random draws handed in."""

import signal
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial

import torch
from torch import Tensor
from torch.fx import GraphModule, Node
from torch.fx.experimental.proxy_tensor import make_fx

from esr.errors import ConfigurationError

__all__ = ["Compiler", "Program", "inductor"]

Compiled = Callable[..., Sequence[Tensor]]
Compiler = Callable[[GraphModule, Sequence[Tensor]], Compiled]


def inductor(graph: GraphModule, examples: Sequence[Tensor]) -> Compiled:
    """Compile with torch's own compiler, which needs a C++ compiler and tens of seconds.

    Arguments:
        graph: A function of tensors as torch operations.
        examples: Tensors of the shapes and types it will be called with.
    """
    options = {"cpp_wrapper": True}  # else the calls between the kernels cost as much as they do
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the compiler's parts use what torch discourages
        compiled: Compiled = torch._inductor.compile(graph, list(examples), options=options)
    return compiled


class Program:
    """A function of tensors, traced on examples and compiled; it may write into its arguments.

    What it draws from a generator is drawn before each call, in the same order, and handed in,
    so the generator gives the numbers it gives without compilation.

    Arguments:
        function: Makes a tuple of tensors from tensors; what it does must depend on their
            shapes and types only, never on their values or on anything that changes.
        examples: Arguments to trace it with; they may be written into.
        compiler: Compiles the graph of its operations.
    Raises:
        ConfigurationError: If it cannot be traced, draws without a generator, or cannot be
            compiled here.
    """

    def __init__(
        self,
        function: Callable[..., tuple[Tensor, ...]],
        examples: Sequence[Tensor],
        compiler: Compiler,
    ) -> None:
        try:
            with _declared_compiling():
                graph = make_fx(function)(*examples)
        except Exception as error:
            raise ConfigurationError(
                "this training step cannot be compiled, as the model or the optimizer looks at "
                f"numbers inside tensors; train without a compiler: {error}"
            ) from error
        self._draws, drawn = _lift_draws(graph)
        _strip(graph)
        try:
            with torch.no_grad(), _undisturbed():
                self._compiled = compiler(graph, [*examples, *drawn])
        except Exception as error:
            raise ConfigurationError(
                "torch cannot compile the training step here; install a C++ compiler such as g++ "
                f"(or name one in the variable CXX), or train without a compiler: {error}"
            ) from error

    def __call__(self, *tensors: Tensor) -> Sequence[Tensor]:
        """What the function returns for tensors of the shapes and types of the examples."""
        with torch.no_grad():
            return self._compiled(*tensors, *(draw() for draw in self._draws))


def _lift_draws(graph: GraphModule) -> tuple[list[Callable[[], Tensor]], list[Tensor]]:
    """Turn random operations into arguments: the draws to make, and tensors of their shapes."""
    draws: list[Callable[[], Tensor]] = []
    examples: list[Tensor] = []
    place = [node for node in graph.graph.nodes if node.op == "placeholder"][-1]
    for node in list(graph.graph.nodes):
        if torch.Tag.nondeterministic_seeded not in getattr(node.target, "tags", ()):
            continue
        source = node.kwargs.get("generator")
        if not isinstance(source, Node) or any(isinstance(given, Node) for given in node.args):
            raise ConfigurationError(
                f"a training step cannot be compiled that calls {node.target}; draw with "
                "torch.rand, torch.randn or the like and the generator given to the energy, or "
                "train without a compiler"
            )
        generator = getattr(graph, str(source.target))
        draws.append(partial(node.target, *node.args, **{**node.kwargs, "generator": generator}))
        like = node.meta["val"]
        examples.append(torch.empty(like.shape, dtype=like.dtype, device=like.device))
        with graph.graph.inserting_after(place):
            place = graph.graph.placeholder(f"draw_{len(draws)}")
        node.replace_all_uses_with(place)
        graph.graph.erase_node(node)
    return draws, examples


def _strip(graph: GraphModule) -> None:
    """Leave only what computes: no profiler's marks, unused attributes or notes of tracing."""
    for node in reversed(list(graph.graph.nodes)):
        node.meta.clear()
        if "_record_function" in str(node.target) or (node.op == "get_attr" and not node.users):
            graph.graph.erase_node(node)
    graph.delete_all_unused_submodules()
    graph.recompile()


@contextmanager
def _declared_compiling() -> Iterator[None]:
    """Have models and optimizers know that their operations are recorded, as torch.export does."""
    torch.compiler._is_compiling_flag = True
    try:
        yield
    finally:
        torch.compiler._is_compiling_flag = False


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Hold Ctrl-C back, which would end the C++ compiler but not the training."""
    if not hasattr(signal, "pthread_sigmask"):  # not on Windows
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
