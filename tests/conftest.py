"""What holds for all tests."""

import pytest
import torch


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> None:
    """More threads make such small tensors slower, several times so beside other programs."""
    torch.set_num_threads(1)
