"""`python -m scrape`: flags in, exit code out. The heavy part is imported inside the commands."""

from __future__ import annotations

import argparse
import sys
from argparse import Namespace
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from common.errors import EXIT_INCOMPLETE, EXIT_INTERRUPTED, EXIT_OK, UserError
from common.path_flag import StorePath
from scrape import url_list, video_command
from scrape.download_settings import add_download_flags, settings_from

if TYPE_CHECKING:
    from scrape.collect import Collection
    from scrape.search import SearchSettings

LICENCES = ("cc0", "pdm", "by", "by-sa", "by-nc", "by-nd", "by-nc-sa", "by-nc-nd")
EXAMPLES = """\
examples:
  python -m scrape images clown --count 200 --engine openverse --licence cc0,by --out pictures
  python -m scrape images "circus clown" "birthday clown" --count 500 --out pictures     Google Images in Chromium
  python -m scrape images clown --engine bing --thumbnails --out pictures
  python -m scrape images clown --engine my_engine.toml --out pictures
  python -m scrape urls addresses.txt --out pictures                       pictures of a list of addresses
  python -m scrape video party.mp4 --every 0.5 --count 500 --out frames    frames of a video

The same command again goes on where the last one ended. exit codes: 0 as many as asked for · 1 fewer, and the reasons
were named · 2 wrong input or flag · 130 interrupted
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command that `argv` names; return the exit code."""
    flags = _parser().parse_args(argv)
    code: int = flags.run(flags)
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m scrape",
        description="Collect pictures from image searches, and frames from videos.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _images_parser(commands)
    video_command.add_parser(commands, _say, _warn)
    url_list.add_parser(commands, _say, _warn)
    return parser


def _say(line: str) -> None:
    print(line)


def _warn(line: str) -> None:
    print(line, file=sys.stderr)


def _images_parser(commands: Any) -> None:
    what = "collect pictures that an image search finds"
    parser = commands.add_parser("images", help=what, description=what)
    parser.add_argument("queries", nargs="+", metavar="QUERY", help="what to search for; of several each gives a share")
    parser.add_argument(
        "-o", "--out", action=StorePath, required=True, metavar="DIR", help="folder for pictures and manifest"
    )
    parser.add_argument("--count", type=int, default=100, metavar="N", help="pictures in all (default %(default)s)")
    parser.add_argument(
        "--engine",
        default="google",
        metavar="NAME",
        help="google (default), bing, duckduckgo, openverse, commons, or a .toml file of your own",
    )
    parser.add_argument(
        "--licence", metavar="NAMES", default="", help=f"only these ({', '.join(LICENCES)}): openverse and commons"
    )
    parser.add_argument("--quiet", action="store_true", help="no progress")
    search = parser.add_argument_group("search")
    search.add_argument(
        "--thumbnails", action="store_true", help="take the engine's small copy where no full picture appears"
    )
    search.add_argument("--browser", action=StorePath, metavar="PATH", help="Chromium or Chrome (default: looked for)")
    search.add_argument("--driver", action=StorePath, metavar="PATH", help="its ChromeDriver (default: looked for)")
    search.add_argument("--headed", action="store_true", help="show the browser's window")
    search.add_argument(
        "--patience",
        type=float,
        default=5.0,
        metavar="S",
        help="seconds that results and full pictures may take to appear (default %(default)g)",
    )
    search.add_argument("--base-url", metavar="URL", help="ask this server instead of the engine's own")
    add_download_flags(parser)
    parser.set_defaults(run=_images)


def _images(flags: Namespace) -> int:
    if flags.count < 1:
        raise UserError(f"--count {flags.count}: expected 1 or more")
    queries = list(dict.fromkeys(query.strip() for query in flags.queries))
    if not all(queries):
        raise UserError("an empty QUERY: say what to search for")
    for query in queries:
        if not _is_text(query):
            raise UserError(f"QUERY {query!r}: is no text in UTF-8; type it anew")
    settings, search = settings_from(flags), _search_settings(flags)

    from scrape.collect import Collection
    from scrape.engine_list import load_engine

    collection = Collection(load_engine(flags.engine), search, settings)
    try:
        collection.collect(queries, flags.out, flags.count, quiet=flags.quiet)
    except KeyboardInterrupt:
        print(f"interrupted: {collection.summary(flags.out)}; the same command goes on from there", file=sys.stderr)
        return EXIT_INTERRUPTED
    return _report(collection, flags)


def _search_settings(flags: Namespace) -> SearchSettings:
    licences = tuple(name.strip().lower() for name in flags.licence.split(",") if name.strip())
    for name in licences:
        if name not in LICENCES:
            raise UserError(f"--licence {name}: expected {', '.join(LICENCES)}, with commas between")
    if not 0 < flags.patience < 3600:
        raise UserError(f"--patience {flags.patience:g}: expected seconds, more than 0")
    if flags.base_url is not None:
        _check_base_url(flags.base_url)

    from scrape.browser import BrowserSettings
    from scrape.search import SearchSettings

    return SearchSettings(
        browser=BrowserSettings(flags.browser, flags.driver, flags.headed, flags.timeout),
        thumbnails=flags.thumbnails,
        licences=licences,
        base_url=flags.base_url,
        patience=flags.patience,
        user_agent=flags.user_agent,
    )


def _check_base_url(address: str) -> None:
    """Refuse an address that no server can have, or that holds a secret: messages and manifest name the server."""
    from scrape.addresses import url_fault

    if "@" in address:
        raise UserError(
            "--base-url: carries a name or password, which messages and the manifest would show; leave it out"
        )
    if fault := url_fault(address):
        raise UserError(f"--base-url {address}: expected an address such as https://wiki.example.org; it is {fault}")


def _is_text(argument: str) -> bool:
    """Whether an argument of the command line can be written; the bytes of another encoding cannot."""
    try:
        argument.encode()
    except UnicodeEncodeError:
        return False
    return True


def _report(collection: Collection, flags: Namespace) -> int:
    print(collection.summary(flags.out))
    for reason in collection.remarks():
        print(reason, file=sys.stderr)
    if not collection.missing:
        return EXIT_OK
    print(f"error: {collection.had} of {flags.count} pictures: {collection.shortage()}", file=sys.stderr)
    return EXIT_INCOMPLETE
