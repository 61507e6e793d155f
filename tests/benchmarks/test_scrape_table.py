"""The benchmark of the download: its site, its worker and its table."""

import io
import time
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest
from PIL import Image

from benchmarks import scrape
from benchmarks.picture_site import picture, picture_site
from common.errors import UserError
from common.perceptual_hash import DISTANCE, perceptual_hash


def test_the_site_answers_late_with_pictures_that_look_different():
    with picture_site(3, 64, 0.2) as address:
        begin = time.monotonic()
        bodies = [urlopen(f"{address}/{number}.jpg").read() for number in range(3)]
        assert time.monotonic() - begin >= 0.6
        with pytest.raises(HTTPError, match="404"):
            urlopen(f"{address}/3.jpg")
    assert bodies[1] == picture(1, 64)
    images = [Image.open(io.BytesIO(body)) for body in bodies]
    assert {image.size for image in images} == {(64, 48)}
    hashes = [perceptual_hash(image) for image in images]
    assert min((hashes[a] ^ hashes[b]).bit_count() for a, b in ((0, 1), (0, 2), (1, 2))) > DISTANCE


def test_our_own_row_is_printed(capsys, tmp_path):
    flags = ["--pictures", "12", "--side", "64", "--latency", "0", "--rounds", "1", "--workers", "1"]
    assert scrape.main([*flags, "--json", str(tmp_path / "numbers.json")]) == 0
    assert "| ours |" in capsys.readouterr().out
    assert '"saved": 12' in (tmp_path / "numbers.json").read_text()


def test_the_fastest_stands_first():
    def run(saved, seconds, cpu):
        return {"saved": saved, "seconds": seconds, "cpu_seconds": cpu, "memory_mb": {"most": 100.0}}

    results = {"slow": [run(10, 10.0, 0.1)], "ours": [run(10, 1.0, 0.02), run(9, 3.0, 0.02), run(10, 2.0, 0.02)]}
    assert scrape.table(results).splitlines()[2:] == [
        "| ours | 5 | 2.0 ms | 9 | 100 MB |",
        "| slow | 1 | 10.0 ms | 10 | 100 MB |",
    ]


def test_a_peer_that_is_not_there_is_named(tmp_path):
    with pytest.raises(UserError, match=r"--icrawler .*: no such file"):
        scrape.main(["--icrawler", str(tmp_path / "python")])
    with pytest.raises(UserError, match="must be 1 or more"):
        scrape.main(["--rounds", "0"])


def test_finding_look_alikes_is_timed_among_ever_more(capsys):
    assert scrape.main(["--looks", "500"]) == 0
    rows = [line.split("|")[1].strip() for line in capsys.readouterr().out.splitlines() if line.startswith("| ")]
    assert rows == ["hashes", "5", "50", "500"]
    with pytest.raises(UserError, match="--looks 0: expected 1 or more"):
        scrape.main(["--looks", "0"])
