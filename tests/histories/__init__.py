"""Generated histories of a SIP cluster, played against the folds: see tests.histories.__main__."""
