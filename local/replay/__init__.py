"""Plays recordings to real producers: each module serves one kind of recorded server."""
