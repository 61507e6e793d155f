"""The stage that hides things in video and pictures."""
