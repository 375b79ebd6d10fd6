"""The guides are executed: each Python block runs alone and prints what it says."""

import re
import runpy
from pathlib import Path

import pytest

DOCS = Path(__file__).resolve().parent.parent / "docs"
GUIDES = ("energy.md", "meta.md", "regressor.md", "weights.md")
BLOCKS = [
    (name, number, block)
    for name in GUIDES
    for number, block in enumerate(
        re.findall(r"```python\n(.*?)```", (DOCS / name).read_text(encoding="utf-8"), re.DOTALL)
    )
]


@pytest.mark.parametrize(
    ("name", "number", "block"), BLOCKS, ids=[f"{name}-{number}" for name, number, _ in BLOCKS]
)
def test_a_block_prints_what_it_says(
    name: str,
    number: int,
    block: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "block.py"
    file.write_text(block, encoding="utf-8")
    runpy.run_path(str(file))
    printed = capsys.readouterr().out.splitlines()
    for words in re.findall(r"print\(.*\)  # (.*)", block):
        assert any(line.startswith(words) for line in printed), (words, printed)
