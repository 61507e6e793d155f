"""Hiding the whole of what a part was seen of: a clown's head turns on the person that it belongs to."""
