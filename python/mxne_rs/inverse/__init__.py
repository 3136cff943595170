"""MNE objects in, MNE objects out: forward models, measurements and estimates."""
