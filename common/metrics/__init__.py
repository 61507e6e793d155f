"""How good detections are beside the truth: numbers that the training's validation and the evaluation share."""
