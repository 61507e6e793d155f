"""What servers wish for, and what must not be asked, is kept to."""

import threading
import time

import pytest
from fetching import QUICK, fetched, lines
from picture_server import busy_first, encoded, photo, picture_server

from scrape import addresses
from scrape.download import download
from scrape.download_settings import DownloadSettings
from scrape.found import Found
from scrape.hosts import Host


def test_robots_txt_is_obeyed_unless_told_otherwise(site, tmp_path, threads):
    site.add("/robots.txt", b"User-agent: *\nDisallow: /private/")
    urls = [site.add(f"/{name}/a.jpg", encoded(photo(number))) for number, name in enumerate(("open", "private"))]
    site.pages["/to-private.jpg"] = (302, {"Location": "/private/a.jpg"}, b"")
    urls.append(site.address + "/to-private.jpg")
    outcome = fetched(urls, tmp_path)
    assert (outcome.saved, dict(outcome.failed)) == (1, {"robots": 2})
    assert site.asked["/private/a.jpg"] == 0 and site.asked["/robots.txt"] == 1
    site.asked.clear()
    outcome = fetched(urls, tmp_path, obey_robots=False)
    assert (outcome.saved, outcome.kept, outcome.duplicates) == (1, 1, 1)
    assert site.asked["/robots.txt"] == 0


def test_a_forbidding_header_can_be_overruled(site, tmp_path, threads):
    url = site.add("/a.jpg", encoded(photo(1)), TDM_Reservation="1")
    assert dict(fetched([url], tmp_path).failed) == {"noai": 1}
    assert fetched([url], tmp_path, obey_tags=False).saved == 1


@pytest.fixture
def turns(monkeypatch):
    """When each request joined its host's line. The first is sent no earlier, and a server may see it late."""
    begun, turn = [], Host.turn
    monkeypatch.setattr(Host, "turn", lambda host, others: begun.append(time.monotonic()) or turn(host, others))
    return begun


def test_a_hosts_rate_holds_for_all_its_requests(site, tmp_path, threads, turns):
    site.add("/robots.txt", b"", 404)
    site.pages["/moved.jpg"] = (302, {"Location": "/0.jpg"}, b"")
    urls = [*site.add_photos(4), site.address + "/moved.jpg"]
    assert fetched(urls, tmp_path, rate=25).saved == 4
    times = [when for path, when in site.times if path != "/0.jpg"]
    assert len(times) == 5 and times[-1] - turns[0] >= 4 * 0.04  # robots.txt is the first


def test_a_hosts_rate_holds_for_redirects(site, tmp_path, threads, turns):
    site.add_photos(1)
    for number, target in enumerate(("/moved1", "/moved2", "/0.jpg")):
        site.pages[f"/moved{number}"] = (302, {"Location": target}, b"")
    assert fetched([site.address + "/moved0"], tmp_path, rate=20).saved == 1
    times = [when for _, when in site.times]
    assert len(times) == len(turns) == 5 and times[-1] - turns[0] >= 4 * 0.05  # robots.txt is the first


def test_a_hosts_rate_holds_for_all_its_ports(site, tmp_path, threads, turns):
    with picture_server() as other:
        assert fetched([*site.add_photos(1), *other.add_photos(1, first=1)], tmp_path, rate=20).saved == 2
        times = [when for server in (site, other) for _, when in server.times]
    assert len(times) == 4 and max(times) - turns[0] >= 3 * 0.05  # two of them for robots.txt


def test_a_delay_that_a_host_asks_for_counts_from_its_robots_txt(site, tmp_path, threads, turns):
    site.add("/robots.txt", b"User-agent: *\nCrawl-delay: 0.2")
    assert fetched(site.add_photos(1), tmp_path).saved == 1
    assert site.times[-1][1] - turns[0] >= 0.2


def test_a_pause_that_a_server_asks_for_is_kept(site, tmp_path, threads):
    site.pages["/a.jpg"] = busy_first(encoded(photo(1)), 1, 429, Retry_After="1")
    assert fetched([site.address + "/a.jpg"], tmp_path).saved == 1
    first, second = (when for path, when in site.times if path == "/a.jpg")
    assert second - first >= 0.99


@pytest.mark.parametrize("retries", [0, 2])
def test_a_server_that_asks_for_a_long_pause_is_not_asked_again(site, tmp_path, threads, retries):
    for number in range(5):
        site.pages[f"/{number}.jpg"] = busy_first(b"", 99, 429, Retry_After="3600")
    urls = [f"{site.address}/{number}.jpg" for number in range(5)]
    outcome = fetched(urls, tmp_path, per_host=1, retries=retries)
    assert dict(outcome.failed) == {"http_429": 5} and sum(site.asked.values()) == 2  # robots.txt, and one of them
    first, *others = (line["detail"] for line in lines(tmp_path))
    assert first == "Too Many Requests; asks to come back in 3600 s"
    assert all(detail.startswith("not asked: its server asks to come back in 3") for detail in others)


def test_a_pause_holds_for_the_server_that_asked_for_it_and_for_all_its_pictures(site, tmp_path, threads):
    site.pages["/busy.jpg"] = busy_first(encoded(photo(9)), 1, 429, Retry_After="1")
    with picture_server("127.0.0.2") as other:
        other.pages["/go.jpg"] = (302, {"Location": site.address + "/busy.jpg"}, b"")
        fetched([other.address + "/go.jpg", *site.add_photos(4)], tmp_path, per_host=1, rate=10, retries=1)
    (asked, *_) = (when for path, when in site.times if path == "/busy.jpg")
    assert not [path for path, when in site.times if asked < when < asked + 0.95]


def test_places_of_a_host_hold_for_those_that_are_redirected_to_it(site, tmp_path, threads):
    """Each of two hosts sends on to the other, with one place each: nobody waits for ever."""
    now, most, lock = [0], [0], threading.Lock()

    def slow(handler):
        with lock:
            now[0] += 1
            most[0] = max(most[0], now[0])
        time.sleep(0.05)
        with lock:
            now[0] -= 1
        busy_first(encoded(photo(len(handler.path))), 0)(handler)

    with picture_server("127.0.0.2") as one, picture_server("127.0.0.3") as two:
        for here, there in ((one, two), (two, one)):
            for number in range(4):
                here.pages[f"/to{number}"] = (302, {"Location": f"{there.address}/on{number}"}, b"")
                here.pages[f"/on{number}"] = (302, {"Location": f"{site.address}/{'x' * number}"}, b"")
                site.pages[f"/{'x' * number}"] = slow
        urls = [f"{host.address}/to{number}" for number in range(4) for host in (one, two)]
        outcome = fetched(urls, tmp_path, per_host=1)
    assert outcome.saved + outcome.duplicates == 8 and most == [1]


@pytest.mark.parametrize(
    ("page", "told"),
    [
        ("http://shop.example/a?b=1#part", "http://shop.example/a?b=1"),
        ("http://me:secret@shop.example/a@b", "http://shop.example/a@b"),
        ("https://shop.example/a?token=1", None),  # the picture is fetched without encryption
    ],
)
def test_the_page_is_told_without_its_secrets(site, tmp_path, threads, page, told):
    download(iter([Found(*site.add_photos(1), page, "test", "clown")]), tmp_path, DownloadSettings(**QUICK), 1)
    assert site.seen["/0.jpg"].get("Referer") == told


def test_private_addresses_are_refused_also_behind_redirects_and_names(site, tmp_path, monkeypatch, threads):
    monkeypatch.setattr(addresses, "is_public", lambda address: address == "127.0.0.1")
    other = f"http://127.0.0.2:{site.server_port}"
    names = {
        "inside.example": ["127.0.0.2"],
        "outside.example": ["127.0.0.1"],
        "both.example": ["127.0.0.2", "127.0.0.1"],
    }
    connected = []

    async def resolve(self, host, port=0, family=0):
        return [{"hostname": host, "host": ip, "port": port, "family": 2, "proto": 0, "flags": 0} for ip in names[host]]

    real = addresses.public_socket
    monkeypatch.setattr(addresses.ThreadedResolver, "resolve", resolve)
    monkeypatch.setattr("scrape.fetch.public_socket", lambda info: connected.append(info[4][0]) or real(info))
    port = site.server_port
    site.add_photos(3)
    site.pages["/to-ip.jpg"] = (302, {"Location": other + "/0.jpg"}, b"")
    site.pages["/to-name.jpg"] = (302, {"Location": f"http://inside.example:{port}/0.jpg"}, b"")
    expected = {
        f"http://outside.example:{port}/0.jpg": "saved",
        f"http://both.example:{port}/1.jpg": "saved",
        f"http://inside.example:{port}/2.jpg": "private",
        other + "/2.jpg": "private",
        site.address + "/to-ip.jpg": "private",
        site.address + "/to-name.jpg": "private",
        "http://[::ffff:127.0.0.2]/a.jpg": "private",
        "http://2130706434/a.jpg": "private",
        "http://0x7f000002/a.jpg": "private",
    }
    fetched(expected, tmp_path, allow_private=False)
    assert {line["url"]: line.get("reason", line["outcome"]) for line in lines(tmp_path)} == expected
    assert set(connected) == {"127.0.0.1"}
