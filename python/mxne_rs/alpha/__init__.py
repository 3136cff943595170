"""The rules by which alpha is chosen, all along warm-started paths."""
