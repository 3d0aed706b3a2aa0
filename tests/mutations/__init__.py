"""The folds with one rule broken at a time: see tests.mutations.__main__."""
