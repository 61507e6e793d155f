"""Linking over the whole clip: detections of single frames become tracks without holes."""
