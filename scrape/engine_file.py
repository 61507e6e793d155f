"""An engine that is searched in the browser, as its file of selectors describes it."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from common.errors import UserError

FIELDS = ("picture", "page", "title", "thumbnail", "key")
_LISTS = ("selectors", "texts", "addresses")


@dataclass(frozen=True)
class Signs:
    """How something is recognised on a page; one sign is enough.

    Attributes:
        selectors: CSS; what matches and is visible.
        texts: lower case; what a button is called, or what stands on the page.
        addresses: parts of the page's address.
    """

    selectors: tuple[str, ...] = ()
    texts: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()

    def __add__(self, other: Signs) -> Signs:
        return Signs(self.selectors + other.selectors, self.texts + other.texts, self.addresses + other.addresses)

    def as_json(self) -> dict[str, list[str]]:
        """Give the signs as the page's script takes them."""
        return {name: list(getattr(self, name)) for name in _LISTS}


@dataclass(frozen=True)
class Place:
    """Where a value of a result stands: `SELECTOR@ATTRIBUTE.KEY` or `SELECTOR@ATTRIBUTE?PARAMETER`.

    Attributes:
        text: as it was written, for messages.
        selector: CSS of the element inside the result; "" for the result itself.
        attribute: of the element.
        keys: path inside the attribute where that is JSON.
        parameter: of the query where the attribute is an address that carries another one; "" for all of it.
    """

    text: str
    selector: str
    attribute: str
    keys: tuple[str, ...] = ()
    parameter: str = ""

    @classmethod
    def of(cls, text: str) -> Place:
        """Read `img@src`, `@data-page`, `a@m.murl` where the attribute holds JSON, or `a@href?imgurl` of an address."""
        selector, at, rest = text.rpartition("@")
        rest, mark, parameter = rest.partition("?")
        attribute, *keys = rest.split(".")
        if not at or not attribute or bool(mark) != bool(parameter):
            raise ValueError(
                f"{text!r} is no place; expected SELECTOR@ATTRIBUTE, for JSON SELECTOR@ATTRIBUTE.KEY, for a part of an "
                "address SELECTOR@ATTRIBUTE?PARAMETER"
            )
        return cls(text, selector.strip(), attribute, tuple(keys), parameter)

    def as_json(self) -> dict[str, Any]:
        """Give the place as the page's script takes it."""
        return {
            "selector": self.selector,
            "attribute": self.attribute,
            "keys": list(self.keys),
            "parameter": self.parameter,
        }


@dataclass(frozen=True)
class Viewer:
    """What a click on a result opens, and where the picture's address stands in it.

    Attributes:
        click: CSS of what is clicked inside the result; "" for the result itself.
        pictures: places of the picture's address, the surest first. `{NAME}` in a selector is replaced by that
            attribute of the result, so that the viewer of another result is not taken for this one's.
        thumbnails: parts of an address by which the engine's own small copies are known.
    """

    click: str
    pictures: tuple[Place, ...]
    thumbnails: tuple[str, ...]


@dataclass(frozen=True)
class Feed:
    """A JSON answer that the page itself loads its results from.

    Attributes:
        token: regular expression; its group is the `{token}` of the address. "" where none is needed.
        address: template with `{query}` and `{token}`.
        items: key of the list of results.
        next: key of the address of the next answer.
    """

    token: str
    address: str
    items: str
    next: str


@dataclass(frozen=True)
class BrowserEngine:
    """One image search as data; a file of these values is all that an engine takes.

    Attributes:
        name: what it is called.
        file: where it is described, for messages.
        address: template of the results' address, with `{query}`.
        tile: CSS of one result; "" for an engine with a feed.
        fields: places of the values of a result, by the names in `FIELDS`; for a feed, keys of an item.
        viewer: where the picture's address appears after a click only.
        feed: where the results come as JSON.
        more: the button that asks for more results.
        consent, blocked, nothing: how the consent page, a refusal and an empty result are recognised.
    """

    name: str
    file: str
    address: str
    tile: str = ""
    fields: dict[str, Place] = field(default_factory=dict)
    viewer: Viewer | None = None
    feed: Feed | None = None
    more: Signs = Signs()
    consent: Signs = Signs()
    blocked: Signs = Signs()
    nothing: Signs = Signs()

    licences = False  # such pages do not say


def read_engine(path: Path) -> BrowserEngine:
    """Read an engine's file.

    Args:
        path: a TOML file; see docs/scraping.md.

    Raises:
        UserError: it cannot be read, or says something that no engine has; names the file and the key.
    """
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror}); give the file of an engine") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: is no TOML ({error}); mend it, or copy one of scrape/engines") from error
    try:
        return _engine(path, values)
    except (KeyError, TypeError, ValueError, re.error) as error:
        reason = f"{error.args[0]} is missing" if isinstance(error, KeyError) else str(error)
        raise UserError(f"{path}: {reason}; docs/scraping.md says what belongs into the file") from error


def _engine(path: Path, values: dict[str, Any]) -> BrowserEngine:
    known = {"address", "tile", "fields", "viewer", "feed", "more", "consent", "blocked", "nothing"}
    _refuse_unknown("", values, known)
    address = _text(values, "address")
    if "{query}" not in address or not address.startswith(("http://", "https://")):
        raise ValueError(f"address = {address!r}: expected an http address with {{query}} in it")
    feed, viewer = values.get("feed"), values.get("viewer")
    fields = values.get("fields", {})
    _refuse_unknown("fields.", fields, set(FIELDS))
    if viewer is None and "picture" not in fields:
        raise KeyError("fields.picture")
    return BrowserEngine(
        name=path.stem,
        file=str(path),
        address=address,
        tile="" if feed is not None else _text(values, "tile"),
        fields={key: (Place.of if feed is None else _key)(_text(fields, key, "fields.")) for key in fields},
        viewer=None if viewer is None else _viewer(viewer),
        feed=None if feed is None else _feed(feed),
        **{part: signs(part, values.get(part, {})) for part in ("more", "consent", "blocked", "nothing")},
    )


def _key(text: str) -> Place:
    return Place(text, "", "", tuple(text.split(".")))


def _viewer(values: dict[str, Any]) -> Viewer:
    _refuse_unknown("viewer.", values, {"click", "pictures", "thumbnails"})
    pictures = _texts("viewer.pictures", values["pictures"])
    if not pictures:
        raise ValueError("viewer.pictures = []: expected one or more")
    return Viewer(
        "" if values.get("click", "") == "" else _text(values, "click", "viewer."),
        tuple(map(Place.of, pictures)),
        _texts("viewer.thumbnails", values.get("thumbnails", [])),
    )


def _feed(values: dict[str, Any]) -> Feed:
    _refuse_unknown("feed.", values, {"token", "address", "items", "next"})
    token = _text(values, "token", "feed.") if "token" in values else ""
    if token and re.compile(token).groups != 1:
        raise ValueError(f"feed.token = {token!r}: expected a regular expression with one group")
    following = _text(values, "next", "feed.") if "next" in values else ""
    return Feed(token, _text(values, "address", "feed."), _text(values, "items", "feed."), following)


def signs(name: str, values: dict[str, Any]) -> Signs:
    """Read the signs of one part; texts are compared in lower case.

    Raises:
        ValueError: a key that signs do not have, or something else than a list of texts.
    """
    _refuse_unknown(f"{name}.", values, set(_LISTS))
    lists: dict[str, tuple[str, ...]] = {}
    for key, texts in values.items():
        given = _texts(f"{name}.{key}", texts)
        lists[key] = tuple(text.lower() for text in given) if key == "texts" else given
    return Signs(**lists)


def _text(values: dict[str, Any], key: str, prefix: str = "") -> str:
    text = values[key]
    if not isinstance(text, str) or not text.strip():
        raise ValueError(f"{prefix}{key} = {text!r}: expected a text")
    return text


def _texts(name: str, texts: Any) -> tuple[str, ...]:
    if not isinstance(texts, list) or not all(isinstance(text, str) and text.strip() for text in texts):
        raise ValueError(f"{name}: expected a list of texts")
    return tuple(texts)


def _refuse_unknown(prefix: str, values: Any, known: set[str]) -> None:
    if not isinstance(values, dict):
        raise ValueError(f"{prefix.rstrip('.')}: expected a table")
    for key in values:
        if key not in known:
            raise ValueError(f"{prefix}{key} is not known; expected one of {', '.join(sorted(known))}")
