import json
import re
from fractions import Fraction

import av
import cv2
import numpy as np
import pytest
from clips import CLIPS
from media import ClipSpec, frame_times, make
from moving_squares import texture
from picture_server import picture_server
from PIL import Image

from annotate.grouping import FRAME
from common.errors import UserError
from common.video.reader import FrameReader
from common.video.sharpness import blurred, sharpness
from scrape import addresses
from scrape.cli import main
from scrape.frame_choice import Choice, Glimpse, at_targets, chosen
from scrape.video_frames import FrameFolder, FrameSettings


def take(source, out, choice, **settings):
    with FrameFolder(out, FrameSettings(**settings)) as folder:
        return folder.take(str(source), choice)


def seconds(out):
    """Times in the names of the frames, in milliseconds."""
    return sorted(round(1000 * float(path.stem.rsplit("@", 1)[1])) for path in out.glob("*.jpg"))


def lines(out):
    return [json.loads(line) for line in (out / "manifest.jsonl").read_text().splitlines()]


def files(out):
    return {path.name for path in out.iterdir()}


def due(times, every, start=None):
    """Milliseconds of the first frame at or after each target and before the next."""
    begin = times[0] if start is None else start
    found = {}
    for time in times:
        if time >= begin - 1e-6:
            found.setdefault(int((time - begin + 1e-6) / every), round(1000 * time))
    return sorted(found.values())


@pytest.mark.parametrize("name", ["cfr", "ntsc", "vfr", "vfr_mkv", "late", "odd_vp9"])
@pytest.mark.parametrize("every", [0.04, 0.25, 0.5])
def test_frames_are_exact_to_their_timestamp(name, every, tmp_path):
    spec = CLIPS[name]
    path = make(spec, tmp_path)
    out = tmp_path / "frames"
    taken = take(path, out, Choice(every=Fraction(str(every))))
    times = [time + spec.start for time in frame_times(spec)]
    assert seconds(out) == pytest.approx(due(times, every), abs=1)
    assert taken.saved == len(seconds(out)) and not taken.damage
    frames = list(FrameReader(path))
    for line in lines(out):
        with Image.open(out / line["file"]) as image:
            (frame,) = (frame for frame in frames if abs(frame.time - line["seconds"]) < 1e-5)
            assert np.abs(np.asarray(image).astype(int) - frame.rgb()).mean() < 3
            assert image.size == (line["width"], line["height"])
        assert line["source"] == str(path.resolve())
        assert re.fullmatch(FRAME, (out / line["file"]).stem)[1] == path.stem.replace(":", "_")


def test_names_are_as_annotate_groups_them(tmp_path):
    path = make(ClipSpec("my party (1)@home.mp4", frames=30), tmp_path)
    out = tmp_path / "frames"
    take(path, out, Choice(every=Fraction(1)))
    assert sorted(path.name for path in out.glob("*.jpg")) == [
        "my_party_1_home@00000.000.jpg",
        "my_party_1_home@00001.000.jpg",
    ]


def test_a_span_and_a_limit(tmp_path):
    path = make(ClipSpec(frames=100), tmp_path)
    take(path, tmp_path / "a", Choice(every=Fraction("0.5"), start=1.1, end=3.2))
    assert seconds(tmp_path / "a") == [1120, 1600, 2120, 2600, 3120]
    take(path, tmp_path / "b", Choice(every=Fraction("0.5"), start=1.0, count=2))
    assert seconds(tmp_path / "b") == [1000, 1500 + 20]
    take(path, tmp_path / "c", Choice(every=1 / Fraction(30000, 1001), end=0.2))
    assert seconds(tmp_path / "c") == [0, 40, 80, 120, 160]


def test_a_count_alone_is_spread_over_the_span(tmp_path):
    path = make(ClipSpec(frames=100), tmp_path)
    take(path, tmp_path / "a", Choice(count=4))
    assert seconds(tmp_path / "a") == [520, 1520, 2520, 3520]
    take(path, tmp_path / "b", Choice(count=2, start=2.0, end=3.0))
    assert seconds(tmp_path / "b") == [2280, 2760]


@pytest.mark.parametrize("name", ["rotated90", "rotated180", "rotated270"])
def test_frames_are_upright(name, tmp_path):
    path = make(CLIPS[name], tmp_path)
    out = tmp_path / "frames"
    take(path, out, Choice(count=1))
    (file,) = out.glob("*.jpg")
    with Image.open(file) as image:
        assert image.size == ((96, 64) if name == "rotated180" else (64, 96))
        assert not image.getexif()


def write_clip(path, pictures, rate=25):
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=rate)
        stream.height, stream.width = pictures[0].shape
        stream.pix_fmt, stream.options = "yuv420p", {"crf": "10", "threads": "1"}
        for picture in pictures:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.dstack([picture] * 3), format="rgb24")))
        container.mux(stream.encode())
    return path


def moving(seed, count, smear=()):
    """A scene that pans slowly; frames in `smear` are blurred by motion."""
    wide = texture((144, 256 + 2 * count), seed)
    pictures = [np.ascontiguousarray(wide[:, 2 * number : 2 * number + 256]) for number in range(count)]
    return [cv2.blur(picture, (25, 1)) if number in smear else picture for number, picture in enumerate(pictures)]


def test_a_sharp_frame_takes_the_place_of_a_blurred_one(tmp_path):
    path = write_clip(tmp_path / "pan.mp4", moving(1, 50, smear=(0, 1, 10, 11, 12, 30)))
    take(path, tmp_path / "all", Choice(every=Fraction("0.4")))
    assert seconds(tmp_path / "all") == [0, 400, 800, 1200, 1600]
    taken = take(path, tmp_path / "sharp", Choice(every=Fraction("0.4"), skip_blurred=True))
    assert seconds(tmp_path / "sharp") == [80, 520, 800, 1240, 1600]
    assert taken.blurred == 6


def test_of_each_scene_the_sharpest_frame(tmp_path):
    scenes = [moving(1, 15, smear={*range(15)} - {7}), moving(2, 15, smear={*range(15)} - {3}), moving(3, 15)]
    path = write_clip(tmp_path / "scenes.mp4", [picture for scene in scenes for picture in scene])
    out = tmp_path / "frames"
    take(path, out, Choice(scenes=True))
    first, second, third = seconds(out)
    assert (first, second) == (7 * 40, (15 + 3) * 40)
    assert 30 * 40 <= third
    take(path, tmp_path / "two", Choice(scenes=True, count=2))
    assert seconds(tmp_path / "two") == [first, third]


def test_frames_that_look_alike_are_dropped(tmp_path):
    path = write_clip(tmp_path / "still.mp4", moving(1, 1) * 20 + moving(2, 1) * 20)
    out = tmp_path / "frames"
    taken = take(path, out, Choice(every=Fraction("0.2")), drop_near_duplicates=True)
    assert (taken.saved, taken.duplicates) == (2, 6)
    assert seconds(out) == [0, 800]
    before = (out / "manifest.jsonl").read_bytes()
    again = take(path, out, Choice(every=Fraction("0.2")), drop_near_duplicates=True)
    assert (again.saved, again.kept, again.duplicates) == (0, 2, 0)
    assert (out / "manifest.jsonl").read_bytes() == before


def test_a_second_run_writes_nothing_twice_and_what_was_removed_stays_away(tmp_path):
    path = make(ClipSpec(frames=50), tmp_path)
    out = tmp_path / "frames"
    take(path, out, Choice(every=Fraction("0.5"), count=2))
    (out / "clip@00000.000.jpg").unlink()
    taken = take(path, out, Choice(every=Fraction("0.5")))
    assert (taken.saved, taken.kept) == (2, 1)
    assert seconds(out) == [520, 1000, 1520]


def test_a_video_that_is_named_twice_is_no_failure(tmp_path, capsys):
    path = make(ClipSpec(frames=50), tmp_path)
    same, linked = str(path), tmp_path / "again.mp4"
    linked.symlink_to(path)
    assert main(["video", same, same, "--every", "1", "--out", str(tmp_path / "a"), "--quiet"]) == 0
    assert capsys.readouterr().out == f"{path}: 2 frames in {tmp_path / 'a'}\n"
    flags = ["--every", "1", "--name", "party", "--quiet", "--out", str(tmp_path / "b")]
    assert [main(["video", source, *flags]) for source in (same, str(linked))] == [0, 0]
    with FrameFolder(tmp_path / "c", FrameSettings()) as folder:
        taken = [folder.take(same, Choice(every=Fraction(1))) for _ in range(2)]
    assert [(one.saved, one.kept) for one in taken] == [(2, 0), (0, 2)]


def test_two_videos_of_one_name_are_two_clips(tmp_path):
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        path = make(ClipSpec(frames=3), tmp_path / folder)
        for _ in range(2):
            take(path, tmp_path / "frames", Choice(count=1))
    assert sorted(path.name[:7] for path in (tmp_path / "frames").glob("*.jpg")) == ["clip-2@", "clip@00"]


@pytest.mark.parametrize(
    ("times", "wanted", "taken"),
    [
        ([0, 1, 2, 3], [0, 2], [0, 2]),
        ([0.1, 0.9, 2.5], [0, 1, 2], [0.1, 2.5]),  # between 1 and 2 there is none
        ([0, 5, 6], [0, 1, 2, 3], [0, 5]),  # a gap: one frame, not three
        ([0, 1], [7], []),
        ([0.9999999], [1], [0.9999999]),
        ([], [0], []),
    ],
)
def test_the_first_frame_at_or_after_each_target(times, wanted, taken):
    items = [Glimpse(index, time, 1.0, False) for index, time in enumerate(times)]
    assert [item.time for item in at_targets(items, iter(wanted))] == taken


def test_corrupt_frames_are_never_chosen():
    corrupt = (0, 1, 4, 5)
    glimpses = [Glimpse(index, index / 10, 5.0 - index, index in corrupt, index == 4) for index in range(6)]
    assert chosen(glimpses, Choice(scenes=True), iter(())) == ([2], 0)
    assert chosen(glimpses, Choice(every=Fraction(1), skip_blurred=True), iter([0.0, 0.5])) == ([2], 0)


def test_blurred_is_beside_the_neighbours():
    times = np.arange(20) / 10
    assert not blurred(times, [7.0] * 20).any()
    soft = [9, 8, 9, 2, 9, 9, 8, 9, 9, 9, *[1.0] * 10]  # a dull scene after a detailed one is not blurred
    assert np.flatnonzero(blurred(times, soft)).tolist()[0] == 3
    assert not blurred(times, soft)[16:].any()
    assert sharpness(texture((90, 160), 1)) > 4 * sharpness(cv2.blur(texture((90, 160), 1), (9, 9)))


@pytest.fixture
def site(tmp_path):
    with picture_server() as server:
        server.add("/party.mp4", make(ClipSpec(frames=50), tmp_path).read_bytes(), Content_Type="video/mp4")
        server.add("/watch", b'<html><body><video src="/party.mp4"></video></body></html>', Content_Type="text/html")
        yield server


@pytest.mark.parametrize(("path", "name"), [("/party.mp4", "party"), ("/watch", "watch-1")])
def test_from_an_address(site, tmp_path, path, name):
    out = tmp_path / "frames"
    taken = take(site.address + path, out, Choice(every=Fraction(1)), allow_private=True)
    assert taken.saved == 2
    assert files(out) == {f"{name}@00000.000.jpg", f"{name}@00001.000.jpg", "manifest.jsonl"}
    assert {line["source"] for line in lines(out)} == {site.address + path}


def test_private_addresses_are_refused(site, tmp_path):
    for address in (site.address, f"http://localhost:{site.server_port}"):
        with pytest.raises(UserError, match=r"127\.0\.0\.1.*not.*public.*--allow-private"):
            take(address + "/party.mp4", tmp_path / "frames", Choice(count=1))
    assert site.asked.total() == 0


@pytest.mark.parametrize("path", ["/moved", "/elsewhere"])
def test_private_addresses_are_refused_behind_redirects_and_pages(site, tmp_path, path, monkeypatch):
    monkeypatch.setattr(addresses, "is_public", lambda address: address == "127.0.0.1")
    there = f"http://127.0.0.2:{site.server_port}/party.mp4"
    site.pages["/moved"] = (302, {"Location": there}, b"")
    page = f'<html><body><video src="{there}"></video></body></html>'
    site.add("/elsewhere", page.encode(), Content_Type="text/html")
    with pytest.raises(UserError, match=r"it leads to 127\.0\.0\.2, which is not public; --allow-private"):
        take(site.address + path, tmp_path / "frames", Choice(count=1))
    assert files(tmp_path) == {"clip.mp4"}
    taken = take(site.address + "/party.mp4", tmp_path / "frames", Choice(count=1))
    assert taken.saved == 1 and site.asked["/party.mp4"]


@pytest.mark.parametrize("source", ["http://127.0.0.1:9/a.mp4", "ftp://example.org/a.mp4", "none.mp4", "http://[bad/x"])
def test_for_what_is_refused_no_folder_is_made(tmp_path, source):
    with pytest.raises(UserError):
        main(["video", source, "--count", "1", "--out", str(tmp_path / "new" / "frames"), "--quiet"])
    assert files(tmp_path) == set()


def test_the_command(tmp_path, capsys):
    path = make(ClipSpec(frames=50), tmp_path)
    out = tmp_path / "frames"
    assert main(["video", str(path), "--every", "1/2", "--start", "0:01", "--out", str(out), "--quiet"]) == 0
    assert capsys.readouterr().out == f"{path}: 2 frames in {out}\n"
    assert seconds(out) == [1000, 1520]
    assert main(["video", str(path), str(tmp_path / "none.mp4"), "--count", "1", "--out", str(out), "--quiet"]) == 1
    assert "none.mp4: no such file" in capsys.readouterr().err
    assert main(["video", str(path), "--count", "500", "--out", str(tmp_path / "b"), "--quiet"]) == 1
    assert "no 500 frames" in capsys.readouterr().err


def test_a_damaged_file_gives_what_is_whole_and_says_so(tmp_path, capsys):
    path = make(ClipSpec("clip.mkv", frames=60, size=(144, 256), texture=20), tmp_path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])
    assert main(["video", str(path), "--fps", "5", "--out", str(tmp_path / "frames"), "--quiet"]) == 1
    assert "damaged: " in capsys.readouterr().err
    assert len(seconds(tmp_path / "frames")) >= 3


@pytest.mark.parametrize(
    ("flags", "complaint"),
    [
        ([], "say which frames"),
        (["--every", "0"], "--every 0: expected a number above 0"),
        (["--every", "x"], "--every x: expected"),
        (["--fps", "1/0"], "--fps 1/0: expected"),
        (["--every", "1e-9"], "--every 1e-9: expected from 0.0001 to 1000000 seconds"),
        (["--fps", "20000"], "--fps 20000: expected from 0.0001 to 1000000 seconds"),
        (["--every", "1e400"], "--every 1e400: expected a number"),
        (["--count", "0"], "--count 0: expected 1 or more"),
        (["--every", "1", "--start", "soon"], "is not a time"),
        (["--every", "1", "--start", "99"], "no frame between 99 s and the end"),
        (["--every", "1", "--start", "1", "--end", "0.5"], "--end 0.5"),
        (["--every", "1", "--quality", "0"], "--quality 0"),
    ],
)
def test_wrong_flags_are_one_line(flags, complaint, tmp_path):
    path = make(ClipSpec(frames=3), tmp_path)
    with pytest.raises(UserError, match=complaint):
        main(["video", str(path), "--out", str(tmp_path / "frames"), "--quiet", *flags])
