"""Stage one: collect pictures of a thing from image searches, and frames from videos."""
