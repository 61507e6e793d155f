"""In which samples of a scene the background of each pixel is really seen.

That a pixel is uncovered does not prove that the object has left: it may have been missed. So a stretch of uncovered
frames counts only when it is long, and without its ends, where the object comes and goes; and all such stretches
together must be a fair share of the scene.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

LONG_INSIDE = 24  # frames, about a second: between two covered stretches
LONG_AT_BORDER = 12  # frames: before the object comes, or after it has left for good
LEAST_SHARE = 0.15  # of a scene's frames must show the background, in long stretches
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
        self._seen = np.zeros(size, np.int32)  # frames that show the background
        self._times: list[int] = []  # frame of each sample
        self._count = 0

    def add(self, covered: np.ndarray) -> None:
        """Go on by one frame; `covered`, (H, W) bool, is kept."""
        entered = np.flatnonzero(covered & ~self._covered)
        if len(entered):
            self._close(entered, LONG_INSIDE, GUARD)
        self._count += 1
        np.copyto(self._starts, self._count, where=covered)
        self._covered = covered
        self.ever |= covered

    def restless(self) -> int:
        """Measure how much of the present frame is, or lately was, covered: such frames make poor samples."""
        return int(np.count_nonzero(self._starts[::4, ::4] > max(0, self._count - LONG_AT_BORDER)))

    def sample(self, instead: bool = False) -> None:
        """Make the present frame a sample; `instead` of the last one."""
        if instead:
            self._times.pop()
            self._doubts &= ~np.uint32(1 << len(self._times))
        self._doubts |= self._covered.astype(np.uint32) << np.uint32(len(self._times))
        self._times.append(self._count - 1)

    def keep(self, kept: Sequence[int]) -> None:
        """Forget all samples but these (places, rising)."""
        thinned = np.zeros_like(self._doubts)
        for new, old in enumerate(kept):
            thinned |= (self._doubts >> np.uint32(old) & np.uint32(1)) << np.uint32(new)
        self._doubts = thinned
        self._times = [self._times[old] for old in kept]

    def finish(self) -> list[np.ndarray]:
        """End the scene: for each sample (H, W) bool, where it does not show the background for sure."""
        self._close(np.flatnonzero(~self._covered & self.ever), LONG_AT_BORDER, 0)
        rare = self.ever & (self._seen < LEAST_SHARE * self._count)
        return [
            (self._doubts >> np.uint32(number) & np.uint32(1)).astype(bool) | rare for number in range(len(self._times))
        ]

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
        self._seen.reshape(-1)[pixels] += np.where(long, np.maximum(self._count - guard - firsts, 0), 0)
        doubts = self._doubts.reshape(-1)
        for number, time in enumerate(self._times):
            doubted = (time >= starts) & ~(long & (time >= firsts) & (time < self._count - guard))
            doubts[pixels] |= doubted.astype(np.uint32) << np.uint32(number)
