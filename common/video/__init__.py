"""Video in and out through PyAV: every frame, every timestamp, every track."""
