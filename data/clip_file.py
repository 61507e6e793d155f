"""Writes made frames and made sound to a video file, the same bytes on every run of one machine."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from types import TracebackType

import av
import numpy as np
from av.video.reformatter import ColorRange, Colorspace

from data.sound import SAMPLE_RATE

BT709 = 1


class ClipFile:
    """An H.264 file with AAC sound, written frame by frame. A context manager.

    Args:
        path: target; its suffix decides the container.
        size: (height, width), even numbers.
        rate: frames per second.
        sound: (samples, 2) float32 at `SAMPLE_RATE`, or None for a silent file.
        crf: x264's quality; 18 looks like the original, 28 like a phone that saves.
        preset: x264's.
    """

    def __init__(
        self,
        path: Path,
        size: tuple[int, int],
        rate: Fraction = Fraction(30),
        sound: np.ndarray | None = None,
        crf: float = 18,
        preset: str = "medium",
    ) -> None:
        self._container = av.open(str(path), "w")
        self._rate = Fraction(rate)
        # Finer than a frame's time, so that irregular times can be given too.
        self._time_base = 1 / (self._rate * 100)
        self._video = self._open_video(size, crf, preset)
        self._audio = None if sound is None else self._open_audio()
        self._sound = sound
        self._frames = 0
        self._samples = 0

    def _open_video(self, size: tuple[int, int], crf: float, preset: str) -> av.VideoStream:
        # One thread: x264 decides differently with another count, and a made clip is the same everywhere.
        options = {"crf": str(crf), "preset": preset, "threads": "1"}
        stream = self._container.add_stream("libx264", rate=self._rate, options=options)
        stream.height, stream.width = size
        stream.pix_fmt = "yuv420p"
        context = stream.codec_context
        context.time_base = self._time_base
        context.color_range = ColorRange.MPEG
        context.colorspace = context.color_primaries = context.color_trc = BT709
        return stream

    def _open_audio(self) -> av.AudioStream:
        stream = self._container.add_stream("aac", rate=SAMPLE_RATE, layout="stereo")
        stream.bit_rate = 160_000
        return stream

    def write(self, picture: np.ndarray, time: float | None = None) -> None:
        """Add a frame.

        Args:
            picture: (H, W, 3) uint8 RGB.
            time: seconds at which it is shown; default: the frames so far at the steady rate.
        """
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")
        frame = frame.reformat(format="yuv420p", dst_colorspace=Colorspace.ITU709, dst_color_range=ColorRange.MPEG)
        frame.time_base = self._time_base
        frame.pts = self._frames * 100 if time is None else round(time / self._time_base)
        self._frames += 1
        self._container.mux(self._video.encode(frame))
        self._write_sound(float(frame.pts * self._time_base))

    def _write_sound(self, until: float | None) -> None:
        """Encode sound up to a time (seconds; None: all that is left), so that the streams are interleaved."""
        if self._audio is None or self._sound is None:
            return
        end = len(self._sound) if until is None else min(len(self._sound), round(until * SAMPLE_RATE))
        while self._samples + 1024 <= end or (until is None and self._samples < end):
            block = self._sound[self._samples : self._samples + 1024]
            frame = av.AudioFrame.from_ndarray(
                np.ascontiguousarray(block.T, dtype=np.float32), format="fltp", layout="stereo"
            )
            frame.sample_rate = SAMPLE_RATE
            frame.pts = self._samples
            frame.time_base = Fraction(1, SAMPLE_RATE)
            self._samples += len(block)
            self._container.mux(self._audio.encode(frame))

    def __enter__(self) -> ClipFile:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self._write_sound(None)
            self._container.mux(self._video.encode(None))
            if self._audio is not None:
                self._container.mux(self._audio.encode(None))
        self._container.close()
