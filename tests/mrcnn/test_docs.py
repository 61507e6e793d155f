"""What docs/mask-rcnn.md says can be checked is there to be checked."""

import re
from pathlib import Path

import pytest

from mrcnn.config import Config

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "mask-rcnn.md").read_text(encoding="utf-8")
NAMED = sorted(set(re.findall(r"`(test_\w+)`", TEXT)))


def test_every_test_that_is_named_exists() -> None:
    written = {
        name
        for path in (ROOT / "tests").rglob("test_*.py")
        for name in re.findall(r"^def (test_\w+)", path.read_text(encoding="utf-8"), re.MULTILINE)
    }
    assert len(NAMED) > 20
    assert [name for name in NAMED if name not in written] == []


def test_every_setting_that_is_named_exists() -> None:
    named = set(re.findall(r"`([A-Z][A-Z_0-9]{3,})(?: = [^`]*)?`", TEXT))
    assert len(named) > 8
    assert [name for name in named if not hasattr(Config(), name)] == []


@pytest.mark.parametrize("block", re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL))
def test_examples_are_python_and_import_what_there_is(block: str) -> None:
    compile(block, "docs/mask-rcnn.md", "exec")
    for line in re.findall(r"^(?:from|import) .*", block, re.MULTILINE):
        exec(line, {})
