"""Colouring: give the vertices of a graph colours so that neighbours differ."""

import math
from collections.abc import Mapping

import torch
from matplotlib.figure import Figure
from torch import Generator, Tensor

from esr.errors import ConfigurationError, DataError
from esr.random import RandomStreams
from esr.training import Phase
from experiments.tasks.rules import Found, Rules

__all__ = ["Colouring", "planted_graph"]


class Colouring(Rules):
    """Graph colouring, of a planted random graph or of a graph of one's own.

    Arguments:
        phases: The schedule of graded dynamics.
        vertices: Number of vertices, at least 1.
        colours: Number of colours, at least 2.
        degree: Mean degree of the planted graph, at least 0.
        path: File of a graph of one's own: an edge on each line, as two vertices counted from 0.
    Raises:
        ConfigurationError: If a number is out of range.
        DataError: If the file cannot be read as edges.
    """

    def __init__(
        self,
        phases: Mapping[str, Phase],
        vertices: int = 100,
        colours: int = 3,
        degree: float = 4.0,
        path: str | None = None,
    ) -> None:
        if vertices < 1 or colours < 2 or not degree >= 0:
            raise ConfigurationError(
                "task.vertices must be at least 1, task.colours at least 2 and task.degree at "
                f"least 0, but they are {vertices}, {colours}, {degree}"
            )
        self.edges = _read_edges(path) if path is not None else None
        if self.edges is not None:
            vertices = int(self.edges.max()) + 1
        self.vertices, self.colours, self.degree = vertices, colours, degree
        super().__init__("colouring", phases, {"vertices": vertices, "colours": colours})

    def prepare(self, streams: RandomStreams, device: torch.device) -> None:
        """Draw the graph, unless it was given, and compile the rules."""
        if self.edges is None:
            edges = round(self.degree * self.vertices / 2)
            self.edges = planted_graph(
                self.vertices, edges, self.colours, generator=streams["data"]
            ).cpu()
        self.inputs = {"edges": self.edges}
        super().prepare(streams, device)

    def read(self, symbols: Tensor) -> str:
        """The colour of each vertex, from 0."""
        return "".join(str(colour) for colour in symbols.tolist())

    def figures(self, found: Found) -> Mapping[str, Figure]:
        """The best colouring, vertices on a circle; broken edges in red."""
        colours = found.symbols[found.best].tolist()
        figure = Figure(figsize=(6, 6.3), layout="constrained")
        axes = figure.subplots()
        turn = 2 * math.pi / self.vertices
        x = [math.cos(turn * vertex) for vertex in range(self.vertices)]
        y = [math.sin(turn * vertex) for vertex in range(self.vertices)]
        for u, v in (self.edges if self.edges is not None else torch.zeros(0, 2)).tolist():
            broken = colours[u] == colours[v]
            axes.plot(
                [x[u], x[v]], [y[u], y[v]], color="red" if broken else "0.8",
                lw=2 if broken else 0.6, zorder=1,
            )  # fmt: skip
        axes.scatter(x, y, c=colours, cmap="tab10", vmin=0, vmax=9, s=60, zorder=2)
        axes.set_aspect("equal")
        axes.set_axis_off()
        axes.set_title(f"{int(found.violations[found.best])} edges of one colour")
        return {"graph": figure}


def planted_graph(vertices: int, edges: int, colours: int, *, generator: Generator) -> Tensor:
    """Edges `(E, 2)` of a random graph that has a proper colouring: colours are drawn first, in
    equal shares, then distinct edges between vertices of different colours.

    Arguments:
        vertices: Number of vertices.
        edges: Number of edges E.
        colours: Number of colours.
        generator: Feeds the draw.
    Raises:
        ConfigurationError: If there are not as many pairs of different colours.
    """
    where = generator.device
    order = torch.randperm(vertices, generator=generator, device=where)
    colour = torch.empty_like(order)
    colour[order] = torch.arange(vertices, device=where) % colours
    pairs = torch.combinations(torch.arange(vertices, device=where), 2)
    pairs = pairs[colour[pairs[:, 0]] != colour[pairs[:, 1]]]
    if edges > len(pairs):
        raise ConfigurationError(
            f"a graph of {vertices} vertices in {colours} colours has at most {len(pairs)} edges, "
            f"but task.degree asks for {edges}"
        )
    return pairs[torch.randperm(len(pairs), generator=generator, device=where)[:edges]]


def _read_edges(path: str) -> Tensor:
    try:
        with open(path, encoding="utf-8") as file:
            rows = [[int(word) for word in line.split()] for line in file if line.strip()]
    except (OSError, ValueError) as error:
        raise DataError(
            f"task.path={path} must hold two vertices on each line: {error}"
        ) from error
    if not rows or any(len(row) != 2 or min(row) < 0 or row[0] == row[1] for row in rows):
        raise DataError(
            f"task.path={path} must hold two different vertices, counted from 0, on each line"
        )
    return torch.tensor(rows)
