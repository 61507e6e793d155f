"""A picture that a search engine names: what the engines yield and the download takes."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Found:
    """One picture as an engine found it; nothing of it is downloaded yet.

    Attributes:
        url: address of the picture file; for a thumbnail that came as text, the address of the page it stood on.
        page: page the picture belongs to, None where the engine does not say.
        engine: name of the engine.
        query: what was searched for.
        licence: short name in lower case such as `cc0`, `by-2.0` or `by-sa-4.0`; None where the engine does not say.
        creator: who made the picture, None where the engine does not say.
        title: what the picture is called, None where the engine does not say.
        thumbnail: the engine's own small copy stands in for the picture.
        data: encoded bytes of a thumbnail that came inside the page (`data:image/…;base64,`), else None.
    """

    url: str
    page: str | None
    engine: str
    query: str
    licence: str | None = None
    creator: str | None = None
    title: str | None = None
    thumbnail: bool = False
    data: bytes | None = None

    def __post_init__(self) -> None:
        """Refuse what an engine gives in place of a text: it would reach the manifest.

        Raises:
            TypeError: names the field.
        """
        for name in ("url", "page", "licence", "creator", "title"):
            value = getattr(self, name)
            if not isinstance(value, str) and (value is not None or name == "url"):
                raise TypeError(f"{name} is {value!r}, expected a text")
