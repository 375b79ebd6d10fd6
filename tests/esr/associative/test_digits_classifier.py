"""The layers inside small classifiers of scikit-learn's 1,797 digits, 8 by 8 pixels each."""

import math

import pytest
import torch
from sklearn.datasets import load_digits
from torch import Generator, Tensor, nn
from torch.nn import functional

from esr.associative import (
    HopfieldLayer,
    HopfieldLookup,
    HopfieldPooling,
    Implicit,
    OneStep,
    Retrieval,
    RetrievalGradient,
    Slots,
)

TRAINED = 1300
"""The other 497 digits are for testing: at 90% accuracy a standard deviation is 1.3%."""


@pytest.fixture(scope="module")
def digits() -> tuple[Tensor, Tensor]:
    images, labels = load_digits(return_X_y=True)
    order = torch.randperm(len(labels), generator=Generator().manual_seed(0))
    return torch.tensor(images).float()[order] / 16, torch.tensor(labels)[order]


def linear(inputs: int, outputs: int, generator: Generator) -> nn.Linear:
    made = nn.Linear(inputs, outputs)
    for parameter in made.parameters():
        bound = 1 / math.sqrt(inputs)
        nn.init.uniform_(parameter, -bound, bound, generator=generator)
    return made


def accuracy_after_training(model: nn.Module, digits: tuple[Tensor, Tensor], steps: int) -> float:
    images, labels = digits
    optimizer = torch.optim.Adam(model.parameters(), 1e-2)
    generator = Generator().manual_seed(1)
    for _ in range(steps):
        chosen = torch.randint(TRAINED, (64,), generator=generator)
        optimizer.zero_grad()
        functional.cross_entropy(model(images[chosen]), labels[chosen]).backward()
        optimizer.step()
    with torch.no_grad():
        right = model(images[TRAINED:]).argmax(1) == labels[TRAINED:]
    return float(right.double().mean())


def test_a_classifier_of_rows_learns_to_read_digits(digits: tuple[Tensor, Tensor]) -> None:
    generator = Generator().manual_seed(0)
    model = nn.Sequential(
        nn.Unflatten(1, (8, 8)),
        linear(8, 32, generator),
        HopfieldLayer(32, heads=4, generator=generator),
        nn.Flatten(),
        linear(8 * 32, 10, generator),
    )
    assert accuracy_after_training(model, digits, steps=150) > 0.9
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().max() > 0, name


def test_a_memory_reads_digits_untrained(digits: tuple[Tensor, Tensor]) -> None:
    images, labels = functional.normalize(digits[0], dim=1), digits[1]
    memory = HopfieldLookup(
        64,
        Slots(TRAINED, value_features=10, learnable=False, empty=True),
        retrieval=Retrieval(beta=100.0, learnable=False),
    )
    memory.write_(images[:TRAINED], functional.one_hot(labels[:TRAINED], 10))
    right = memory(images[TRAINED:]).argmax(1) == labels[TRAINED:]
    assert float(right.double().mean()) > 0.97


class RowPooling(nn.Module):
    """Embedded rows with learnt places, pooled by four queries."""

    def __init__(self, gradient: RetrievalGradient) -> None:
        super().__init__()
        generator = Generator().manual_seed(0)
        self.embedding = linear(8, 32, generator)
        self.places = nn.Parameter(torch.randn(8, 32, generator=generator))
        retrieval = Retrieval(gradient=gradient)
        self.pooling = HopfieldPooling(32, 4, 4, retrieval, generator=generator)
        self.readout = linear(4 * 32, 10, generator)

    def forward(self, images: Tensor) -> Tensor:
        rows = torch.relu(self.embedding(images.unflatten(1, (8, 8))) + self.places)
        logits: Tensor = self.readout(self.pooling(rows).flatten(1))
        return logits


@pytest.mark.slow
@pytest.mark.parametrize("gradient", [Implicit(30, 1e-3), OneStep(30, 1e-3)], ids=str)
def test_fixed_points_train_too(
    gradient: RetrievalGradient, digits: tuple[Tensor, Tensor]
) -> None:
    assert accuracy_after_training(RowPooling(gradient), digits, steps=500) > 0.9
