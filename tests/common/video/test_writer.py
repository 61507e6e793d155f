"""A clip written anew is the same clip: the matrix of `clips.CLIPS`, property by property."""

from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pytest
from clips import CLIPS
from media import ClipSpec, Sound, Words, click_times, make, packets_of
from rewriting import color_facts, payloads, rewrite, shown, track_facts

from common.video.info import probe
from common.video.plan import check_plan
from common.video.reader import FrameReader
from common.video.writer import EncodeSettings, VideoWriter

WHOLE = [name for name in CLIPS if name != "mpeg2"]  # there is no .mpg output
# H.264 cannot code 4:2:0 in an odd size; the note says so and the pictures become 4:4:4.
FULL_CHROMA = {"odd_mpeg4": "yuv444p", "odd_ffv1": "yuv444p"}


@pytest.mark.parametrize("name", WHOLE)
def test_the_same_clip_comes_out(name, tmp_path):
    source = make(CLIPS[name], tmp_path)
    target = tmp_path / "out" / source.name
    target.parent.mkdir()
    check_plan(probe(source), target, EncodeSettings())
    writer = rewrite(source, target)
    before, after = shown(source), shown(target)

    assert after.times == before.times
    assert after.numbers == before.numbers
    if before.info.container != "mpegts":  # which stores no durations
        assert after.end == pytest.approx(before.end, abs=0.0011)
    for fact in ("width", "height", "rotation", "display_matrix", "hdr", "chapters", "bit_depth"):
        assert getattr(after.info, fact) == getattr(before.info, fact), fact
    assert (after.info.sample_aspect_ratio or 1) == (before.info.sample_aspect_ratio or 1)
    assert after.info.pixel_format == FULL_CHROMA.get(name, before.info.pixel_format)
    assert bool(writer.notes) == (name in FULL_CHROMA or name == "odd_mjpeg")
    if name != "odd_mjpeg":  # AVI holds no colour tags, as the note says
        assert color_facts(after.info) == color_facts(before.info)
    assert track_facts(after.info) == track_facts(before.info)
    assert payloads(target, "audio") == payloads(source, "audio")
    assert payloads(target, "subtitles") == payloads(source, "subtitles")
    for track in range(len(CLIPS[name].sounds)):
        assert click_times(target, track) == pytest.approx(click_times(source, track), abs=0.0015)


@pytest.mark.parametrize("name", ["phone", "phone_mp4", "telemetry", "timecode", "cover", "attachments"])
def test_what_tells_is_gone_unless_wanted(name, tmp_path):
    source = make(CLIPS[name], tmp_path)
    assert probe(source).telltales
    plain, kept = tmp_path / f"plain{source.suffix}", tmp_path / f"kept{source.suffix}"
    rewrite(source, plain)
    assert probe(plain).telltales == ()
    rewrite(source, kept, EncodeSettings(keep_metadata=True))
    found = {(telltale.kind) for telltale in probe(source).telltales}
    assert {(telltale.kind) for telltale in probe(kept).telltales} >= found - {"text"}


OTHER_CONTAINERS = {
    "cfr": ["a.mkv", "a.mov", "a.ts", "a.m2ts", "a.flv", "a.avi", "a: %02d -x.mkv", "-y.mp4", "holiday 12.2024"],
    "vfr": ["a.mkv", "a.ts"],
    "vfr_mkv": ["a.mp4", "a.webm"],
    "late": ["a.mkv", "a.ts"],
    "odd_vp9": ["a.mkv", "a.mp4"],
    "hdr10": ["a.mkv", "a.ts"],
    "full_range": ["a.webm"],
    "prores": ["a.mkv"],
    "avi": ["a.mp4"],
    "rotated90": ["a.mkv"],
    "gif": ["a.mp4"],
    "no_suffix": ["plain"],
}


@pytest.mark.parametrize(
    "source_name, target_name", [(name, other) for name, others in OTHER_CONTAINERS.items() for other in others]
)
def test_other_containers_keep_pictures_times_and_sound(source_name, target_name, tmp_path):
    source = make(CLIPS[source_name], tmp_path)
    target = tmp_path / "out" / target_name
    target.parent.mkdir()
    check_plan(probe(source), target, EncodeSettings())
    rewrite(source, target)
    before, after = shown(source), shown(target)
    assert (after.times, after.numbers) == (before.times, before.numbers)
    assert (after.info.width, after.info.height, after.info.rotation) == (
        before.info.width,
        before.info.height,
        before.info.rotation,
    )
    assert after.info.hdr == before.info.hdr
    if CLIPS[source_name].sounds and target.suffix not in (".ts", ".m2ts", ".flv", ".avi"):
        assert payloads(target, "audio") == payloads(source, "audio")  # others frame AAC or drop its silent lead-in
    if CLIPS[source_name].sounds:
        assert click_times(target) == pytest.approx(click_times(source), abs=0.0015)


LONG = {
    ".mp4": replace(CLIPS["cfr"], name="long.mp4", frames=100, chapters=True, words=(Words(),)),
    ".mkv": replace(
        CLIPS["cfr"],
        name="long.mkv",
        frames=100,
        sounds=(Sound("libopus", "deu"), Sound("aac", "fra", 600)),
        words=(Words("subrip"),),
        chapters=True,
    ),
    ".ts": replace(CLIPS["cfr"], name="long.ts", frames=100),
    ".avi": replace(CLIPS["avi"], name="long.avi", frames=100),
    ".flv": replace(CLIPS["cfr"], name="long.flv", frames=100),
}


@pytest.mark.parametrize("suffix", list(LONG))
@pytest.mark.parametrize("span", [(1.21, 3.03), (2.0, None), (None, 1.5)])
def test_a_fragment_is_frame_exact_and_in_step(suffix, span, tmp_path):
    source = make(LONG[suffix], tmp_path)
    target = tmp_path / f"cut{suffix}"
    start, end = span
    rewrite(source, target, None, start, end)
    before, after = shown(source), shown(target)
    origin = float(before.info.origin)
    wanted = [
        number
        for number, time in zip(before.numbers, before.times, strict=True)
        if (start or 0) <= time / 1000 - origin + 1e-6 and (end is None or time / 1000 - origin < end - 1e-6)
    ]
    assert after.numbers == wanted
    if start:
        assert after.times[0] == 0
    shift = before.times[before.numbers.index(wanted[0])] - after.times[0]
    assert [time + shift for time in after.times] == [before.times[before.numbers.index(n)] for n in wanted]
    for track in range(len(LONG[suffix].sounds)):
        expected = [click - shift / 1000 for click in click_times(source, track)]
        heard = click_times(target, track)
        assert heard
        for click in heard:  # to one picture, and mostly to the millisecond
            assert min(abs(click - other) for other in expected) < 0.0401
        # A click at the very edge may fall to either side; those well inside are all there.
        inside = [click for click in expected if 0.1 < click < after.times[-1] / 1000 - 0.1]
        assert len([click for click in heard if 0.1 < click < after.times[-1] / 1000 - 0.1]) == len(inside)
        sound = packets_of(target, "audio", track)
        assert sound[-1][0] <= after.times[-1] / 1000 + 0.0801
        known = {payload for _, payload in packets_of(source, "audio", track)}
        assert all(payload in known for _, payload in sound)


def test_chapters_and_lines_of_a_fragment_are_moved_and_cut(tmp_path):
    source = make(LONG[".mp4"], tmp_path)  # chapters 0-1.98 s and 1.98-3.96 s, a line every 0.4 s for 0.3 s
    target = tmp_path / "cut.mp4"
    rewrite(source, target, None, 1.24, 3.0)  # both on a picture
    chapters = [(float(mark.start), float(mark.end), mark.title) for mark in probe(target).chapters]
    assert chapters == [(0.0, pytest.approx(0.74), "first"), (pytest.approx(0.74), pytest.approx(1.76), "second")]
    lines = [(round(time, 2), payload[2:].decode()) for time, payload in packets_of(target, "subtitles")]
    spoken = [line for line in lines if line[1]]
    assert spoken == [(0.0, "line 3"), (0.36, "line 4"), (0.76, "line 5"), (1.16, "line 6"), (1.56, "line 7")]


def test_sound_and_lines_can_be_dropped(tmp_path):
    source = make(CLIPS["two_sounds_mkv"], tmp_path)
    target = tmp_path / "silent.mp4"
    rewrite(source, target, EncodeSettings(audio="drop", subtitles="drop"))
    assert track_facts(probe(target)) == []


@pytest.mark.parametrize("codec", ["hevc", "vp9", "av1", "ffv1", "prores", "mpeg4", "mpeg2video", "mjpeg", "libx264"])
def test_codecs_by_name(codec, tmp_path):
    source = make(CLIPS["cfr"], tmp_path)
    target = tmp_path / "out.mkv"
    rewrite(source, target, EncodeSettings(codec=codec))
    before, after = shown(source), shown(target)
    assert (after.times, after.numbers) == (before.times, before.numbers)
    assert after.info.codec == {"libx264": "h264"}.get(codec, codec)


def test_crf_and_preset_reach_the_encoder(tmp_path):
    source = make(replace(CLIPS["cfr"], texture=30), tmp_path)
    sizes = []
    for crf, preset in ((10, None), (40, None), (40, "slower")):
        target = tmp_path / f"{crf}{preset}.mp4"
        rewrite(source, target, EncodeSettings(crf=crf, preset=preset, audio="drop"))
        sizes.append(target.stat().st_size)
    assert sizes[0] > 2 * sizes[1]
    assert sizes[1] != sizes[2]


@pytest.mark.parametrize(
    "name, target_name, codec",
    [
        ("cfr", "a.mp4", None),
        ("full_range", "a.mp4", None),
        ("yuv422p", "a.mkv", None),
        ("hdr10", "a.mp4", None),
        ("odd_vp9", "a.webm", None),
        ("odd_vp9", "a.mkv", "ffv1"),
        ("cfr", "a.avi", None),
    ],
)
def test_lossless_keeps_every_sample(name, target_name, codec, tmp_path):
    source = make(replace(CLIPS[name], sounds=(), texture=20), tmp_path)
    target = tmp_path / "out" / target_name
    target.parent.mkdir()
    rewrite(source, target, EncodeSettings(codec=codec, lossless=True))
    for before, after in zip(planes(source), planes(target), strict=True):
        assert all(np.array_equal(one, other) for one, other in zip(before, after, strict=True))


def planes(path: Path) -> list[list[np.ndarray]]:
    with FrameReader(path) as reader:
        return [
            [
                np.frombuffer(plane, np.uint8).reshape(plane.height, -1)[:, : plane.width * depth].copy()
                for plane in frame.picture.planes
            ]
            for frame in reader
            for depth in [2 if "10" in frame.picture.format.name else 1]
        ]


@pytest.mark.parametrize(
    "target_name, decoder", [("a.mov", None), ("a.mkv", None), ("a.webm", "libvpx-vp9"), ("a.gif", None)]
)
def test_cut_outs_keep_their_transparency(target_name, decoder, tmp_path):
    source = make(replace(CLIPS["cfr"], sounds=()), tmp_path)
    target = tmp_path / target_name
    with FrameReader(source) as reader:
        with VideoWriter(target, target, reader.info, EncodeSettings(alpha=True)) as writer:
            for frame in reader:
                pixels = frame.picture.to_ndarray(format="rgba").copy()
                pixels[:, :48, 3] = 0
                writer.write(av.VideoFrame.from_ndarray(pixels, format="rgba"), frame)
    with av.open(str(target)) as container:
        stream = container.streams.video[0]
        context = stream.codec_context if decoder is None else av.CodecContext.create(decoder, "r")
        pictures = [picture for packet in container.demux(stream) for picture in context.decode(packet)]
    assert len(pictures) == 30
    for picture in pictures:
        alpha = picture.to_ndarray(format="rgba")[..., 3]
        assert alpha[:, :44].max() < 8 and alpha[:, 52:].min() > 247


def test_interlaced_stays_interlaced_in_the_same_order(tmp_path):
    source = make(CLIPS["interlaced"], tmp_path)
    target = tmp_path / "out.mkv"
    rewrite(source, target)
    orders = []
    for path in (source, target):
        with av.open(str(path)) as container:
            picture = next(container.decode(video=0))
            orders.append((picture.interlaced_frame, container.streams.video[0].codec_context.field_order))
    assert orders[0] == orders[1]
    assert orders[0][0]


def test_gif_keeps_its_loops_and_delays(tmp_path):
    source = make(CLIPS["gif"], tmp_path)
    once = tmp_path / "once.gif"
    # A GIF without the looping block plays once: cut the 19 bytes out.
    content = source.read_bytes()
    place = content.index(b"NETSCAPE2.0") - 3
    once.write_bytes(content[:place] + content[place + 19 :])
    for path, looping in ((source, True), (once, False)):
        target = tmp_path / f"out_{path.name}"
        rewrite(path, target)
        assert (b"NETSCAPE2.0" in target.read_bytes()) == looping
        assert shown(target).times == shown(path).times
        assert shown(target).end == pytest.approx(shown(path).end)


@pytest.mark.parametrize("name", ["a.mkv", "a.mp4"])
def test_the_same_input_gives_the_same_bytes(name, tmp_path):
    source = make(CLIPS["cfr"], tmp_path)
    contents = []
    for folder in ("one", "other"):
        target = tmp_path / folder / name
        target.parent.mkdir()
        rewrite(source, target, EncodeSettings(codec="ffv1"))  # x264 itself is not steady to the last bit
        contents.append(target.read_bytes())
    assert contents[0] == contents[1]


@pytest.mark.parametrize("codec", ["av1", "h264"])
def test_hdr10_tags_go_through_other_encoders(codec, tmp_path):
    source = make(replace(CLIPS["hdr10"], sounds=()), tmp_path)
    target = tmp_path / "out.mkv"
    rewrite(source, target, EncodeSettings(codec=codec))
    before, after = probe(source), probe(target)
    assert after.hdr is not None and before.hdr is not None
    assert after.hdr.content_light == before.hdr.content_light
    one, other = before.hdr.mastering_display, after.hdr.mastering_display
    assert one is not None and other is not None
    assert one.primaries is not None and other.primaries is not None
    for (x, y), (other_x, other_y) in zip(one.primaries, other.primaries, strict=True):
        assert (float(other_x), float(other_y)) == pytest.approx((float(x), float(y)), abs=1e-4)
    assert one.luminance is not None and other.luminance is not None
    assert float(other.luminance[1]) == pytest.approx(float(one.luminance[1]))
    assert (after.bit_depth, after.color_trc) == (10, before.color_trc)


def test_sound_far_longer_than_the_picture_is_kept_whole(tmp_path):
    source = tmp_path / "long_sound.mkv"
    picture, sound = (
        make(ClipSpec("p.mkv", frames=5), tmp_path),
        make(ClipSpec("s.mkv", frames=200, sounds=(Sound(),)), tmp_path),
    )
    with av.open(str(picture)) as one, av.open(str(sound)) as other, av.open(str(source), "w") as both:
        video = both.add_stream_from_template(one.streams.video[0], opaque=True)
        audio = both.add_stream_from_template(other.streams.audio[0], opaque=True)
        for container, kind, stream in ((one, "video", video), (other, "audio", audio)):
            for packet in container.demux(getattr(container.streams, kind)[0]):
                if packet.size:
                    packet.stream = stream
                    both.mux(packet)
    target = tmp_path / "out.mkv"
    rewrite(source, target)
    assert payloads(target, "audio") == payloads(source, "audio")
    assert len(shown(target).times) == 5
    half = tmp_path / "half.mkv"
    rewrite(source, half, None, 0.1, 4.0)  # sound goes on to the asked end, not only to the last picture
    assert packets_of(half, "audio")[-1][0] == pytest.approx(3.88, abs=0.03)


@pytest.mark.parametrize("name", ["a.webm", "a.mkv", "a.mov"])
def test_a_cut_outs_alpha_is_really_in_the_file(name, tmp_path):
    source, target = make(replace(CLIPS["cfr"], sounds=(), frames=5), tmp_path), tmp_path / name
    settings = EncodeSettings(alpha=True)
    check_plan(probe(source), target, settings)
    with FrameReader(source) as reader, VideoWriter(target, target, reader.info, settings) as writer:
        for frame in reader:
            pixels = frame.picture.to_ndarray(format="rgba").copy()
            pixels[:, : pixels.shape[1] // 2, 3] = 0
            writer.write(av.VideoFrame.from_ndarray(pixels, format="rgba"), frame)
    with av.open(str(target)) as container:
        stream = container.streams.video[0]
        # FFmpeg's own VP9 decoder leaves the alpha layer out; browsers and libvpx show it.
        decoder = av.CodecContext.create("libvpx-vp9", "r") if name == "a.webm" else stream.codec_context
        pictures = [picture for packet in container.demux(stream) for picture in decoder.decode(packet)]
    assert len(pictures) == 5
    for picture in pictures:
        alpha = picture.to_ndarray(format="rgba")[..., 3]
        half = alpha.shape[1] // 2
        assert alpha[:, : half - 8].max() < 10
        assert alpha[:, half + 8 :].min() > 245


def test_sound_that_a_container_cannot_hold_is_named(tmp_path):
    """AVI begins at zero; H.264 with B-pictures begins a frame late there, and the sound before it has no place."""
    source = make(ClipSpec("late.avi", sounds=(Sound(),), options={"bf": "2", "preset": "veryfast"}), tmp_path)
    notes = rewrite(source, tmp_path / "out.avi").notes
    lost = len(packets_of(source, "audio")) - len(packets_of(tmp_path / "out.avi", "audio"))
    assert lost > 0
    assert any(f"{lost} packets before it are left out" in note for note in notes)
