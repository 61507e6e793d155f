"""In which samples of a scene the background of each pixel is really seen.

That a pixel is uncovered does not prove that the object has left: it may have been missed. So a stretch of uncovered
frames counts only when it is long, and without its ends, where the object comes and goes.
"""

from __future__ import annotations

import numpy as np

LONG_INSIDE = 24  # frames, about a second: between two covered stretches
LONG_AT_BORDER = 12  # frames: before the object comes, or after it has left for good
GUARD = 3  # frames next to a covered one: cover may begin late and end early


class Sightings:
    """Follows the cover of one scene frame by frame; memory does not grow with its length.

    Attributes:
        ever: (H, W) bool, pixels covered in any frame.
    """

    def __init__(self, size: tuple[int, int]) -> None:
        """Begin a scene of pictures of `size` (height, width)."""
        self.ever = np.zeros(size, bool)
        self._covered = np.zeros(size, bool)
        self._starts = np.zeros(size, np.int32)  # frame with which the present uncovered stretch began
        self._doubts = np.zeros(size, np.uint32)  # bit n: sample n does not show the background
        self._times: list[int] = []  # frame of each sample
        self._count = 0

    def add(self, covered: np.ndarray, sampled: bool) -> None:
        """Go on by one frame.

        Args:
            covered: (H, W) bool, kept.
            sampled: whether the frame becomes a sample.
        """
        entered = np.flatnonzero(covered & ~self._covered)
        if len(entered):
            self._close(entered, LONG_INSIDE, GUARD)
        if sampled:
            self._doubts |= covered.astype(np.uint32) << np.uint32(len(self._times))
            self._times.append(self._count)
        self._count += 1
        np.copyto(self._starts, self._count, where=covered)
        self._covered = covered
        self.ever |= covered

    def thin(self) -> None:
        """Forget every second sample."""
        thinned = np.zeros_like(self._doubts)
        for new, old in enumerate(range(0, len(self._times), 2)):
            thinned |= (self._doubts >> np.uint32(old) & np.uint32(1)) << np.uint32(new)
        self._doubts = thinned
        self._times = self._times[::2]

    def finish(self) -> list[np.ndarray]:
        """End the scene: for each sample (H, W) bool, where it does not show the background for sure."""
        self._close(np.flatnonzero(~self._covered & self.ever), LONG_AT_BORDER, 0)
        return [(self._doubts >> np.uint32(number) & np.uint32(1)).astype(bool) for number in range(len(self._times))]

    def _close(self, pixels: np.ndarray, least: int, guard: int) -> None:
        """End the uncovered stretch of some pixels (flat indices) and doubt its samples.

        Args:
            pixels: (N,) flat indices.
            least: frames that make a stretch long, unless it began with the scene.
            guard: frames at its end that are not believed.
        """
        starts = self._starts.reshape(-1)[pixels]
        long = self._count - starts >= np.where(starts == 0, LONG_AT_BORDER, least)
        firsts = np.where(starts == 0, 0, starts + GUARD)
        doubts = self._doubts.reshape(-1)
        for number, time in enumerate(self._times):
            doubted = (time >= starts) & ~(long & (time >= firsts) & (time < self._count - guard))
            doubts[pixels] |= doubted.astype(np.uint32) << np.uint32(number)
