"""Weight files from the network: whole or not at all.

A file comes to a name of its own beside the wanted one and is renamed when it is complete; a broken download goes on
where it stopped.
"""

from __future__ import annotations

import urllib.error
import urllib.request
from pathlib import Path

from tqdm import tqdm

from common.errors import UserError

COCO_MODEL_URL = "https://github.com/matterport/Mask_RCNN/releases/download/v2.0/mask_rcnn_coco.h5"
PIECE = 1 << 20


def download_trained_weights(coco_model_path: str | Path, verbose: int = 1, url: str = COCO_MODEL_URL) -> None:
    """Fetch the weights trained on COCO.

    Args:
        coco_model_path: where to; a file that is there stays.
        verbose: 0 shows no progress.
        url: where from.

    Raises:
        UserError: the download failed; says what to put where.

    Source: original `utils.download_trained_weights`.
    """
    path = Path(coco_model_path)
    if path.exists():
        return
    part = path.with_name(path.name + ".part")
    have = part.stat().st_size if part.exists() else 0
    request = urllib.request.Request(url, headers={"Range": f"bytes={have}-"} if have else {})
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            resumed = answer.status == 206
            length = answer.headers.get("Content-Length")
            expected = int(length) + (have if resumed else 0) if length else None
            with (
                part.open("ab" if resumed else "wb") as file,
                tqdm(total=expected, initial=have * resumed, unit="B", unit_scale=True, disable=not verbose) as bar,
            ):
                while piece := answer.read(PIECE):
                    file.write(piece)
                    bar.update(len(piece))
    except (OSError, urllib.error.URLError) as error:
        raise UserError(f"{url} cannot be fetched ({error}); fetch it elsewhere and put it at {path}") from error
    if expected is not None and part.stat().st_size != expected:
        raise UserError(f"{url}: {part.stat().st_size} of {expected} bytes came; run it again, it goes on from there")
    part.rename(path)
