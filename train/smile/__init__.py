"""Teach a classifier of face crops, e.g. smile or no smile."""
