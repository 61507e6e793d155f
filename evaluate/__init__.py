"""Which epoch, which threshold, and what still slips through."""
