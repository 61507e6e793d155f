"""The main job without its heart: decode, encode with the same settings, copy the sound. What no detector can beat."""

from __future__ import annotations

import sys
from pathlib import Path

from common.pump import prefetched
from common.video.reader import FrameReader
from common.video.writer import EncodeSettings, VideoWriter


def main(source: Path, target: Path) -> None:
    """Write `source` to `target` as the main job writes it, nothing hidden."""
    with (
        FrameReader(source) as reader,
        VideoWriter(target, target, reader.info, EncodeSettings()) as writer,
        prefetched(reader) as frames,
    ):
        for frame in frames:
            writer.write(frame.picture, frame)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
