"""What a file is by its first bytes: servers call web pages pictures, and pictures anything."""

from __future__ import annotations

ENOUGH = 64  # bytes that tell a kind of file
_PICTURES = (
    (b"\xff\xd8\xff", "JPEG"),
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"GIF87a", "GIF"),
    (b"GIF89a", "GIF"),
    (b"BM", "BMP"),
    (b"II*\0", "TIFF"),
    (b"MM\0*", "TIFF"),
    (b"\0\0\0\x0cjP  ", "JPEG 2000"),
)
_OTHERS = (
    (b"%PDF", "a PDF document"),
    (b"PK\x03\x04", "a ZIP archive"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"\x1aE\xdf\xa3", "a video"),
    (b"RIFF", "sound or a video"),
    (b"ID3", "sound"),
    (b"\0\0\x01\0", "an icon"),
    (b"{", "JSON text"),
)
_HEIF = (b"avif", b"avis", b"heic", b"heix", b"hevc", b"heim", b"heis", b"mif1", b"msf1")


def picture_kind(head: bytes) -> str | None:
    """Name of the picture format that a file's first bytes announce; None for anything else."""
    for magic, kind in _PICTURES:
        if head.startswith(magic):
            return kind
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return "WebP"
    if head[4:8] == b"ftyp" and head[8:12] in _HEIF:
        return "AVIF" if head[8:11] == b"avi" else "HEIF"
    return None


def other_kind(head: bytes) -> str:
    """What a file is that is no picture, for people."""
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if text.startswith((b"<!doctype html", b"<html", b"<head", b"<body", b"<script", b"<title", b"<div")):
        return "a web page (HTML)"
    if text.startswith(b"<svg") or (text.startswith((b"<?xml", b"<!doctype svg", b"<!--")) and b"svg" in text):
        return "a drawing (SVG)"
    if text.startswith(b"<"):
        return "XML or HTML text"
    if head[4:8] == b"ftyp":
        return "a video"
    for magic, kind in _OTHERS:
        if head.startswith(magic):
            return kind
    return "no known picture format" if head else "empty"
