import json
from itertools import islice

import av
import numpy as np
import pytest

from common.detections import read_detections
from data import demo_clip
from data.camera import shutter
from data.cli import main
from data.sound import SAMPLE_RATE, music


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    """The clip in one second; that fast, a frame is a mean of some thirty exposures, and a sixth of them will do."""
    folder = tmp_path_factory.mktemp("made")
    video, truth = folder / "clip.mp4", folder / "truth.jsonl"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(demo_clip, "shutter", lambda *places: shutter(*places)[::6])
        assert main(["clip", "--out", str(video), "--seconds", "1", "--truth", str(truth)]) == 0
    return video, truth


def test_the_clip_has_the_promised_size_rate_codecs_and_sound(clip):
    with av.open(str(clip[0])) as file:
        video, audio = file.streams.video[0], file.streams.audio[0]
        assert (video.width, video.height, video.average_rate) == (640, 360, 30)
        assert (video.codec_context.name, audio.codec_context.name) == ("h264", "aac")
        assert len(list(file.decode(video))) == 30
        assert float(audio.duration * audio.time_base) == pytest.approx(1.0, abs=0.03)


def test_the_sound_in_the_file_is_the_music(clip):
    with av.open(str(clip[0])) as file:
        blocks = [frame.to_ndarray() for frame in file.decode(file.streams.audio[0])]
    heard = np.concatenate(blocks, axis=1)[:, :SAMPLE_RATE]
    made = music(1.0).T[:, : heard.shape[1]]
    assert np.corrcoef(heard.ravel(), made.ravel())[0, 1] > 0.95


def test_the_face_is_shown_whole_half_out_and_behind_the_column(clip):
    shares = [float(objects.detections.confidence.max(initial=0)) for objects in read_detections(clip[1])]
    assert len(shares) == 30
    assert max(shares) > 0.97
    behind, outside = min(shares[:10]), min(shares[15:22])
    assert 0.1 < behind < 0.6
    assert 0.4 < outside < 0.7


def test_truth_lies_on_the_face(clip):
    """Skin is redder than the blue-grey backdrop and the hair is darker: the median colour in the ellipse is skin."""
    objects = list(read_detections(clip[1]))[14]
    with av.open(str(clip[0])) as file:
        picture = [frame.to_ndarray(format="rgb24") for frame in file.decode(video=0)][14]
    mask = np.asarray(objects.detections.mask)[0].astype(bool)
    red, green, blue = np.median(picture[mask], axis=0)
    assert red > 180 and red - blue > 40 and green > blue


def test_rendering_is_deterministic():
    first, second = ([frame.picture for frame in islice(demo_clip.frames(180), 3)] for _ in range(2))
    assert all((a == b).all() for a, b in zip(first, second, strict=True))


def test_music_changes_over_time_and_stays_in_range():
    sound = music(3.0)
    assert sound.shape == (3 * SAMPLE_RATE, 2)
    assert 0.2 < np.abs(sound).max() <= 1.0
    second = sound[:SAMPLE_RATE, 0], sound[SAMPLE_RATE : 2 * SAMPLE_RATE, 0]
    assert abs(np.corrcoef(*second)[0, 1]) < 0.5  # a repeated or frozen second would be 1
    blocks = sound.reshape(-1, 4800, 2)
    assert np.sqrt((blocks**2).mean(axis=(1, 2))).min() > 0.03  # no tenth of a second is silent


def test_what_exists_is_not_replaced_unasked(clip, capsys):
    before = clip[0].read_bytes()
    assert main(["clip", "--out", str(clip[0]), "--seconds", "1"]) == 2
    assert "exists" in capsys.readouterr().err
    assert clip[0].read_bytes() == before


@pytest.mark.parametrize("arguments", [["--seconds", "0"], ["--seconds", "nan"]])
def test_a_length_that_is_none_is_refused(tmp_path, capsys, arguments):
    assert main(["clip", "--out", str(tmp_path / "a.mp4"), *arguments]) == 2
    assert "--seconds" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_the_truth_file_is_one_line_a_frame(clip):
    lines = clip[1].read_text().splitlines()
    assert json.loads(lines[0])["classes"] == ["face"]
    assert len(lines) == 31
