import asyncio

import pytest

from scrape.failure import Failure
from scrape.robots import LARGEST, Robots
from scrape.robots_tag import forbidding_tag

AGENT = "hide-in-video-scrape"
SITE = "https://example.org"


def asked(answer, *paths):
    """What each path is answered: its delay, or (reason, detail); and the addresses that were read."""
    read = []

    async def reader(url):
        read.append(url)
        if isinstance(answer, Failure):
            raise answer
        return answer

    async def ask():
        robots = Robots(AGENT, reader)
        results = await asyncio.gather(*(robots.check(SITE, path) for path in paths), return_exceptions=True)
        await robots.close()
        return [(one.reason, one.detail) if isinstance(one, Failure) else one for one in results]

    return asyncio.run(ask()), read


def rules(*lines):
    return 200, "\n".join(lines).encode()


def test_the_longest_matching_rule_decides_with_wildcards():
    answer = rules("User-agent: *", "Disallow: /private/", "Allow: /private/shown/", "Disallow: /*.gif$")
    results, read = asked(answer, "/a.jpg", "/private/a.jpg", "/private/shown/a.jpg", "/x/a.gif", "/x/a.gif?b")
    assert [result == 0 for result in results] == [True, False, True, False, True]
    assert results[1] == ("robots", f"{SITE}/robots.txt forbids it; --ignore-robots asks all the same")
    assert read == [f"{SITE}/robots.txt"]  # once, for all that wait


def test_rules_for_us_by_name_come_before_those_for_all():
    answer = rules(
        "User-agent: *", "Disallow: /", "", "User-agent: Hide-In-Video-Scrape", "Disallow: /not", "Crawl-delay: 2"
    )
    results, _ = asked(answer, "/a.jpg", "/not/a.jpg")
    assert results[0] == 2.0
    assert results[1][0] == "robots"


@pytest.mark.parametrize("status", [300, 401, 403, 404, 410])
def test_without_a_robots_txt_all_is_allowed(status):
    assert asked((status, b""), "/a.jpg")[0] == [0.0]


@pytest.mark.parametrize("answer", [(500, b""), (503, b""), (429, b"")])
def test_a_host_that_cannot_say_is_left_alone(answer):
    (result,), _ = asked(answer, "/a.jpg")
    assert result[0] == "robots"
    assert "stay away" in result[1]


def test_a_host_that_does_not_answer_fails_as_it_failed():
    (result,), _ = asked(Failure("dns", "no such host"), "/a.jpg")
    assert result == ("dns", "robots.txt: no such host")


def test_a_delay_of_an_hour_means_no():
    (result,), _ = asked(rules("User-agent: *", "Crawl-delay: 3600"), "/a.jpg")
    assert result == ("robots", f"{SITE}/robots.txt asks for 3600 s between requests")


@pytest.mark.parametrize(
    "body", [b"\xff\xfe\x00nonsense\x00", b"<html>not found</html>", b"", b"\xef\xbb\xbfUser-agent: *\nAllow: /"]
)
def test_what_is_no_robots_txt_forbids_nothing(body):
    assert asked((200, body), "/a.jpg")[0] == [0.0]


def test_rules_beyond_the_limit_are_not_read():
    padding = b"# " + b"x" * LARGEST + b"\n"
    assert asked((200, b"User-agent: *\n" + padding + b"Disallow: /\n"), "/a.jpg")[0] == [0.0]
    assert asked((200, b"User-agent: *\nDisallow: /\n" + padding), "/a.jpg")[0][0][0] == "robots"


@pytest.mark.parametrize(
    ("values", "tag"),
    [
        (["noindex"], "noindex"),
        (["index, NoAI"], "noai"),
        (["noimageai"], "noimageai"),
        (["noimageindex, nofollow"], "noimageindex"),
        (["none"], "none"),
        (["all"], None),
        (["nofollow, max-image-preview: large"], None),
        (["max-snippet: 5, noai"], "noai"),
        (["unavailable_after: 25 Jun 2030 15:00:00 GMT"], None),
        (["googlebot: noindex"], None),
        (["googlebot: noindex, noai"], None),
        (["googlebot: nofollow", "noindex"], "noindex"),
        (["googlebot: noindex, hide-in-video-scrape: noai"], "noai"),
        (["*: noai"], "noai"),
        ([], None),
    ],
)
def test_x_robots_tag(values, tag):
    assert forbidding_tag([("x-ROBOTS-tag", value) for value in values], AGENT) == tag


def test_mining_reserved_is_a_no():
    assert forbidding_tag([("TDM-Reservation", "1")], AGENT) == "tdm-reservation"
    assert forbidding_tag([("TDM-Reservation", "0"), ("Content-Type", "noai")], AGENT) is None
