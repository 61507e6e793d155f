"""A made set of pictures and videos with exact truth: clowns, plain people and coloured balls before real photographs.

The folder: images/*.jpg, annotations/*.xml (PASCAL VOC), masks.json (COCO: boxes and masks of the visible pixels),
videos/*.mp4 with *.truth.jsonl (detections files), README.txt, made.json. Same arguments, same bytes.
"""

from __future__ import annotations

import itertools
import json
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import connection
from pathlib import Path
from typing import Any

import cv2

from common.detections import DetectionsWriter
from common.errors import UserError
from common.progress import Progress
from common.staging import staged_folder
from data.clip_file import ClipFile
from data.demo_facts import Facts
from data.demo_picture import CLASSES, MadePicture, make_picture
from data.demo_video import FRAMES, RATE, draw_frame, header
from data.sound import music

MADE = "made.json"
LARGEST_COUNT, LARGEST_SIDE, SMALLEST_SIDE = 1_000_000, 4096, 64
Mapper = Callable[[Callable[[Any], Any], Iterable[Any]], Iterator[Any]]


def make_set(
    target: Path,
    count: int,
    seed: int,
    *,
    videos: int = 0,
    size: tuple[int, int] = (480, 640),
    processes: int | None = None,
    overwrite: bool = False,
    quiet: bool = False,
) -> Facts:
    """Make the set; its folder gets its name when all is in it.

    Args:
        target: folder to make.
        count: of pictures; 0 where there are videos.
        seed: of everything.
        videos: how many, each about six seconds.
        size: (height, width) of pictures and videos, even numbers.
        processes: that draw; default one a core. The set does not depend on it.
        overwrite: replace a set that this function made before.
        quiet: show no progress.

    Returns:
        What is in it.

    Raises:
        UserError: a number that cannot be, or a folder that cannot be used.
    """
    check_numbers(count, seed, videos, size)
    check_folder(target, overwrite)
    facts = Facts(seed, count, videos, size, CLASSES)
    with staged_folder(target, overwrite=overwrite) as folder:
        for name in ("images", "annotations"):
            (folder / name).mkdir()
        cv2.setNumThreads(1)
        with _mapper(min(processes or os.cpu_count() or 1, max(count, videos))) as mapper:
            _write_pictures(folder, facts, mapper, quiet)
            _write_videos(folder, facts, mapper, quiet)
        (folder / "README.txt").write_text(facts.text(), encoding="utf-8")
        (folder / MADE).write_text(json.dumps(facts.as_json(), indent=1) + "\n", encoding="utf-8")
    return facts


def check_numbers(count: int, seed: int, videos: int, size: tuple[int, int]) -> None:
    """Raise UserError where a number cannot be."""
    if not (videos <= 0) <= count <= LARGEST_COUNT:
        raise UserError(f"--count {count} is no number of pictures; give 1 to {LARGEST_COUNT}, or 0 and --videos")
    if not 0 <= videos <= 1000:
        raise UserError(f"--videos {videos} is no number of videos; give 0 to 1000")
    if seed < 0:
        raise UserError(f"--seed {seed} is below 0; give 0 or more")
    height, width = size
    if not all(SMALLEST_SIDE <= side <= LARGEST_SIDE and side % 2 == 0 for side in size):
        raise UserError(
            f"--size {width}x{height} cannot be drawn; give even numbers from {SMALLEST_SIDE} to {LARGEST_SIDE}"
        )


def check_folder(target: Path, overwrite: bool) -> None:
    """Raise UserError unless the set can be put there: nothing but a set made before is ever replaced."""
    if not target.parent.is_dir():
        raise UserError(f"the folder {target.parent} does not exist; create it first")
    if not target.exists():
        return
    if not target.is_dir():
        raise UserError(f"{target} is a file; give the name of a folder")
    if not any(target.iterdir()):
        return
    if not overwrite:
        raise UserError(f"the folder {target} is not empty; choose another name or add --overwrite")
    if not (target / MADE).is_file():
        raise UserError(
            f"the folder {target} holds something else than a made set; --overwrite replaces such a set only"
        )


def _write_pictures(folder: Path, facts: Facts, mapper: Mapper, quiet: bool) -> None:
    """Draw all pictures and write them, their labels and the masks of all."""
    coco: dict[str, Any] = {"info": facts.info(), "licenses": [], "images": [], "annotations": []}
    coco["categories"] = [{"id": place, "name": name, "supercategory": ""} for place, name in enumerate(CLASSES, 1)]
    jobs = ((index, facts.seed, facts.size) for index in range(facts.count))
    with Progress("drawing", facts.count, unit="pictures", quiet=quiet) as progress:
        for number, made in enumerate(progress.count(mapper(_picture, jobs)), 1):
            (folder / "images" / made.name).write_bytes(made.jpeg)
            (folder / "annotations" / made.name).with_suffix(".xml").write_bytes(made.xml)
            height, width = facts.size
            coco["images"].append({"id": number, "file_name": made.name, "height": height, "width": width})
            for record in made.records:
                coco["annotations"].append({"id": len(coco["annotations"]) + 1, "image_id": number} | record)
            facts.add(made.records)
    (folder / "masks.json").write_text(json.dumps(coco, separators=(",", ":")) + "\n", encoding="utf-8")


def _picture(job: tuple[int, int, tuple[int, int]]) -> MadePicture:
    return make_picture(*job)


def _write_videos(folder: Path, facts: Facts, mapper: Mapper, quiet: bool) -> None:
    """Render the videos, each with its truth beside it."""
    if not facts.videos:
        return
    folder = folder / "videos"
    folder.mkdir()
    total = facts.videos * FRAMES
    jobs = ((facts.seed, video, index, facts.size) for video in range(facts.videos) for index in range(FRAMES))
    with Progress("filming", total, unit="frames", quiet=quiet) as progress:
        frames = iter(progress.count(mapper(draw_frame, jobs)))
        for video in range(facts.videos):
            name = f"demo_{video:02d}.mp4"
            sound = music(float(FRAMES / RATE))
            truth = (folder / name).with_suffix(".truth.jsonl")
            with (
                ClipFile(folder / name, facts.size, RATE, sound, crf=21) as clip,
                DetectionsWriter(truth, header(facts.size, name)) as writer,
            ):
                for pixels, objects in itertools.islice(frames, FRAMES):
                    clip.write(pixels)
                    writer.write(objects)


@contextmanager
def _mapper(processes: int) -> Iterator[Mapper]:
    """Give a `map` that keeps the order and uses so many processes; they end when this one does, however it does."""
    if processes == 1:
        yield map
        return
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, mp_context=context, initializer=_begin) as pool:
        try:
            yield pool.map
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _begin() -> None:
    """Prepare a drawing process: it leaves Ctrl-C to its parent and ends when that is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    cv2.setNumThreads(1)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        connection.wait([parent.sentinel])
        os._exit(1)
