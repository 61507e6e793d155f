from pathlib import Path

import pytest

from infer.batch import is_other


@pytest.mark.parametrize(
    ("name", "other"),
    [
        ("clip.mp4", False),
        ("clip.ts", False),  # a transport stream, whatever programmers name so
        ("clip", False),  # looked at: it may be a video
        ("clip.truth.jsonl", True),
        ("clip.mp4.detections.jsonl", True),
        ("report.json", True),
        ("words.srt", True),
    ],
)
def test_what_lies_beside_videos_is_passed_over(name, other):
    assert is_other(Path(name)) is other
