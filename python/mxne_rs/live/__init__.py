"""Live source estimates: samples in, sources out, in a thread of their own."""

from __future__ import annotations

from .monitor import Monitor, Statistics, Update

__all__ = ["Monitor", "Statistics", "Update"]
