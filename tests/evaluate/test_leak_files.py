"""Which video a truth belongs to."""

import pytest

from common.detections import DetectionsWriter, Header
from evaluate.leak_files import find_cases


@pytest.mark.parametrize(
    ("truth", "videos", "expected"),
    [
        ("show", ["show.mp4"], "show.mp4"),
        ("ä b", ["ä b.MP4"], "ä b.MP4"),  # both were renamed
        ("other", ["show.mp4", "other.mp4"], "other.mp4"),  # another one has the old name now
        ("show", ["show.mp4", "show.mov"], "show.mp4"),  # two of its name: that which it names
        ("clip", ["show.mp4", "clip.mp4", "clip.mov"], "show.mp4"),
        ("clip", ["show.mp4"], "show.mp4"),
        ("clip", ["clip.txt", "clip.2.mp4"], None),
    ],
)
def test_the_video_beside_a_truth_is_that_of_its_name(tmp_path, truth, videos, expected):
    for name in videos:
        (tmp_path / name).touch()
    with DetectionsWriter(tmp_path / f"{truth}.truth.jsonl", Header(64, 48, ("clown",), "show.mp4")):
        pass
    (case,) = find_cases([tmp_path])
    assert (case.video and case.video.name) == expected
    assert case.name == (expected or truth)
