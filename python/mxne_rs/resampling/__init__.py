"""Count which sources are found again in averages of resampled trials."""
