"""One page of HTML that needs nothing from outside: tables sort by a click, pictures inside, light, dark, printed."""

from __future__ import annotations

import base64
import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from html import escape
from pathlib import Path
from string import Template
from typing import Any

TEMPLATE = Path(__file__).with_name("page.html")
PNG_START = b"\x89PNG"
NOTHING = "–"

Row = Mapping[str, Any]


def page(title: str, subtitle: str, sections: Sequence[tuple[str, str]]) -> str:
    """Return the page.

    Args:
        title: as text.
        subtitle: one line under it, as text.
        sections: heading as text, body as HTML; those without a body are left out.
    """
    shown = [(heading, body) for heading, body in sections if body]
    return Template(TEMPLATE.read_text(encoding="utf-8")).substitute(
        title=escape(title),
        subtitle=escape(subtitle),
        contents="".join(f'<a href="#s{place}">{escape(heading)}</a>' for place, (heading, _) in enumerate(shown)),
        sections="\n".join(
            f'<section id="s{place}"><h2>{escape(heading)}</h2>{body}</section>'
            for place, (heading, body) in enumerate(shown)
        ),
    )


def text(words: str, *, soft: bool = False) -> str:
    """Return a paragraph."""
    return f"<p{' class=soft' if soft else ''}>{escape(words)}</p>" if words else ""


def heading(words: str) -> str:
    """Return a heading inside a section."""
    return f"<h3>{escape(words)}</h3>"


def figures(numbers: Iterable[tuple[str, str]]) -> str:
    """Return large numbers, each with what it counts."""
    inside = "".join(f"<div><b>{escape(number)}</b><span>{escape(what)}</span></div>" for number, what in numbers)
    return f'<div class="figures">{inside}</div>' if inside else ""


def facts(pairs: Iterable[tuple[str, Any]]) -> str:
    """Return names and what they stand for; None and "" are left out."""
    rows = "".join(
        f"<tr><th>{escape(name)}</th><td>{escape(str(value))}</td></tr>"
        for name, value in pairs
        if value not in (None, "")
    )
    return f'<table class="facts">{rows}</table>' if rows else ""


def table(
    rows: Sequence[Row],
    columns: Mapping[str, str] | None = None,
    *,
    shares: Collection[str] = (),
    chosen: Collection[int] = (),
) -> str:
    """Return a table that sorts by a click on a heading.

    Args:
        rows: one a line.
        columns: key -> heading; None: all keys of the first row.
        shares: keys whose numbers are shown as percent.
        chosen: places of rows that stand out.
    """
    if not rows:
        return ""
    columns = columns or {key: key.replace("_", " ") for key in rows[0]}
    numeric = {key for key in columns if _is_numeric([row.get(key) for row in rows])}
    heads = "".join(
        f'<th{_kind(key in numeric)} aria-sort="none"><button type="button">{escape(name)}</button></th>'
        for key, name in columns.items()
    )
    lines = []
    for place, row in enumerate(rows):
        cells = "".join(_cell(row.get(key), key in numeric, key in shares) for key in columns)
        lines.append(f"<tr{' class=chosen' if place in chosen else ''}>{cells}</tr>")
    return (
        f'<div class="scroll"><table class="list"><thead><tr>{heads}</tr></thead>'
        f"<tbody>{''.join(lines)}</tbody></table></div>"
    )


def _is_numeric(values: Iterable[Any]) -> bool:
    held = [value for value in values if value is not None and value != ""]
    return bool(held) and all(isinstance(value, int | float) and not isinstance(value, bool) for value in held)


def _kind(numeric: bool) -> str:
    return ' class="number"' if numeric else ""


def _cell(value: Any, numeric: bool, share: bool) -> str:
    absent = value is None or value == "" or (isinstance(value, float) and not math.isfinite(value))
    order = "" if absent else str(value)
    shown = NOTHING if absent else number(value, share=share) if numeric else str(value)
    return f'<td{_kind(numeric)} data-value="{escape(order)}">{escape(shown)}</td>'


def number(value: float | None, *, share: bool = False) -> str:
    """Write a number as people read it: whole ones whole, others to three digits that count."""
    if value is None or not math.isfinite(value):
        return NOTHING
    if share:
        return f"{value:.1%}"
    if isinstance(value, int) or float(value).is_integer():
        return f"{int(value)}"
    if abs(value) >= 100:
        return f"{value:.0f}"
    return f"{value:.3f}" if abs(value) >= 0.0995 else f"{value:.3g}"


def picture(data: bytes, alternative: str = "") -> str:
    """Return an image with its bytes inside: PNG or JPEG."""
    kind = "png" if data.startswith(PNG_START) else "jpeg"
    return f'<img alt="{escape(alternative)}" src="data:image/{kind};base64,{base64.b64encode(data).decode()}">'


def plot(data: bytes | None, alternative: str) -> str:
    """Return a plot; nothing where there is none."""
    return "" if data is None else f'<figure class="plot">{picture(data, alternative)}</figure>'


def tiles(items: Iterable[tuple[bytes, Sequence[str]]]) -> str:
    """Return small pictures with captions: bytes, and lines of text of which the first stands out."""
    figure = "".join(
        f"<figure>{picture(data, lines[0])}<figcaption><b>{escape(lines[0])}</b>"
        + "".join(f"<br>{escape(line)}" for line in lines[1:])
        + "</figcaption></figure>"
        for data, lines in items
    )
    return f'<div class="tiles">{figure}</div>' if figure else ""


def key(colours: Mapping[str, str]) -> str:
    """Return what colours mean: CSS colour -> words."""
    inside = "".join(
        f'<span class="key" style="border-color:{escape(colour)}"></span>{escape(words)}'
        for colour, words in colours.items()
    )
    return f"<p>{inside}</p>"
