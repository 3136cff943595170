"""Declare the arguments of public functions, convert them, and warn at the caller's line."""
