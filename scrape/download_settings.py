"""How pictures are downloaded: what is kept, how fast, and whose wishes are obeyed."""

from __future__ import annotations

import argparse
from dataclasses import dataclass

from common.errors import UserError

USER_AGENT = "hide-in-video-scrape/0.1"  # the first word is the name that robots.txt may speak to
MEGABYTE = 2**20
DAY = 86_400  # seconds
_FLAGS = {"max_bytes": "--max-mb (in bytes)", "max_pixels": "--max-megapixels (in pixels)"}


@dataclass(frozen=True)
class DownloadSettings:
    """How pictures are downloaded.

    Attributes:
        concurrency: pictures under way at a time.
        workers: processes that decode; 0 = as many as there are cores.
        timeout: seconds that one attempt may take from connecting to the last byte.
        connect_timeout: seconds until the connection stands.
        retries: further attempts after one that failed for a passing reason.
        backoff: seconds before the first further attempt; doubled before each next one.
        longest_wait: seconds; a server that asks for a longer pause (Retry-After) is not asked again.
        redirects: most redirects of one address.
        rate: requests a second to one host, 0 = no limit.
        per_host: connections to one host at a time.
        min_size: pixels that the shorter side must have.
        max_pixels: width times height, looked at before the picture is decoded.
        max_bytes: of the file, held while it streams in.
        quality: 1..100 of JPEG pictures that have to be written anew.
        keep_format: keep each file's bytes as they came, whatever its format and orientation.
        drop_near_duplicates: drop pictures that look like one that is there.
        distance: bits of 64 by which perceptual hashes of look-alikes differ at most.
        obey_robots: obey robots.txt.
        obey_tags: obey X-Robots-Tag (noindex, noimageindex, noai, noimageai) and tdm-reservation.
        allow_private: also connect to addresses that are not public.
        user_agent: how the requests introduce themselves.
    """

    concurrency: int = 32
    workers: int = 0
    timeout: float = 30.0
    connect_timeout: float = 10.0
    retries: int = 2
    backoff: float = 1.0
    longest_wait: float = 60.0
    redirects: int = 5
    rate: float = 5.0
    per_host: int = 4
    min_size: int = 128
    max_pixels: int = 100_000_000
    max_bytes: int = 20 * MEGABYTE
    quality: int = 95
    keep_format: bool = False
    drop_near_duplicates: bool = True
    distance: int = 6
    obey_robots: bool = True
    obey_tags: bool = True
    allow_private: bool = False
    user_agent: str = USER_AGENT

    def __post_init__(self) -> None:
        """Refuse numbers that make no sense.

        Raises:
            UserError: names the flag.
        """
        least = {"concurrency": 1, "per_host": 1, "retries": 0, "redirects": 0, "workers": 0, "rate": 0, "distance": 0}
        least |= {"min_size": 1, "max_pixels": 1, "max_bytes": 1, "quality": 1}
        for name, value in least.items():
            if not getattr(self, name) >= value:
                flag = _FLAGS.get(name, f"--{name.replace('_', '-')} {getattr(self, name)}")
                raise UserError(f"{flag}: expected {value} or more")
        if not 0 < self.timeout <= DAY:
            raise UserError(f"--timeout {self.timeout:g}: expected more than 0 seconds and at most {DAY}, a day")
        if self.quality > 100:
            raise UserError(f"--quality {self.quality}: expected 1 to 100")
        if self.distance > 64:
            raise UserError(f"--distance {self.distance}: expected 0 to 64 bits")
        if not self.user_agent.strip() or not self.user_agent.isprintable() or not self.user_agent.isascii():
            raise UserError("--user-agent: expected one line of plain letters, e.g. 'my-project/1.0 (me@example.org)'")


def add_download_flags(parser: argparse.ArgumentParser) -> None:
    """Add the flags that every command which downloads pictures has; `settings_from` reads them."""
    given = DownloadSettings()
    kept = parser.add_argument_group("what is kept")
    kept.add_argument(
        "--min-size", type=int, default=given.min_size, metavar="PIXELS", help="of the shorter side (%(default)s)"
    )
    kept.add_argument("--max-mb", type=float, default=given.max_bytes / MEGABYTE, metavar="MB", help="%(default)g")
    kept.add_argument(
        "--max-megapixels", type=float, default=given.max_pixels / 1e6, metavar="N", help="%(default)g, before decoding"
    )
    kept.add_argument(
        "--keep-format", action="store_true", help="keep each file as it came (default: upright RGB JPEG)"
    )
    kept.add_argument(
        "--quality", type=int, default=given.quality, metavar="Q", help="of JPEGs written anew (%(default)s)"
    )
    kept.add_argument("--keep-near-duplicates", action="store_true", help="also keep pictures that look like another")
    kept.add_argument(
        "--distance", type=int, default=given.distance, metavar="BITS", help="of 64 between look-alikes (%(default)s)"
    )
    pace = parser.add_argument_group("pace")
    pace.add_argument("--concurrency", type=int, default=given.concurrency, metavar="N", help="at a time (%(default)s)")
    pace.add_argument("--per-host", type=int, default=given.per_host, metavar="N", help="of one host (%(default)s)")
    pace.add_argument(
        "--rate",
        type=float,
        default=given.rate,
        metavar="N",
        help="requests a second to one host (%(default)g); 0: any",
    )
    pace.add_argument(
        "--timeout", type=float, default=given.timeout, metavar="S", help="seconds for one attempt (%(default)g)"
    )
    pace.add_argument("--retries", type=int, default=given.retries, metavar="N", help="%(default)s")
    pace.add_argument("--workers", type=int, default=given.workers, metavar="N", help="processes (default: all cores)")
    manners = parser.add_argument_group("manners")
    manners.add_argument("--ignore-robots", action="store_true", help="do not ask for robots.txt")
    manners.add_argument("--ignore-noai", action="store_true", help="do not obey X-Robots-Tag and tdm-reservation")
    manners.add_argument("--allow-private", action="store_true", help="also connect to private addresses")
    manners.add_argument("--user-agent", default=given.user_agent, metavar="TEXT", help="%(default)s")


def settings_from(flags: argparse.Namespace) -> DownloadSettings:
    """Settings as the flags of `add_download_flags` say.

    Raises:
        UserError: a number makes no sense.
    """
    return DownloadSettings(
        concurrency=flags.concurrency,
        workers=flags.workers,
        timeout=flags.timeout,
        retries=flags.retries,
        rate=flags.rate,
        per_host=flags.per_host,
        min_size=flags.min_size,
        max_pixels=_whole(flags.max_megapixels * 1e6),
        max_bytes=_whole(flags.max_mb * MEGABYTE),
        quality=flags.quality,
        keep_format=flags.keep_format,
        drop_near_duplicates=not flags.keep_near_duplicates,
        distance=flags.distance,
        obey_robots=not flags.ignore_robots,
        obey_tags=not flags.ignore_noai,
        allow_private=flags.allow_private,
        user_agent=flags.user_agent,
    )


def _whole(number: float) -> int:
    return int(number) if 0 < number < 2**62 else 0
