import json
from html.parser import HTMLParser

import pytest

from infer.moments import Moment
from infer.report import Report, sha256, summary_lines, versions
from infer.report_files import write_report
from infer.tally import Totals, TrackSummary

PNG = b"\x89PNG\r\n\x1a\nnot really"


def report(**changes):
    totals = Totals(
        frames=300,
        duration=10.0,
        objects={"face": 2},
        appearances={"face": 420},
        tracks=[
            TrackSummary(1, "face", 0.0, 9.9, {"detected": 200, "propagated": 90, "manual": 0}, 0.31, 0.82),
            TrackSummary(2, "face", 3.0, 7.0, {"detected": 0, "propagated": 0, "manual": 130}, None, None),
        ],
        mean_share=0.0312,
        highest_share=0.25,
        highest_time=4.5,
        empty_frames=10,
        empty_stretches=[(9.6, 10.0)],
        moments=[Moment(5.0, 150, "appears in mid-picture", 0.5, (1, 2)), Moment(2.5, 75, "weakly seen", 0.2, (1,))],
    )
    given = {"source": "clip.mp4", "output": "out/clip.masked.mp4", "totals": totals, "effect": "pixelate"}
    return Report(**{**given, **changes})


def quiet(**changes):
    return report(totals=Totals(frames=3, objects={"face": 1}, appearances={"face": 3}), **changes)


class Page(HTMLParser):
    """Collects text and attributes, and checks that tags close in the order in which they open."""

    VOID = ("meta", "img", "br")

    def __init__(self, text):
        super().__init__()
        self.open, self.text, self.attributes = [], [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.attributes += [(tag, *pair) for pair in attrs]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


def written(tmp_path, which, thumbnails=None):
    write_report(which, tmp_path / "r.json", tmp_path / "r.html", thumbnails)
    return json.loads((tmp_path / "r.json").read_text("utf-8")), (tmp_path / "r.html").read_text("utf-8")


def test_both_files_say_what_was_hidden_with_what(tmp_path):
    which = report(
        argv=["video", "my clip.mp4"],
        versions={"av": "18.0"},
        hashes={"source": "abc123", "output": "def456", "model": "789fed"},
        model="centerface on cpu",
        settings={"search": {"score": 0.5, "floor": None, "classes": ["face"]}, "start": None, "strict": False},
        telltales=["location in the file's tags"],
        notes=["second video track left out"],
        seconds={"finding": 12.34},
    )
    data, html = written(tmp_path, which)
    assert data["totals"]["objects"] == {"face": 2}
    assert data["totals"]["tracks"][0]["frames"]["propagated"] == 90
    assert data["hashes"]["output"] == "def456"
    assert data["review"] == ["1 moment to check by eye"]
    text = " ".join(Page(html).text)
    files = [
        "clip.masked.mp4",
        "abc123",
        "def456",
        "789fed",
        "location in the file's tags",
        "second video track left out",
    ]
    ways = ["centerface on cpu", "pixelate", "video 'my clip.mp4'", 'score 0.5, classes ["face"]', "12.3 s", "18.0"]
    counts = ["appears in mid-picture", "0:05.000", "3.1 %", "25.0 %", "0:09.600 – 0:10.000", "0.82 (0.31)"]
    for expected in [*files, *ways, *counts, "Name", "Date", "Signature", "Needs review"]:
        assert expected in text


def test_the_page_is_whole_and_loads_nothing(tmp_path):
    _, html = written(tmp_path, report(), {150: PNG, 75: b"\xff\xd8jpeg"})
    page = Page(html)
    assert page.open == []
    links = [value for _, name, value in page.attributes if name in ("src", "href", "action", "data")]
    assert len(links) == 2
    assert links[0].startswith("data:image/png;base64,") and links[1].startswith("data:image/jpeg;base64,")
    assert "url(" not in html and "@import" not in html and "<script" not in html
    assert "@page { size: A4" in html


def test_names_cannot_break_the_page_and_dollars_stay(tmp_path):
    evil = '<script>alert("1")</script> $title & "x"'
    which = report(
        source=evil, output=f"a/{evil.replace('/', '')}", notes=[evil], telltales=[evil], damage=evil, argv=[evil],
        model=evil, settings={evil: evil}, versions={evil: evil}, hashes={evil: evil}, effect=evil, anonymises=evil,
    )  # fmt: skip
    which.totals.moments.append(Moment(1.0, 1, evil, 0.9))
    which.totals.tracks[0].name = evil
    which.totals.appearances[evil] = 1
    which.totals.whole_frames[evil] = 1
    _, html = written(tmp_path, which)
    page = Page(html)
    assert "<script" not in html
    assert page.open == []
    assert "".join(page.text).count("$title & ") >= 14


def test_a_name_that_is_no_text_costs_no_report(tmp_path):
    data, html = written(tmp_path, report(source="clip\udce9.mp4"))
    assert data["source"] == "clip\udce9.mp4"
    assert "clip\\udce9.mp4" in html


def test_many_tracks_do_not_flood_the_page(tmp_path):
    which = report()
    which.totals.tracks *= 50
    data, html = written(tmp_path, which)
    assert len(data["totals"]["tracks"]) == 100
    assert "40 more in the JSON report" in html


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({}, None),
        ({"totals": Totals(frames=3)}, "nothing was found"),
        ({"damage": "truncated"}, "damaged: truncated"),
        ({"totals": Totals(frames=3, whole_frames={"corrupt": 1})}, "1 frame could not be judged and is covered whole"),
        ({"anonymises": "no"}, "pixelate does not make anything unrecognisable"),
        ({"telltales": ["location"]}, None),
        ({"telltales": ["location"], "telltales_kept": True}, "kept on request: location"),
    ],
)
def test_what_asks_for_a_review(changes, reason):
    which = Report(**{**quiet().__dict__, **changes})
    if reason is None:
        assert which.review == []
        assert which.exit_code(strict=True) == 0
    else:
        assert len(which.review) == 1 and reason in which.review[0]
        assert which.exit_code(strict=True) == 4
    assert which.exit_code(strict=False) == 0


def test_the_summary_is_a_few_lines():
    assert summary_lines(report(notes=["10-bit kept as HEVC"], telltales=["location"], damage="3 frames missing")) == [
        "out/clip.masked.mp4: 300 frames, hidden: 2 face tracks (420 times)",
        "frames with nothing hidden: 10 of 300; covered: 3.1 % of the picture on average, 25.0 % at most",
        "the source is damaged: 3 frames missing",
        "dropped: location",
        "note: 10-bit kept as HEVC",
        "weakest moments, to check by eye:",
        "  0:05.000  appears in mid-picture, tracks 1, 2",
        "  0:02.500  weakly seen, track 1",
        "needs review: the source is damaged: 3 frames missing; 1 moment to check by eye",
    ]
    assert summary_lines(report(totals=Totals(frames=1)))[0] == "out/clip.masked.mp4: 1 frame, nothing hidden"


def test_the_summary_names_five_moments():
    which = report()
    which.totals.moments = [Moment(float(index), index, "weak", 0.1) for index in range(12)]
    lines = summary_lines(which)
    assert lines[2] == "weakest moments, to check by eye, 7 more in the report:"
    assert len(lines) == 3 + 5


def test_hash_and_versions(tmp_path):
    (tmp_path / "abc").write_bytes(b"abc")
    assert sha256(tmp_path / "abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    found = versions()
    assert {"python", "av", "ffmpeg", "numpy"} <= set(found)
    assert all(found.values())


def test_a_class_that_was_asked_for_and_hidden_nowhere_is_said():
    asked = report(settings={"search": {"classes": ["face", "car"], "belonging": []}}, model="centerface on CPU")
    assert "asked for and hidden nowhere: car" in summary_lines(asked)
    found = report(settings={"search": {"classes": ["face"], "belonging": []}}, model="centerface on CPU")
    assert not any("nowhere" in line for line in summary_lines(found))
