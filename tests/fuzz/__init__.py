"""Hostile bytes for everything that reads bytes from outside (docs/correctness.md)."""
