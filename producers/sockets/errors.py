"""Errors between the watcher and the kernel, named for the reaction they ask for."""


class KernelRefuses(Exception):
    """This kernel, or what confines the process, does not allow it; waiting does not help.

    The message names what was refused, and what to do.
    """


class QueryFailed(Exception):
    """The kernel gave no usable answer to one query: ask again, or go on without."""
