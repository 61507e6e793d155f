"""From boxes to masks, one way a file."""
