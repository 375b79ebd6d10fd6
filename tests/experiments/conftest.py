import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # what the tests here share


@pytest.fixture(autouse=True)
def quick_checks(checked_once: None) -> None:
    """Command lines are checked quickly."""
