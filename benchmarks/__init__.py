"""Speed and quality measured beside the peers; imported by nothing."""
