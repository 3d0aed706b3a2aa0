"""Mutants that change nothing anybody could see, each with the reason. They are not tried."""

HARMLESS: dict[str, str] = {}
