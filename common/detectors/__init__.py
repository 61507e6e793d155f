"""Detectors that need no training of ours, and the protocol every detector follows."""
