"""A local search site in the shape of the big ones: lazy loading, clicks, buttons, walls, refusals, and two APIs."""

from __future__ import annotations

import base64
import html
import json
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import cv2
import numpy as np

LICENCES = ("by", "cc0", "by-sa", "by-nc")
VQD = "4-127388145370558534196193019016331789945"


@dataclass
class SiteSettings:
    """How the site behaves."""

    total: int = 24  # results of each query
    batch: int = 8  # results loaded at a time
    button_every: int = 0  # after that many batches a button has to be pressed; 0: never
    delay: int = 60  # milliseconds until the full picture replaces the thumbnail
    consent: str = ""  # "page" (a redirect, as Google's) or "dialog" (over the results, as Bing's)
    refuse_from: int | None = None  # batch from which the answer is 429; 0: already the page
    refusal: int = 403  # status of a refused feed
    captcha: bool = False  # the refusal is a page with status 200
    changed: str = ""  # has another form now: tile, viewer, jsname, json, token, items, next, api or captcha
    links: bool = False  # a press writes the picture's address into the result's own link; it never appears beside it
    replacing: bool = False  # all elements are replaced by copies, many times a second
    thumbnail_only: frozenset[int] = frozenset()  # results whose full picture never comes
    stalls: int = 0  # page requests that get no answer
    photos: list[bytes] = field(default_factory=list)  # instead of made pictures


@cache
def made_photo(number: int) -> bytes:
    """A JPEG of 200 × 160 that looks like no other."""
    random = np.random.default_rng(number)
    small = random.integers(0, 256, (8, 10, 3), np.uint8)
    return cv2.imencode(".jpg", cv2.resize(small, (200, 160), interpolation=cv2.INTER_CUBIC))[1].tobytes()


@cache
def thumbnail(number: int) -> str:
    """The same, small, as it stands in a page."""
    picture = cv2.imdecode(np.frombuffer(made_photo(number), np.uint8), cv2.IMREAD_COLOR)
    data = cv2.imencode(".jpg", cv2.resize(picture, (50, 40)))[1].tobytes()
    return "data:image/jpeg;base64," + base64.b64encode(data).decode()


class SearchSite:
    """The running site."""

    def __init__(self, settings: SiteSettings, port: int) -> None:
        self.settings = settings
        self.url = f"http://127.0.0.1:{port}"
        self.requests: list[str] = []
        self.stalls = settings.stalls
        self.gate = threading.Event()  # opened when the site goes: ends answers that stall

    def photo_url(self, number: int) -> str:
        return f"{self.url}/photo/{number}.jpg"

    # The pages.

    def google(self, query: str) -> str:
        return self.page(query, "google", '<div id="grid"></div><div id="panel" data-lhcontainer="1"></div>')

    def bing(self, query: str) -> str:
        return self.page(query, "bing", '<div id="mmComponent_images_1"><div id="grid"></div></div>')

    def page(self, query: str, shape: str, body: str) -> str:
        settings = self.settings
        more = '<input type="button" id="more" class="mye4qd" value="Show more results" hidden>'
        if shape == "bing":
            more = '<div class="mm_seemore"><a id="more" class="btn_seemore" hidden>See more images</a></div>'
        dialog = (
            '<div id="bnp_container" style="position:fixed;inset:0;background:#fff">'
            '<button id="bnp_btn_reject" onclick="this.parentElement.remove()">Ablehnen</button></div>'
        )
        known = {
            "total": settings.total,
            "batch": settings.batch,
            "every": settings.button_every,
            "delay": settings.delay,
            "shape": shape,
            "thumbnails": [thumbnail(number) for number in range(settings.total)],
            "only": sorted(settings.thumbnail_only),
            "full": "fresh" if settings.changed in ("viewer", "jsname") else "kn3ccd",
            "id": "data-item" if settings.changed == "viewer" else "data-id",
            "links": settings.links,
            "replacing": settings.replacing,
        }
        return f"""<!doctype html><meta charset="utf-8"><title>{html.escape(query)}</title>
            <style>#grid img {{height: 120px; width: 150px}} .spacer {{height: 1200px}}</style>
            <h1>{html.escape(query)}</h1><div class="spacer"></div>
            {body}{more}
            {dialog if settings.consent == "dialog" else ""}
            <script>const site = {json.dumps(known)};</script><script src="/page.js"></script>"""

    def tile(self, shape: str, number: int) -> str:
        changed = self.settings.changed == "tile"
        if shape == "google":
            name = "data-landing" if changed else "data-lpage"
            return (
                f'<div class="eA0Zlc" data-docid="D{number}" {name}="{self.url}/page/{number}"><h3><a href="#">'
                f'<g-img><img class="YQ4gaf" src="{thumbnail(number)}" alt="Clown {number}"></g-img></a></h3></div>'
            )
        media = {
            "picture" if self.settings.changed == "json" else "murl": self.photo_url(number),
            "purl": f"{self.url}/page/{number}",
            "turl": f"{self.url}/th/{number}.jpg",
            "t": f"Clown {number}",
        }
        return (
            f'<a class="{"iusk" if changed else "iusc"}" href="#" m="{html.escape(json.dumps(media))}">'
            f'<img class="mimg" src="/th/{number}.jpg"></a>'
        )

    def items(self, start: int) -> list[int]:
        return list(range(start, min(start + self.settings.batch, self.settings.total)))

    def duckduckgo(self, query: str) -> str:
        token = "" if self.settings.changed == "token" else f'vqd="{VQD}"'
        return f"<!doctype html><title>{html.escape(query)}</title><script>{token}</script><div id='zci-images'></div>"

    def feed(self, start: int) -> dict:
        results = [
            {
                "image": self.photo_url(number),
                "url": f"{self.url}/page/{number}",
                "title": f"Clown {number}",
                "thumbnail": f"{self.url}/th/{number}.jpg",
                "width": 200,
                "height": 160,
            }
            for number in self.items(start)
        ]
        answer = {"entries" if self.settings.changed == "items" else "results": results, "query": "clown"}
        following = start + self.settings.batch
        if self.settings.changed == "next":
            return answer | {"next": following}
        return answer | ({"next": f"i.js?q=clown&o=json&s={following}"} if following < self.settings.total else {})

    def openverse(self, query: dict[str, str]) -> dict:
        page, size = int(query["page"]), int(query["page_size"])
        wanted = query.get("license", "").split(",") if "license" in query else LICENCES
        numbers = [number for number in range(self.settings.total) if LICENCES[number % 4] in wanted]
        results = [
            {
                "url": self.photo_url(number),
                "foreign_landing_url": f"{self.url}/page/{number}",
                "license": LICENCES[number % 4],
                "license_version": "1.0" if LICENCES[number % 4] == "cc0" else "2.0",
                "creator": f"Painter {number}",
                "title": f"Clown {number}",
            }
            for number in numbers[(page - 1) * size : page * size]
        ]
        count = "count" if self.settings.changed == "api" else "result_count"
        return {count: len(numbers), "page_count": -(-len(numbers) // size), "page": page, "results": results}

    def commons(self, query: dict[str, str]) -> dict:
        start = int(query.get("gsroffset", 0))
        pages = [
            {
                "index": number + 1,
                "title": f"File:Clown {number}.jpg",
                "imageinfo": [
                    {
                        "url": self.photo_url(number),
                        "descriptionurl": f"{self.url}/page/{number}",
                        "extmetadata": {
                            "License": {"value": f"cc-{LICENCES[number % 4]}-4.0".replace("cc-cc0-4.0", "cc0")},
                            "Artist": {"value": f'<a href="/user">Painter&nbsp;{number}</a>'},
                        },
                    }
                ],
            }
            for number in reversed(self.items(start))
        ]
        answer: dict = {"query": {"pages": pages}}
        following = start + self.settings.batch
        if following < self.settings.total:
            answer["continue"] = {"gsroffset": following, "continue": "gsroffset||"}
        return {"batchcomplete": True} if not pages else answer


PAGE_SCRIPT = """
const grid = document.querySelector("#grid"), panel = document.querySelector("#panel");
const more = document.querySelector("#more");
let start = 0, batches = 0, busy = false;
const atEnd = () => innerHeight + scrollY >= document.documentElement.scrollHeight - 5;
const load = async () => {
  if (busy || start >= site.total) return;
  busy = true;
  const reply = await fetch(`/batch?shape=${site.shape}&start=${start}`);
  if (reply.ok) {
    grid.insertAdjacentHTML("beforeend", await reply.text());
    start += site.batch;
    batches += 1;
    more.hidden = !(site.every && batches % site.every === 0 && start < site.total);
  }
  busy = false;
};
addEventListener("scroll", () => { if (atEnd() && more.hidden) load(); });
more.addEventListener("click", () => { more.hidden = true; load(); });
if (site.replacing) setInterval(() => { grid.innerHTML = grid.innerHTML; }, 20);
const slide = (number, source, name, hidden) =>
  `<div ${site.id}="D${number}" ${hidden ? "style='display:none'" : ""}><a href="${location.origin}/page/${number}">` +
  `<img jsname="${name}" src="${source}" width="40" height="40"></a></div>`;
const full = (number, hidden) =>
  hidden && (site.links || site.only.includes(number)) ? "" :
    slide(number, `${location.origin}/photo/${number}.jpg`, site.full, hidden);
grid.addEventListener("mousedown", (event) => {
  const tile = event.target.closest("[data-docid]");
  if (!tile || !site.links) return;
  const full = encodeURIComponent(`${location.origin}/photo/${tile.dataset.docid.slice(1)}.jpg`);
  const page = encodeURIComponent(tile.dataset.lpage);
  tile.querySelector("a").href = `/imgres?q=clown&imgurl=${full}&imgrefurl=${page}&docid=${tile.dataset.docid}`;
});
grid.addEventListener("click", (event) => {
  event.preventDefault();
  const tile = event.target.closest("[data-docid]");
  if (!tile || !panel) return;
  const number = Number(tile.dataset.docid.slice(1));
  // For a while the panel shows the picture before, then the thumbnail, at last the picture; neighbours are hidden.
  setTimeout(() => { panel.innerHTML = slide(number, site.thumbnails[number], "JuXqh") + full(number + 1, true); },
             site.delay / 2);
  if (!site.only.includes(number) && !site.links)
    setTimeout(() => { panel.innerHTML = full(number, false) + full(number + 1, true); }, site.delay);
});
load();
"""
CONSENT = """<!doctype html><meta charset="utf-8"><h1>Bevor Sie fortfahren</h1>
<form action="/save" method="post"><input type="hidden" name="continue" value="{}">
<button>Alle ablehnen</button></form>
<form action="/never" method="post"><button>Alle akzeptieren</button></form>"""
CAPTCHA = """<!doctype html><h1>About this page</h1><p>Our systems have detected unusual traffic from your computer
network.</p><form id="captcha-form"><div class="g-recaptcha" style="width:9px;height:9px"></div></form>"""


class Handler(BaseHTTPRequestHandler):
    """Answers for the site."""

    site: SearchSite
    protocol_version = "HTTP/1.1"

    def log_message(self, *_) -> None:
        """Stay silent."""

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        self.site.requests.append(self.path)
        name, _, number = parts.path.strip("/").removesuffix(".jpg").partition("/")
        if name in ("photo", "th"):
            return self.photo(int(number), small=name == "th")
        if parts.path in ("/search", "/images/search", "/") and "q" in query:
            return self.results(parts.path, query["q"])
        answer = {
            "/page.js": lambda: self.send(200, PAGE_SCRIPT, "text/javascript"),
            "/batch": lambda: self.batch(query["shape"], int(query["start"])),
            "/i.js": lambda: self.feed(query),
            "/v1/images/": lambda: self.json(self.site.openverse(query)),
            "/w/api.php": lambda: self.json(self.site.commons(query)),
            "/consent": lambda: self.send(200, CONSENT.format(html.escape(query["continue"]))),
        }.get(parts.path, lambda: self.send(404, "no such page"))
        answer()

    def refused(self, start: int) -> bool:
        settings = self.site.settings
        return settings.refuse_from is not None and start // settings.batch >= settings.refuse_from

    def batch(self, shape: str, start: int) -> None:
        if self.refused(start):
            return self.send(429, "slow down")
        self.send(200, "".join(self.site.tile(shape, number) for number in self.site.items(start)))

    def feed(self, query: dict[str, str]) -> None:
        start = int(query.get("s", 0))
        if self.refused(start) or query.get("vqd") != VQD:
            return self.send(self.site.settings.refusal, "<p>Please wait.</p>")
        self.json(self.site.feed(start))

    def json(self, answer: dict) -> None:
        self.send(200, json.dumps(answer), "application/json")

    def results(self, path: str, query: str) -> None:
        site, settings = self.site, self.site.settings
        if site.stalls > 0:
            site.stalls -= 1
            site.gate.wait(240)
            return
        if settings.refuse_from == 0:
            page = CAPTCHA.partition("<form")[0] if settings.changed == "captcha" else CAPTCHA
            return self.send(200 if settings.captcha else 429, page)
        if settings.consent == "page" and "agreed=no" not in (self.headers["Cookie"] or ""):
            return self.send(302, "", more={"Location": f"/consent?continue={self.path.replace('&', '%26')}"})
        if query == "nothing":
            return self.send(200, f"<p>Your search - {query} - did not match any image results.</p>")
        make = {"/search": site.google, "/images/search": site.bing, "/": site.duckduckgo}[path]
        self.send(200, make(query))

    def photo(self, number: int, *, small: bool) -> None:
        if small:
            return self.send(200, base64.b64decode(thumbnail(number).partition(",")[2]), "image/jpeg")
        photos = self.site.settings.photos
        if photos and number >= len(photos):
            return self.send(404, "no such photo")
        self.send(200, photos[number] if photos else made_photo(number), "image/jpeg")

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        self.site.requests.append(f"POST {self.path}")
        back = parse_qs(body).get("continue", ["/"])[0]
        self.send(303, "", more={"Location": back, "Set-Cookie": "agreed=no; Path=/"})

    def send(self, status: int, body: str | bytes, kind: str = "text/html; charset=utf-8", more: dict | None = None):
        data = body.encode() if isinstance(body, str) else body
        self.send_response(status)
        for name, value in {"Content-Type": kind, "Content-Length": str(len(data)), **(more or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)


class Server(ThreadingHTTPServer):
    """One thread a connection; browsers hang up as they please."""

    daemon_threads = True

    def handle_error(self, *_) -> None:
        """Stay silent."""


@contextmanager
def search_site(**settings):
    """Run a site; gives the `SearchSite`."""
    handler = type("SiteHandler", (Handler,), {})
    with Server(("127.0.0.1", 0), handler) as server:
        site = handler.site = SearchSite(SiteSettings(**settings), server.server_port)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield site
        finally:
            site.gate.set()
            server.shutdown()
            thread.join()


def wait_for(condition, seconds: float = 120.0) -> None:
    """Wait until something is so; fails when that takes too long."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.02)
