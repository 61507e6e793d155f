"""What is wrong with a source, counted while it is read (row I23)."""

from __future__ import annotations

from dataclasses import dataclass, field

MESSAGES = 20  # more than this many different ones help nobody


@dataclass
class Damage:
    """Damage of one reading of a file.

    What FFmpeg notices is counted; bits that rot in a way that still decodes cannot be found by anybody without the
    original.

    Attributes:
        declared: frames that the file's index or header promises, None when it does not or when only a part was read.
        decoded: frames delivered with a picture of their own.
        corrupt: frames delivered that cannot be trusted: placeholders, concealed errors, and all that build on them.
        missing: frames that the file promises and does not hold; they are not delivered.
        resized: frames whose size or pixel format differs from the first; they are delivered in the first one's.
        shifted: frames whose timestamp had to be moved because it did not come after the one before.
        truncated: the file is shorter than it says.
        leading: frames before the first key frame; no player shows them, they are left out and are no damage.
        messages: what was noticed, in plain words, each once.
    """

    declared: int | None = None
    decoded: int = 0
    corrupt: int = 0
    missing: int = 0
    resized: int = 0
    shifted: int = 0
    truncated: bool = False
    leading: int = 0
    messages: list[str] = field(default_factory=list)

    def __bool__(self) -> bool:
        """Whether anything is wrong."""
        return bool(self.corrupt or self.missing or self.resized or self.shifted or self.truncated or self.messages)

    def note(self, message: str) -> None:
        """Keep a message, each once and not without end."""
        if message not in self.messages and len(self.messages) < MESSAGES:
            self.messages.append(message)

    def describe(self) -> str:
        """One line for people, "" when nothing is wrong."""
        if not self:
            return ""
        counts = [
            (self.corrupt, "{} frames corrupt"),
            (self.missing, "{} frames missing"),
            (self.resized, "{} frames of another size or pixel format"),
            (self.shifted, "{} timestamps out of order"),
        ]
        parts = ["shorter than it says (truncated)"] if self.truncated else []
        parts += [text.format(count) for count, text in counts if count]
        if self.declared is not None and self.declared != self.decoded:
            parts.append(f"{self.decoded} of {self.declared} declared frames decoded")
        return "; ".join(parts + self.messages)
