"""What is settled: pictures that need not be fetched again, and those that a new one may be a copy of."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterable, Set
from typing import Any

from common.looks import Looks
from scrape.download_settings import DownloadSettings
from scrape.found import Found

LASTING = frozenset({"http_404", "http_410", "not_a_picture", "broken", "truncated", "bad_url"})


class Settled:
    """Addresses that were answered for good, files and looks that are there; some 300 bytes a picture.

    Args:
        settings: a picture refused by a limit is settled as long as the limit would refuse it again.
    """

    def __init__(self, settings: DownloadSettings) -> None:
        self._settings = settings
        self._addresses: set[bytes] = set()
        self._here: set[bytes] = set()
        self._refused: dict[bytes, str] = {}  # why, of addresses that are settled without a picture
        self._files: dict[bytes, str] = {}  # of a file named by its content only what follows that
        self._looks = Looks()
        self._looked: list[bytes] = []

    def read(self, lines: Iterable[dict[str, Any]], names: Set[str], empty: Set[str] = frozenset()) -> dict[str, str]:
        """Take the lines of earlier runs.

        Args:
            lines: of the manifest.
            names: files that are there.
            empty: files that are there and empty, as a power cut may leave them: their lines do not count.

        Returns:
            Name of the file of each SHA-256 that was saved.
        """
        for line in lines:
            key = _digest(address_in(line))
            self._here.discard(key)
            self._refused.pop(key, None)
            if line.get("file") in empty:
                self._addresses.discard(key)
                continue
            if line.get("outcome") == "saved" and {"file", "sha256", "phash"} <= line.keys():
                self.add(line["sha256"], int(line["phash"], 16), line["file"])
                if line["file"] in names:
                    self._here.add(key)
            if self._is_lasting(line):
                self._addresses.add(key)
                if line.get("outcome") != "saved":
                    self._refused[key] = sys.intern(line.get("reason", ""))
            else:
                self._addresses.discard(key)
        return {digest.hex(): self._name(digest) for digest in self._files}

    def take(self, found: Found) -> bool:
        """Whether a picture is to be fetched; it is settled from now on."""
        key = _digest(address_of(found))
        if key in self._addresses:
            return False
        self._addresses.add(key)
        return True

    def is_here(self, found: Found) -> bool:
        """Whether an earlier run saved the picture and its file is there; counted once."""
        key = _digest(address_of(found))
        if key not in self._here:
            return False
        self._here.remove(key)
        return True

    def refused_before(self, found: Found) -> str | None:
        """Why an earlier run has no picture of it and this one does not ask again; None for all else; told once."""
        return self._refused.pop(_digest(address_of(found)), None)

    def same_file(self, sha256: str) -> str | None:
        """Name of the file with that content; also of one that somebody removed since."""
        digest = bytes.fromhex(sha256)
        return self._name(digest) if digest in self._files else None

    def alike(self, phash: int) -> str | None:
        """Name of the file that looks like it, if look-alikes are to be dropped."""
        if not self._settings.drop_near_duplicates:
            return None
        place = self._looks.nearest(phash, self._settings.distance)
        return None if place is None else self._name(self._looked[place])

    def add(self, sha256: str, phash: int, name: str) -> None:
        """Remember a picture that is saved."""
        digest = bytes.fromhex(sha256)
        self._files[digest] = sys.intern(name.removeprefix(sha256))
        self._looks.add(phash)
        self._looked.append(digest)

    def _name(self, digest: bytes) -> str:
        rest = self._files[digest]
        return digest.hex() + rest if rest.startswith(".") else rest

    def _is_lasting(self, line: dict[str, Any]) -> bool:
        settings, outcome, reason = self._settings, line.get("outcome"), line.get("reason")
        if outcome == "saved":
            return True
        if outcome == "duplicate":
            return reason == "same_file" or settings.drop_near_duplicates
        if reason == "too_small":
            return min(line.get("width", 0), line.get("height", 0)) < settings.min_size
        if reason == "too_large":
            return settings.max_bytes <= line.get("limit", 0)
        if reason == "too_many_pixels":
            return settings.max_pixels <= line.get("limit", 0)
        return reason in LASTING


def address_of(found: Found) -> str:
    """What makes a picture one of its own: its address, or its bytes where it came inside a page."""
    if found.data is not None:
        return f"data:{hashlib.sha256(found.data).hexdigest()}"
    return _whole(found.url)


def address_in(line: dict[str, Any]) -> str:
    """The same for a line of the manifest."""
    inside = line.get("data_sha256")
    return f"data:{inside}" if inside else _whole(line.get("url", ""))


def _whole(url: str) -> str:
    """An address without its fragment, which servers never see; also of one that is none."""
    return url.partition("#")[0]


def _digest(address: str) -> bytes:
    return hashlib.blake2b(address.encode("utf-8", "surrogatepass"), digest_size=16).digest()
