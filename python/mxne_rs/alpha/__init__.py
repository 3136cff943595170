"""Choose alpha: nine methods."""
