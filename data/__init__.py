"""Made sample material and fetched weights; the payload itself is never committed."""
