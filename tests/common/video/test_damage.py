"""Whatever FFmpeg can know about damage is counted, and no frame that may build on it passes as sound."""

import av
import pytest
from broken_clips import BREAKABLE, broken_copies, fingerprint, flipped, places, zeroed
from clips import CLIPS
from media import ClipSpec, make, read_number

from common.errors import UserError
from common.video.damage import Damage
from common.video.reader import FrameReader


def pictures_of(path):
    with FrameReader(path) as reader:
        return {fingerprint(frame) for frame in reader}


def wrong_and_unmarked(path, sound):
    """(frames read, wrong ones, wrong ones not marked corrupt, damage)."""
    with FrameReader(path) as reader:
        frames = [(fingerprint(frame) in sound, frame.corrupt) for frame in reader]
    wrong = [corrupt for is_sound, corrupt in frames if not is_sound]
    return len(frames), len(wrong), sum(corrupt is None for corrupt in wrong), reader.damage


@pytest.mark.parametrize("name", BREAKABLE)
def test_zeroed_stretches_are_noticed_and_everything_that_builds_on_them_is_marked(name, tmp_path):
    sound = pictures_of(make(BREAKABLE[name], tmp_path))
    wrong = unmarked = unnoticed = read = 0
    for _, path in broken_copies(name, tmp_path, 15, zeroed):
        try:
            count, bad, missed, damage = wrong_and_unmarked(path, sound)
        except UserError:
            continue  # nothing of it decodes: refused as a whole
        read, wrong, unmarked = read + 1, wrong + bad, unmarked + missed
        unnoticed += bool(not damage and (bad or count < 45))
    assert read >= 8 and wrong > 0
    if name == "vp9_webm":  # VP9 carries no checks: zeros inside one picture decode to something, without a word
        assert unnoticed < read
    else:
        assert unnoticed == 0
        assert unmarked <= wrong // 20


@pytest.mark.parametrize("name", BREAKABLE)
def test_flipped_bytes_never_hang_and_keep_the_frames(name, tmp_path):
    sound = pictures_of(make(BREAKABLE[name], tmp_path))
    wrong = unmarked = silently_short = 0
    for _, path in broken_copies(name, tmp_path, 20, flipped):
        count, bad, missed, damage = wrong_and_unmarked(path, sound)
        silently_short += bool(count < 45 and not damage)
        wrong, unmarked = wrong + bad, unmarked + missed
    assert wrong > 0
    assert silently_short <= 2  # a flipped header can turn a picture into one that is hidden, or of another track
    if name in ("h264_mp4", "mpeg4_avi"):  # these decoders check what they read; HEVC and VP9 have nothing to check
        assert unmarked < wrong / 2


@pytest.mark.parametrize("name", ["h264_mp4", "h264_mkv", "hevc_mp4", "mpeg4_avi", "vp9_webm"])
@pytest.mark.parametrize("share", [0.6, 0.75, 0.9])
def test_truncated_files_are_told(name, share, tmp_path):
    path = make(BREAKABLE[name], tmp_path)
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    with FrameReader(path) as reader:
        count = sum(1 for _ in reader)
    assert 0 < count < 45
    assert reader.damage.truncated
    assert "truncated" in reader.damage.describe()
    if "mp4" in name:
        assert reader.damage.declared == 45
        assert reader.damage.missing + count == 45


def test_a_transport_stream_cut_inside_a_packet_is_told(tmp_path):
    path = make(BREAKABLE["h264_ts"], tmp_path)
    data = path.read_bytes()
    path.write_bytes(data[: 188 * 100 + 60])
    with FrameReader(path) as reader:
        assert sum(1 for _ in reader) > 0
    assert reader.damage.truncated


def test_an_mp4_without_its_index_is_refused_in_one_line(tmp_path):
    spec = ClipSpec("late-index.mp4", options={"g": "15", "threads": "1"})
    path = make(spec, tmp_path)
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(UserError, match=r"cannot be read as a video|no decoder|holds no video") as caught:
        FrameReader(path)
    assert "\n" not in str(caught.value)


def test_a_frame_that_does_not_decode_is_delivered_at_its_time(tmp_path):
    """One whole packet is zeroed: the frame keeps its place, and all are doubted until a clean key frame."""
    path = make(BREAKABLE["hevc_mp4"], tmp_path)
    with FrameReader(path) as reader:
        times = [frame.pts for frame in reader]
    place, size = packet_at(path, 20)
    data = path.read_bytes()
    path.write_bytes(data[:place] + bytes(size) + data[place + size :])
    with FrameReader(path) as reader:
        frames = list(reader)
    assert [frame.pts for frame in frames] == times
    corrupt = {frame.index for frame in frames if frame.corrupt}
    assert {19, 20, 21} <= corrupt <= set(range(13, 43))
    assert reader.damage.corrupt == len(corrupt)
    assert reader.damage.decoded == 44


def packet_at(path, number):
    """(place, size) of a packet in the file."""
    with av.open(str(path)) as container:
        packets = [packet for packet in container.demux(video=0) if packet.size]
        return packets[number].pos, packets[number].size


def test_a_video_that_begins_with_garbage_begins_black(tmp_path):
    path = make(BREAKABLE["hevc_mp4"], tmp_path)
    place, size = packet_at(path, 0)
    data = path.read_bytes()
    path.write_bytes(data[:place] + bytes(size) + data[place + size :])
    with FrameReader(path) as reader:
        frames = list(reader)
    assert len(frames) == 45
    assert frames[0].corrupt
    assert frames[0].rgb().max() == 0


def joined(tmp_path, first, second):
    """Two transport streams one behind the other, as a recorder writes them when the programme changes."""
    path = tmp_path / "joined.ts"
    path.write_bytes(make(first, tmp_path).read_bytes() + make(second, tmp_path).read_bytes())
    return path


def test_a_new_resolution_is_scaled_and_counted(tmp_path):
    options = {"g": "8", "threads": "1"}
    path = joined(
        tmp_path,
        ClipSpec("small.ts", size=(64, 96), frames=10, options=options),
        ClipSpec("large.ts", size=(128, 192), frames=10, start=0.4, options=options),
    )
    with FrameReader(path) as reader:
        frames = list(reader)
    assert {(frame.picture.height, frame.picture.width) for frame in frames} == {(64, 96)}
    assert [read_number(frame.picture) for frame in frames[-8:]] == list(range(2, 10))
    assert 8 <= reader.damage.resized <= 10
    assert "another size" in reader.damage.describe()
    assert all(frame.corrupt is None for frame in frames[-2:])


def test_a_new_shape_is_covered_whole(tmp_path):
    options = {"g": "8", "threads": "1"}
    path = joined(
        tmp_path,
        ClipSpec("wide.ts", size=(64, 96), frames=10, options=options),
        ClipSpec("tall.ts", size=(96, 64), frames=10, start=0.4, options=options),
    )
    with FrameReader(path) as reader:
        frames = list(reader)
    assert {(frame.picture.height, frame.picture.width) for frame in frames} == {(64, 96)}
    assert all(frame.corrupt for frame in frames[-8:])
    assert reader.damage.resized >= 8


def test_leading_pictures_of_a_recording_that_starts_mid_way_are_left_out_without_alarm(tmp_path):
    """What players do: nothing is shown before the first key frame."""
    path = make(BREAKABLE["h264_ts"], tmp_path)
    data = path.read_bytes()
    tables, rest = data[: 188 * 3], data[188 * 3 :]
    start = rest.find(b"\x00\x00\x00\x01\x09", 188 * 20) // 188 * 188  # an access unit well behind the first key frame
    path.write_bytes(tables + rest[start:])
    with FrameReader(path) as reader:
        frames = list(reader)
    assert 15 <= len(frames) < 45
    assert frames[0].picture.key_frame


def test_fragments_of_a_damaged_clip_mark_the_same_frames(tmp_path):
    data = make(BREAKABLE["h264_mp4"], tmp_path).read_bytes()
    path = tmp_path / "broken.mp4"
    path.write_bytes(zeroed(data, len(data) // 2))
    with FrameReader(path) as reader:
        whole = {frame.pts: frame.corrupt is not None for frame in reader}
        times = [pts * float(reader.info.time_base) for pts in whole]
    first = list(whole.values()).index(True)
    with FrameReader(path, start=times[first + 2]) as reader:
        assert {frame.pts: frame.corrupt is not None for frame in reader} == dict(list(whole.items())[first + 2 :])


def test_reading_the_same_broken_file_finds_the_same_damage(tmp_path):
    """Error flags must not depend on which decoder thread is faster."""
    for _, path in broken_copies("h264_mp4", tmp_path, 6, zeroed):
        try:
            found = [[frame.corrupt for frame in FrameReader(path, threads=6)] for _ in range(3)]
        except UserError:
            continue
        assert found[0] == found[1] == found[2]


def test_damage_in_words():
    damage = Damage(declared=10, decoded=7, corrupt=2, missing=3, truncated=True)
    damage.note("parts of the file cannot be read")
    damage.note("parts of the file cannot be read")
    assert damage
    assert damage.describe() == (
        "shorter than it says (truncated); 2 frames corrupt; 3 frames missing; "
        "7 of 10 declared frames decoded; parts of the file cannot be read"
    )
    assert not Damage(declared=3, decoded=3, leading=2)


def test_positions_are_spread_over_the_middle():
    assert places(bytes(1000), 4) == [450, 575, 700, 825]


def test_healthy_clips_of_many_kinds_are_not_called_damaged(tmp_path):
    for name in ("two_sounds_mkv", "interlaced", "gif", "mpeg2"):
        with FrameReader(make(CLIPS[name], tmp_path)) as reader:
            assert all(frame.corrupt is None for frame in reader)
        assert not reader.damage
