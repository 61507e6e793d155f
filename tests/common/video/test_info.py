"""What a file says about itself, what gives people away, and what is no video."""

from fractions import Fraction

import pytest
from clips import CLIPS, PHONE
from media import ClipSpec, Sound, make

from common.errors import UserError
from common.video import display_matrix
from common.video.info import probe
from common.video.telltales import tag_kind


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("clips")


def info_of(name, folder):
    return probe(make(CLIPS[name], folder))


def kinds(info):
    return {telltale.kind for telltale in info.telltales}


@pytest.mark.parametrize(
    ("name", "turns", "size"),
    [
        ("cfr", 0, (64, 96)),
        ("rotated90", 1, (96, 64)),
        ("rotated180", 2, (64, 96)),
        ("rotated270", 3, (96, 64)),
        ("rotated_mkv", 3, (96, 64)),
        ("flipped", 0, (64, 96)),
    ],
)
def test_orientation(name, turns, size, folder):
    info = info_of(name, folder)
    assert info.rotation == turns
    assert info.display_size == size
    assert info.display_matrix == CLIPS[name].display_matrix


def test_a_picture_flipped_top_to_bottom_is_turned_so_that_heads_are_up():
    unit = display_matrix.UNIT
    assert display_matrix.quarter_turns((unit, 0, 0, 0, -unit, 0, 0, 0, display_matrix.LAST)) == 2
    assert [display_matrix.quarter_turns(display_matrix.from_degrees(d)) for d in (0, 90, 180, -90, 80)] == [
        0,
        1,
        2,
        3,
        1,
    ]


def test_colour_depth_and_hdr(folder):
    info = info_of("hdr10", folder)
    assert (info.pixel_format, info.bit_depth, info.codec) == ("yuv420p10le", 10, "hevc")
    assert (info.color_range, info.color_primaries, info.color_trc, info.colorspace) == (1, 9, 16, 9)
    assert info.hdr.content_light == (1000, 400)
    assert info.hdr.mastering_display.luminance == (Fraction(1, 200), Fraction(1000))
    assert info.hdr.mastering_display.white_point == (Fraction(3127, 10000), Fraction(329, 1000))
    assert info.hdr.dynamic == ()
    assert info_of("cfr", folder).hdr is None
    assert info_of("full_range", folder).color_range == 2


def test_times_tracks_and_chapters(folder):
    assert info_of("ntsc", folder).average_rate == Fraction(30000, 1001)
    assert info_of("anamorphic", folder).sample_aspect_ratio == Fraction(16, 11)
    assert info_of("late", folder).start_time == pytest.approx(0.48)
    assert info_of("cfr", folder).declared_frames == 30
    info = info_of("two_sounds_mkv", folder)
    assert [(track.kind, track.codec, track.language) for track in info.tracks] == [
        ("audio", "aac", "deu"),
        ("audio", "opus", "fra"),
        ("subtitle", "subrip", "deu"),
        ("subtitle", "subrip", "fra"),
    ]
    assert info.has_audio
    assert [chapter.title for chapter in info.chapters] == ["first", "second"]
    assert 0 < float(info_of("ts", folder).origin) < 0.1


@pytest.mark.parametrize(
    "name", ["cfr", "ntsc", "two_sounds_mkv", "subtitles", "chapters", "ts", "avi", "gif", "hdr10"]
)
def test_plain_clips_tell_nothing(name, folder):
    assert info_of(name, folder).telltales == ()


def test_a_phone_tells_place_time_device_and_names_but_the_report_repeats_none(folder):
    info = info_of("phone", folder)
    assert kinds(info) == {"location", "time", "device", "text"}
    told = " ".join(f"{telltale.where} {telltale.what}" for telltale in info.telltales)
    for tag in ("location.ISO6709", "quicktime.make", "quicktime.model", "artist", "creation_time"):
        assert tag in told
    for value in PHONE.values():
        assert value not in told


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("phone_mp4", "location"),
        ("telemetry", "telemetry"),
        ("timecode", "timecode"),
        ("cover", "cover"),
        ("attachments", "cover"),
        ("attachments", "attachment"),
    ],
)
def test_what_tells_beside_the_picture(name, kind, folder):
    assert kind in kinds(info_of(name, folder))


def test_covers_are_tracks_not_the_video(folder):
    covers = [track for track in info_of("cover", folder).tracks if track.cover]
    assert [cover.codec for cover in covers] == ["mjpeg"]


@pytest.mark.parametrize(
    ("key", "value", "kind"),
    [
        ("encoder", "Lavf62.12.102", None),
        ("handler_name", "VideoHandler", None),
        ("handler_name", "Core Media Video", None),
        ("handler_name", "GoPro AVC", "device"),
        ("com.android.version", "14", "device"),
        ("location-eng", "+48+011/", "location"),
        ("GPSLatitude", "48", "location"),
        ("creation_time", "2024-05-05", "time"),
        ("comment", "for Erika", "text"),
        ("something_new", "x", "text"),
        ("language", "deu", None),
        ("DURATION-eng", "00:00:01", None),
        ("title", " ", None),
    ],
)
def test_which_tags_tell(key, value, kind):
    assert tag_kind(key, value) == kind


@pytest.mark.parametrize("name", ["odd_name", "dash_name", "no_suffix"])
def test_any_name_opens(name, folder, monkeypatch):
    path = make(CLIPS[name], folder)
    assert probe(path).codec == "h264"
    monkeypatch.chdir(folder)
    assert probe(path.name).codec == "h264"


def refused(path, words):
    with pytest.raises(UserError, match=words) as caught:
        probe(path)
    assert "\n" not in str(caught.value) and str(path) in str(caught.value)


def test_what_is_no_video_is_refused_in_one_line(tmp_path):
    (tmp_path / "empty.mp4").write_bytes(b"")
    (tmp_path / "note.txt").write_text("shopping list\n" * 50)
    (tmp_path / "note.mp4").write_text("shopping list\n" * 50)
    (tmp_path / "list.m3u8").write_text(
        "#EXTM3U\n#EXT-X-TARGETDURATION:4\n#EXTINF:4,\nhttp://127.0.0.1/a.ts\n#EXT-X-ENDLIST\n"
    )
    refused(tmp_path / "missing.mp4", "no such file")
    refused(tmp_path, "is a folder")
    refused(tmp_path / "empty.mp4", "is empty")
    refused(tmp_path / "note.txt", "text file|cannot be read")
    refused(tmp_path / "note.mp4", "text file|cannot be read")
    refused(tmp_path / "list.m3u8", "playlist|cannot be read")


def test_sound_alone_is_refused(tmp_path):
    import av

    source = make(ClipSpec("with.mp4", sounds=(Sound(),), options={"g": "8", "threads": "1"}), tmp_path)
    path = tmp_path / "sound.m4a"
    with av.open(str(source)) as old, av.open(str(path), "w", format="mp4") as new:
        stream = new.add_stream_from_template(old.streams.audio[0])
        for packet in old.demux(audio=0):
            if packet.size:
                packet.stream = stream
                new.mux(packet)
    refused(path, "only sound")


def test_a_single_picture_is_refused(tmp_path):
    from media import cover_jpeg

    (tmp_path / "picture.jpg").write_bytes(cover_jpeg())
    refused(tmp_path / "picture.jpg", "single picture")
