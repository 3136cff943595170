"""Averages of resampled trials: which sources are found again."""
