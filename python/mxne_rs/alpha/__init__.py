"""Choose alpha: seven methods on warm-started paths."""
