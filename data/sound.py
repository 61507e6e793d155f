"""A made piece of music: plucked notes over soft chords, so that one hears at once whether a soundtrack is intact."""

from __future__ import annotations

import math

import numpy as np

SAMPLE_RATE = 48000
BEAT = 0.25  # seconds between plucked notes

# Chords in half-tones from A3, each four beats long, and the pattern in which their notes are plucked.
CHORDS = ((0, 4, 7, 11, 14), (-3, 0, 4, 7, 12), (2, 5, 9, 12, 16), (-5, -1, 2, 5, 14))
PATTERN = (0, 2, 4, 3, 1, 3, 4, 2)


def _pitch(half_tones: float) -> float:
    return 220.0 * 2.0 ** (half_tones / 12)


def _pluck(frequency: float, seconds: float) -> np.ndarray:
    """Return a struck string: overtones that die the sooner the higher they are."""
    times = np.arange(int(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    tone = sum(
        np.sin(2 * math.pi * frequency * k * times) * np.exp(-times * (2.2 + 1.6 * k)) / k**1.4 for k in range(1, 7)
    )
    return np.asarray(tone) * np.clip(times / 0.004, 0, 1)


def _pad(chord: tuple[int, ...], seconds: float) -> np.ndarray:
    """Return a chord held softly, swelling and sinking."""
    times = np.arange(int(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    swell = np.sin(math.pi * np.clip(times / seconds, 0, 1)) ** 0.7
    held = [
        np.sin(2 * math.pi * _pitch(n - 12) * times) + 0.3 * np.sin(2 * math.pi * _pitch(n) * times + 0.5)
        for n in chord[:3]
    ]
    return swell * np.sum(held, axis=0)


def music(seconds: float) -> np.ndarray:
    """Return (samples, 2) float32 in -1..1 at `SAMPLE_RATE`: the same piece every time.

    Notes wander between left and right; the ends are faded over 20 ms.
    """
    length = round(seconds * SAMPLE_RATE)
    bars = math.ceil(seconds / (4 * BEAT))
    sound = np.zeros((length + 6 * SAMPLE_RATE, 2))
    for bar in range(bars):
        chord = CHORDS[bar % len(CHORDS)]
        start = round(bar * 4 * BEAT * SAMPLE_RATE)
        held = 0.05 * _pad(chord, 5 * BEAT)
        sound[start : start + len(held)] += held[:, None]
        for beat in range(4):
            step = bar * 4 + beat
            note = 0.22 * _pluck(_pitch(chord[PATTERN[step % len(PATTERN)]]), 1.6)
            left = 0.5 + 0.35 * math.sin(step * 0.9)
            at = start + round(beat * BEAT * SAMPLE_RATE)
            sound[at : at + len(note)] += note[:, None] * [left, 1 - left]
    sound = sound[:length]
    fade = min(length // 2, SAMPLE_RATE // 50)
    if fade:
        sound[:fade] *= np.linspace(0, 1, fade)[:, None]
        sound[-fade:] *= np.linspace(1, 0, fade)[:, None]
    return np.tanh(1.4 * sound).astype(np.float32)
