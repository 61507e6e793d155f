"""Figures that are drawn, with exact truth: clowns, plain people, balls, and the photographs they stand on."""
