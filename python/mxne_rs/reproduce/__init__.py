"""The results of the two papers that this package implements, from one command."""
