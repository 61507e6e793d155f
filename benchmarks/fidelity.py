"""Does everything but the hidden faces come out as it went in? A matrix of clips, ours beside deface.

Each clip is made with known truth (tests/clips.py): numbered pictures, clicking sound, uneven times, late starts,
turned and anamorphic pictures, HDR, two languages, chapters. It is run through each tool and read back.
"""

from __future__ import annotations

import argparse
import importlib
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import av

from common.errors import UserError
from common.video.frame import upright
from common.video.info import VideoInfo
from common.video.reader import FrameReader
from infer.pipeline import hide_video
from infer.settings import HideSettings

TESTS = Path(__file__).resolve().parents[1] / "tests"
MILLISECOND = 0.0011  # containers that count milliseconds round by half of one
DEFACE_LIMIT = 120  # seconds for one clip of a second or two
UNWRITTEN = ("mpeg2",)  # there is no .mpg output; the refusal names the containers there are


def main(argv: list[str] | None = None) -> int:
    """Run the matrix and print the table; returns 0 when all of ours came out right."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks fidelity", description=__doc__)
    parser.add_argument("clips", nargs="*", help="names of clips (tests/clips.py); none = all")
    parser.add_argument("--no-peer", action="store_true", help="leave deface out")
    arguments = parser.parse_args(argv)
    clips, media = _test_module("clips"), _test_module("media")
    matrix = {name: spec for name, spec in clips.CLIPS.items() if name not in UNWRITTEN}
    matrix["wide"] = replace(clips.CLIPS["cfr"], name="wide.mp4", size=(90, 160))  # 16:9, no multiple of 16 high
    names = arguments.clips or list(matrix)
    tools: dict[str, Callable[[Path, Path], str]] = {"ours": hide}
    if not arguments.no_peer:
        tools["deface"] = deface
    right = dict.fromkeys(tools, 0)
    with tempfile.TemporaryDirectory() as folder:
        for place, name in enumerate(names):
            source = media.make(matrix[name], _folder(folder, f"{place}_source"))
            print(name)
            for tool, run in tools.items():
                target = _folder(folder, f"{place}_{tool}") / source.name
                problem = run(source, target)
                found = problem or "; ".join(differences(source, target, len(matrix[name].sounds)))
                right[tool] += not found
                print(f"    {tool:<8}{found or 'ok'}", flush=True)
    print(", ".join(f"{tool} {count} of {len(names)}" for tool, count in right.items()))
    return 0 if right["ours"] == len(names) else 1


def hide(source: Path, target: Path) -> str:
    """Run the main job on a clip; returns what went wrong, "" for nothing."""
    try:
        hide_video(source, target, HideSettings(overwrite=True))
    except UserError as error:
        return str(error)
    return ""


def deface(source: Path, target: Path) -> str:
    """Run deface's command line on a clip; returns what went wrong, "" for nothing."""
    program = Path(sys.executable).with_name("deface")
    command = [str(program), str(source.resolve()), "--keep-audio", "-o", str(target.resolve())]
    try:
        run = subprocess.run(command, capture_output=True, text=True, timeout=DEFACE_LIMIT, check=False)
    except subprocess.TimeoutExpired:
        return f"no end after {DEFACE_LIMIT} s"
    if run.returncode:
        lines = run.stderr.strip().splitlines()
        return f"exit {run.returncode}: {lines[-1][:80] if lines else ''}"
    return "" if target.exists() else "wrote nothing, exit 0"


def differences(source: Path, target: Path, sounds: int) -> list[str]:
    """Name what a viewer or listener of `target` gets otherwise than from `source`; [] = the same clip."""
    rewriting, media = _test_module("rewriting"), _test_module("media")
    try:
        before, after = rewriting.shown(source), rewriting.shown(target)
    except UserError as error:
        return [f"unreadable: {error}"]
    turned = _displayed(source) != _displayed(target)
    found = ["other pictures"] if turned and len(before.times) == len(after.times) else []
    found += [*_picture_differences(before, after), *_tag_differences(before.info, after.info)]
    if rewriting.track_facts(after.info) != rewriting.track_facts(before.info):
        found.append(f"tracks {_tracks(before.info)} -> {_tracks(after.info)}")
    else:
        found += [kind for kind in ("audio", "subtitles") if _words(source, kind) != _words(target, kind)]
        for track in range(sounds):
            pairs = zip(media.click_times(source, track), media.click_times(target, track), strict=False)
            off = max((abs(one - other) for one, other in pairs), default=0.0)
            if off > 2 * MILLISECOND:
                found.append(f"sound {track} off by {off * 1000:.0f} ms")
    return found


def _displayed(path: Path) -> list[int]:
    """The numbers the pictures carry as a viewer sees them: turned pixels are as good as a tag that says so."""
    media = _test_module("media")
    with FrameReader(path) as reader:
        matrix = reader.info.display_matrix
        mirrored = matrix is not None and matrix[0] * matrix[4] - matrix[1] * matrix[3] < 0
        pictures = (upright(frame.picture.to_ndarray(format="gray"), frame.rotation) for frame in reader)
        return [media.read_number(picture[:, ::-1] if mirrored else picture) for picture in pictures]


def _picture_differences(before: Any, after: Any) -> list[str]:
    found = []
    if len(after.times) != len(before.times):
        found.append(f"frames {len(before.times)} -> {len(after.times)}")
    worst = max(abs(one - other) for one, other in zip(before.times, after.times, strict=False))
    if worst > 1:
        found.append(f"times off by {worst} ms")
    if before.info.container != "mpegts" and abs(after.end - before.end) > MILLISECOND:
        found.append(f"end {before.end:.3f} -> {after.end:.3f} s")
    return found


def _tag_differences(before: VideoInfo, after: VideoInfo) -> list[str]:
    rewriting = _test_module("rewriting")
    pairs: dict[str, list[Any]] = {
        "size": [info.display_size for info in (before, after)],
        "aspect": [info.sample_aspect_ratio or 1 for info in (before, after)],
        "colours": [rewriting.color_facts(info) for info in (before, after)],
        "bits": [info.bit_depth for info in (before, after)],
        "hdr": [info.hdr is not None and info.hdr for info in (before, after)],
        "chapters": [len(info.chapters) for info in (before, after)],
    }
    found = [f"{name} {one} -> {other}" for name, (one, other) in pairs.items() if one != other and name != "hdr"]
    if pairs["hdr"][0] != pairs["hdr"][1]:
        found.append("hdr tags lost")
    if after.telltales:
        found.append("still tells: " + ", ".join(sorted({telltale.kind for telltale in after.telltales})))
    if _chroma(after) < _chroma(before):
        found.append(f"chroma {before.pixel_format} -> {after.pixel_format}")
    return found


def _chroma(info: VideoInfo) -> int:
    """Share of colour samples in sixteenths of full resolution; more than the source had is no loss."""
    parts = av.VideoFormat(info.pixel_format, 16, 16).components
    return max((part.width * part.height for part in parts if part.is_chroma), default=0 if len(parts) < 3 else 256)


def _tracks(info: VideoInfo) -> str:
    kept = [track for track in info.tracks if track.kind in ("audio", "subtitle")]
    return "+".join(f"{track.codec}({track.language})" for track in kept) or "none"


def _words(path: Path, kind: str) -> Any:
    return _test_module("rewriting").payloads(path, kind)


def _folder(parent: str, name: str) -> Path:
    folder = Path(parent) / name
    folder.mkdir()
    return folder


def _test_module(name: str) -> Any:
    """The clips and their readers live with the tests; benchmarks are run from a checkout, where both are."""
    if str(TESTS) not in sys.path:
        sys.path.insert(0, str(TESTS))
    return importlib.import_module(name)
