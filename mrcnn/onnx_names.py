"""Names in an exported file, known to who writes and who runs it."""

IMAGES, WINDOWS, MIN_CONFIDENCE, NMS_THRESHOLD = "images", "windows", "min_confidence", "nms_threshold"
DETECTIONS, MASKS = "detections", "masks"

# Texts stored in the file, and what the last of them says.
CONFIG, CLASS_NAMES, THRESHOLDS, PRECISION, OPERATORS = "config", "class_names", "thresholds", "precision", "operators"
STANDARD, FOR_CPU = "standard", "cpu"
