"""Pictures: size, orientation and transparency stay, the object goes, failure is closed."""

from dataclasses import replace

import numpy as np
import pytest
from media import ClipSpec, make
from PIL import Image, ImageOps
from seen import names

from common.detections import make_detections, read_detections
from common.errors import DamagedSourceError, UserError
from infer.picture import hide_picture, is_picture
from infer.settings import Cover, HideSettings, Search

FILL = HideSettings(cover=Cover("fill", shape="box", grow="0", feather="0"))
BOX = (10.0, 6.0, 30.0, 20.0)


class One:
    """Sees one face at BOX with the given score, or raises."""

    name, classes, device, floor, sure = "one", ("face",), "here", 0.1, 0.5

    def __init__(self, score=0.9):
        self.score = score

    def __call__(self, pictures):
        if self.score is None:
            raise RuntimeError("no memory left")
        return [make_detections(np.array([BOX]), [self.score], [0]) for _ in pictures]


def noise(height=40, width=60, channels=3):
    return np.random.default_rng(1).integers(40, 255, (height, width, channels), dtype=np.uint8)


def write(path, pixels, **options):
    Image.fromarray(pixels).save(path, **options)
    return path


def test_the_object_goes_and_every_other_pixel_stays(tmp_path):
    source, out = write(tmp_path / "in.png", noise()), tmp_path / "out.png"
    report = hide_picture(source, out, FILL, detector=One())
    before, after = noise(), np.array(Image.open(out))
    assert (after[6:20, 10:30] == 0).all()
    after[6:20, 10:30] = before[6:20, 10:30]
    assert np.array_equal(after, before)
    assert report.totals.appearances == {"face": 1}
    assert len(list(read_detections(tmp_path / "out.png.detections.jsonl"))) == 1


def test_transparency_stays(tmp_path):
    source, out = write(tmp_path / "in.png", noise(channels=4)), tmp_path / "out.png"
    hide_picture(source, out, FILL, detector=One())
    after = np.array(Image.open(out))
    outside = np.ones(after.shape[:2], bool)
    outside[6:20, 10:30] = False
    assert np.array_equal(after[outside], noise(channels=4)[outside])


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_turned_photograph_is_seen_and_shown_upright(orientation, tmp_path):
    exif = Image.Exif()
    exif[0x0112] = orientation
    source, out = write(tmp_path / "in.png", noise(48, 48), exif=exif), tmp_path / "out.png"
    hide_picture(source, out, FILL, detector=One())
    with Image.open(source) as given, Image.open(out) as masked:
        before, after = np.array(ImageOps.exif_transpose(given)), np.array(ImageOps.exif_transpose(masked))
    assert (after[6:20, 10:30] == 0).all()
    after[6:20, 10:30] = before[6:20, 10:30]
    assert np.array_equal(after, before)


def test_a_picture_that_cannot_be_analysed_is_covered_whole_or_refused(tmp_path):
    source, out = write(tmp_path / "in.png", noise()), tmp_path / "out.png"
    with pytest.raises(UserError, match="no memory left"):
        hide_picture(source, out, replace(FILL, search=Search(stop_on_error=True)), detector=One(None))
    assert names(tmp_path) == {"in.png"}
    report = hide_picture(source, out, FILL, detector=One(None))
    assert (np.array(Image.open(out)) == 0).all()
    assert sum(report.totals.whole_frames.values()) == 1


def test_a_weak_sighting_counts_from_where_the_user_says(tmp_path):
    source = write(tmp_path / "in.png", noise())
    for score, floor, hidden in ((0.15, None, 0), (0.3, None, 1), (0.15, 0.15, 1), (0.3, 0.6, 0)):
        out = tmp_path / f"{score}{floor}.png"
        report = hide_picture(source, out, replace(FILL, search=Search(score=floor)), detector=One(score))
        assert report.totals.appearances.get("face", 0) == hidden, (score, floor)


def test_a_truncated_picture_is_damaged_and_nothing_is_written(tmp_path):
    source = write(tmp_path / "in.jpg", noise(200, 300))
    source.write_bytes(source.read_bytes()[:-4000])
    with pytest.raises(DamagedSourceError):
        hide_picture(source, tmp_path / "out.jpg", FILL, detector=One())
    assert names(tmp_path) == {"in.jpg"}


def test_pictures_and_videos_are_told_apart_by_content(tmp_path):
    still, moving = write(tmp_path / "a", noise(), format="PNG"), tmp_path / "b.gif"
    frames = [Image.fromarray(noise()), Image.fromarray(255 - noise())]
    frames[0].save(moving, save_all=True, append_images=frames[1:])
    assert is_picture(still)
    assert not is_picture(moving)
    assert not is_picture(make(ClipSpec(name="c.jpg", container="mp4", frames=3), tmp_path))
    text = tmp_path / "d.png"
    text.write_text("no picture")
    assert not is_picture(text)
