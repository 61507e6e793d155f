"""From labelled pictures to a dataset that Mask R-CNN can be taught with."""
