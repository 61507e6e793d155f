"""The report as files."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from infer.report import Report
from infer.report_page import page


def write_report(
    report: Report, json_path: Path, html_path: Path, thumbnails: Mapping[int, bytes] | None = None
) -> None:
    """Write the report as JSON, and as one page to read, print and sign.

    Args:
        report: what is written.
        json_path: where the JSON goes.
        html_path: where the page goes; it needs nothing from outside.
        thumbnails: PNG or JPEG of the output by frame number, shown beside the moments to check. Only pictures of the
            masked output belong here.
    """
    text = json.dumps(report.as_json(), indent=2, ensure_ascii=False, default=str)
    # A file name that is not text in the system's encoding must not cost the report.
    json_path.write_bytes(text.encode("utf-8", "backslashreplace") + b"\n")
    html_path.write_bytes(page(report, thumbnails or {}).encode("utf-8", "backslashreplace"))
