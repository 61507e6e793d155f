"""`python -m infer`: flags in, exit code out. The heavy part is imported inside the commands."""

from __future__ import annotations

import json
import sys
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from common.errors import EXIT_INCOMPLETE, EXIT_OK, UserError
from infer.flags import parser

if TYPE_CHECKING:
    from infer.settings import HideSettings, Search


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command that `argv` names; return the exit code."""
    flags = parser().parse_args(argv)
    flags.argv = list(sys.argv[1:] if argv is None else argv)
    commands = {
        "video": _hide,
        "image": _hide,
        "render": _render,
        "detect": _detect,
        "classes": _classes,
        "export": _export,
    }
    return commands[flags.command](flags)


def _hide(flags: Namespace) -> int:
    from common.video.url import fetched, is_url, shown
    from infer.picture import hide_picture
    from infer.pipeline import hide_video
    from infer.report import summary_lines

    settings = _settings(flags)
    if is_url(flags.source):
        if flags.command == "image":
            raise UserError("an address is taken by `infer video`; fetch the picture and give the file")
        if flags.output is None:
            raise UserError("an address needs a name for the output: add -o FILE")
        with fetched(flags.source, Path(flags.output).parent, quiet=flags.quiet) as source:
            report = hide_video(
                source, Path(flags.output), settings, called=shown(flags.source), argv=flags.argv, quiet=flags.quiet
            )
    else:
        source = Path(flags.source)
        if source.is_dir():
            return _folder(source, flags, settings)
        hide = hide_picture if flags.command == "image" else hide_video
        report = hide(source, _target(flags, source), settings, argv=flags.argv, quiet=flags.quiet)
    print(*summary_lines(report), sep="\n")
    return report.exit_code(strict=settings.strict)


def _folder(source: Path, flags: Namespace, settings: HideSettings) -> int:
    from infer.batch import hide_folder

    if flags.output is None:
        raise UserError(f"{source} is a folder: add -o FOLDER for the outputs")
    if settings.preview is not None:
        raise UserError("--preview takes one video or picture, not a folder")
    code = EXIT_OK
    done = failed = 0
    for outcome in hide_folder(source, Path(flags.output), settings, argv=flags.argv, quiet=flags.quiet):
        if outcome.problem is None:
            done += 1
            print(f"{outcome.source}: {outcome.summary}")
            code = max(code, outcome.exit_code)
        else:
            failed += 1
            print(f"error: {outcome.source}: {outcome.problem}", file=sys.stderr)
    print(f"{done} done, {failed} failed")
    if not done and not failed:
        raise UserError(f"{source} holds no file; expected videos or pictures")
    return EXIT_INCOMPLETE if failed else code


def _render(flags: Namespace) -> int:
    from infer.pipeline import render_video
    from infer.report import summary_lines

    settings = _settings(flags)
    source = Path(flags.source)
    report = render_video(
        source, Path(flags.detections), _target(flags, source), settings, argv=flags.argv, quiet=flags.quiet
    )
    print(*summary_lines(report), sep="\n")
    return report.exit_code(strict=settings.strict)


def _detect(flags: Namespace) -> int:
    from infer.pipeline import detect_video

    settings = _settings(flags)
    source = Path(flags.source)
    target = Path(flags.output or f"{source}.detections.jsonl")
    frames = detect_video(source, target, settings, quiet=flags.quiet)
    print(f"{target}: {frames} frames")
    return EXIT_OK


def _classes(flags: Namespace) -> int:
    from infer.classes import listing
    from infer.models import offered, read_models
    from mrcnn.download import cached

    available = offered(read_models(flags.weights, flags.classes))
    rows = [("name", "found by", "status"), *listing(flags.presets, available)]
    widths = [max(len(row[column]) for row in rows) for column in range(2)]
    for name, found_by, status in rows:
        print(f"{name:<{widths[0]}}  {found_by:<{widths[1]}}  {status}")
    if not flags.weights and not cached("coco").exists():
        print(f"mask-rcnn: its COCO weights (246 MB) are fetched on first use, to {cached('coco')}", file=sys.stderr)
    return EXIT_OK


def _export(flags: Namespace) -> int:
    from infer.export import ExportSettings, export

    if flags.int8 and flags.calibrate is None:
        raise UserError("--int8 needs --calibrate: a video or a folder of pictures like those that will be analysed")
    if flags.calibrate is not None and not flags.int8:
        raise UserError("--calibrate is for 8-bit integers: add --int8")
    settings = ExportSettings(
        opset=flags.opset,
        target=flags.target,
        calibrate=None if flags.calibrate is None else Path(flags.calibrate),
        input_size=flags.input_size,
        limit=flags.limit,
        force=flags.force,
        overwrite=flags.overwrite,
    )
    out = None if flags.output is None else Path(flags.output)
    print(*export(flags.weights, out, settings, flags.classes).lines(), sep="\n")
    return EXIT_OK


def _target(flags: Namespace, source: Path) -> Path:
    if flags.output is not None:
        target = Path(flags.output)
        return target / source.name if target.is_dir() else target
    return source.with_name(f"{source.stem}.masked{source.suffix}")


def _settings(flags: Namespace) -> HideSettings:
    from common.times import parse_time
    from common.video.writer import EncodeSettings
    from infer.select import Rules
    from infer.settings import Cover, HideSettings

    search = _search(flags)
    effect_options = _given(colour=flags.color, strength=flags.strength, by=flags.background, pictures=flags.pictures)
    return HideSettings(
        search=search,
        cover=Cover(
            effect=flags.effect,
            options=effect_options | _named(flags.effect_option, "--effect-option"),
            shape=flags.shape,
            grow="0" if flags.tight else None,
            more=flags.grow,
            feather=flags.feather,
        ),
        encode=EncodeSettings(
            codec=flags.codec,
            crf=flags.crf,
            preset=flags.preset,
            audio=flags.audio,
            subtitles=flags.subtitles,
            keep_metadata=flags.keep_metadata,
        ),
        rules=Rules.parse(flags, known=search.shown),
        start=None if flags.start is None else parse_time(flags.start),
        end=None if flags.end is None else parse_time(flags.end),
        allow_damaged=flags.allow_damaged,
        strict=flags.strict,
        overwrite=flags.overwrite,
        preview=None if flags.preview is None else Path(flags.preview),
    )


def _search(flags: Namespace) -> Search:
    from infer.classes import match_class, resolve
    from infer.models import finders, offered, read_models
    from infer.owners import with_owners
    from infer.settings import Search
    from mrcnn.detectors import GRAPH, MODEL

    if flags.command == "render":
        from common.detections import read_header

        return Search(classes=read_header(Path(flags.detections)).classes)
    models = read_models(flags.weights, flags.classes)
    detector = None if models and flags.detector in (GRAPH, MODEL) else flags.detector
    available = offered(models)
    selection = resolve(flags.hide, detector=detector, available=available, preset_file=flags.presets)
    selection = with_owners(selection, flags.cover_owner, flags.unless, available, detector)
    options = _given(
        nms=flags.nms, mask_threshold=flags.mask_threshold, input_size=flags.input_size, runtime=flags.runtime
    )
    first, *also = finders(selection, models, options | _named(flags.detector_option, "--detector-option"))
    return Search(
        detector=first.detector,
        classes=selection.classes,
        score=next((value for name, value in reversed(flags.score) if name is None), None),
        floor=flags.floor,
        options=first.options,
        device=flags.device,
        every=flags.detect_every,
        stop_on_error=flags.on_error == "stop",
        link=not flags.no_track,
        also=tuple(also),
        belonging=selection.belonging,
        scores={match_class(name, available) or name: value for name, value in flags.score if name is not None},
    )


def _given(**options: Any) -> dict[str, Any]:
    return {name: value for name, value in options.items() if value is not None}


def _named(texts: Sequence[str], flag: str) -> dict[str, Any]:
    """NAME=VALUE texts as options; numbers, true and false are taken as such."""
    options: dict[str, Any] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not name or not equals:
            raise UserError(f"{flag} {text}: expected NAME=VALUE, e.g. min_size=24")
        try:
            options[name.replace("-", "_")] = json.loads(value)
        except json.JSONDecodeError:
            options[name.replace("-", "_")] = value
    return options
