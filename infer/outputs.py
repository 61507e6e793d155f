"""The files that one run leaves: the masked video and, beside it, its detections and the report to sign."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from common.errors import UserError
from common.staging import check_target, staged


@dataclass(frozen=True)
class Outputs:
    """Names of a run's files: the final ones, or the staged ones while it goes on.

    Attributes:
        masked: the masked video or picture.
        detections: what was hidden, a line a frame; None when an existing file was rendered.
        report: the report as JSON.
        page: the report as a page to sign.
        preview: the before/after sheet, or None.
    """

    masked: Path
    detections: Path | None
    report: Path
    page: Path
    preview: Path | None = None

    @classmethod
    def beside(cls, target: Path, *, detections: bool = True, preview: Path | None = None) -> Outputs:
        """Final names that belong to `target`."""
        return cls(
            target,
            target.with_name(f"{target.name}.detections.jsonl") if detections else None,
            target.with_name(f"{target.name}.report.json"),
            target.with_name(f"{target.name}.report.html"),
            preview,
        )

    @property
    def paths(self) -> list[Path]:
        """All of them, in the order in which they get their final names: the masked one last."""
        every = (self.detections, self.report, self.page, self.preview, self.masked)
        return [path for path in every if path is not None]

    def check(self, inputs: Sequence[Path], *, overwrite: bool) -> None:
        """Refuse outputs that would replace an input, or exist already, before any work is done.

        Raises:
            UserError: an output is an input or another output, exists without `overwrite`, or cannot be written.
        """
        if self.preview is not None and self.preview.suffix.lower() != ".png":
            raise UserError(f"{self.preview}: the preview is a PNG; give a name that ends in .png")
        for target in reversed(self.paths):
            check_output(target, inputs, overwrite=overwrite)
        if len({path.resolve() for path in self.paths}) < len(self.paths):
            raise UserError(f"{self.preview} is the name of another output too; give the preview its own")


def check_output(target: Path, inputs: Sequence[Path], *, overwrite: bool) -> None:
    """Refuse an output that would replace an input, or exists already.

    Raises:
        UserError: it is an input, exists without `overwrite`, or cannot be written.
    """
    if any(target.exists() and given.exists() and target.samefile(given) for given in inputs):
        raise UserError(f"{target} is the input itself; give another name")
    check_target(target, overwrite=overwrite)


@contextmanager
def staged_outputs(final: Outputs, *, overwrite: bool) -> Iterator[Outputs]:
    """Give temporary names for all files; they get their final ones together, the masked one last."""
    with ExitStack() as stack:
        # What is entered first is renamed last: whoever sees the masked video finds the report beside it.
        names = {path: stack.enter_context(staged(path, overwrite=overwrite)) for path in reversed(final.paths)}
        detections = names[final.detections] if final.detections else None
        preview = names[final.preview] if final.preview else None
        yield Outputs(names[final.masked], detections, names[final.report], names[final.page], preview)
