"""Runs one downloader over a list of addresses; in the environment of that downloader, which is all it imports.

Called as `PYTHON scrape_worker.py NAME LIST OUT CONCURRENCY WORKERS MIN_SIZE`; prints a line of JSON. Settings are as
alike as the tools allow: so many requests at a time, 10 s, no further attempts, JPEG files kept as they came; ours and
img2dataset decode each and take its SHA-256, icrawler saves what it gets unseen.
"""

import json
import os
import sys
import threading
import time
from pathlib import Path

TIMEOUT = 10


def main() -> None:
    """Run the downloader that is named and print what it took."""
    name, addresses, out = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
    concurrency, workers, min_size = (int(text) for text in sys.argv[4:7])
    runs = {"ours": _ours, "img2dataset": _img2dataset, "icrawler": _icrawler}
    memory = _Memory()
    begin = time.perf_counter()
    runs[name](addresses, out, concurrency, workers, min_size, memory)
    seconds = time.perf_counter() - begin
    memory.end()
    saved = sum(1 for path in out.rglob("*.jpg"))
    cpu = sum(os.times()[:4])  # of this process and of the children that have ended
    answer = {"seconds": seconds, "cpu_seconds": cpu, "saved": saved, "memory_mb": memory.megabytes}
    print("\n" + json.dumps(answer), flush=True)


def _ours(addresses: Path, out: Path, concurrency: int, workers: int, min_size: int, memory: "_Memory") -> None:
    from scrape.download import download
    from scrape.download_settings import DownloadSettings
    from scrape.found import Found

    settings = DownloadSettings(
        concurrency=concurrency,
        per_host=concurrency,
        rate=0,
        workers=workers,
        timeout=TIMEOUT,
        retries=0,
        min_size=min_size,
        allow_private=True,
    )
    with addresses.open() as lines:
        found = (Found(line.strip(), None, "list", "") for line in lines)
        download(found, out, settings, 10**9, lambda outcome: memory.reached(outcome.saved))


def _img2dataset(addresses: Path, out: Path, concurrency: int, workers: int, min_size: int, memory: "_Memory") -> None:
    from img2dataset import download  # type: ignore[import-not-found]

    download(
        url_list=str(addresses),
        output_folder=str(out),
        processes_count=workers,
        thread_count=concurrency // workers,
        resize_mode="no",
        skip_reencode=True,
        timeout=TIMEOUT,
        min_image_size=min_size,
        number_sample_per_shard=max(1, len(addresses.read_text().splitlines()) // (4 * workers)),
        extract_exif=False,
    )


def _icrawler(addresses: Path, out: Path, concurrency: int, workers: int, min_size: int, memory: "_Memory") -> None:
    import logging

    from icrawler import ImageDownloader  # type: ignore[import-not-found]
    from icrawler.builtin import UrlListCrawler  # type: ignore[import-not-found]

    crawler = UrlListCrawler(
        downloader_cls=ImageDownloader,
        downloader_threads=concurrency,
        storage={"root_dir": str(out)},
        log_level=logging.ERROR,
    )
    crawler.crawl(str(addresses), max_num=10**9)  # has no check of what it saves


class _Memory:
    """Resident megabytes: the most of this process and its children, and of this one when so many were saved."""

    def __init__(self) -> None:
        self.megabytes: dict = {"most": 0.0}
        self._next = 10_000
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def reached(self, saved: int) -> None:
        """Note the memory at every ten thousandth."""
        if saved >= self._next:
            self.megabytes[str(self._next)] = round(_of(os.getpid()), 1)
            self._next += 10_000

    def end(self) -> None:
        """Stop watching."""
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._over.wait(0.5):
            self.megabytes["most"] = max(self.megabytes["most"], _resident())


def _resident() -> float:
    """Resident memory of this process and all below it, megabytes; shared pages count in each."""
    parents = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parents[int(entry.name)] = int((entry / "stat").read_text().rsplit(")", 1)[1].split()[1])
            except OSError:
                continue  # it has ended
    below = {os.getpid()}
    while more := {child for child, parent in parents.items() if parent in below} - below:
        below |= more
    return round(sum(map(_of, below)), 1)


def _of(process: int) -> float:
    """Resident memory of one process, megabytes; 0 of one that has ended."""
    try:
        pages = int(Path(f"/proc/{process}/statm").read_text().split()[1])
    except OSError:
        return 0.0
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


if __name__ == "__main__":
    main()
