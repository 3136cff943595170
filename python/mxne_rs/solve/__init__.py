"""Solve on arrays: a gain and data in, Solutions out."""
