"""What every stage needs and none owns: video and images in and out, detections, errors, progress."""
