"""Names in an exported file, known to who writes and who runs it."""

IMAGES, WINDOWS, MIN_CONFIDENCE, NMS_THRESHOLD = "images", "windows", "min_confidence", "nms_threshold"
DETECTIONS, MASKS = "detections", "masks"
CONFIG, CLASS_NAMES = "config", "class_names"
