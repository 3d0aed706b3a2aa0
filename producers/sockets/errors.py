"""What can go wrong between the watcher and the kernel, named for the reaction it asks for."""


class KernelRefuses(Exception):
    """This kernel, or what confines the process, does not allow it: it will not change by waiting.

    The message says what was refused and what to do.
    """


class QueryFailed(Exception):
    """The kernel gave no usable answer to one question; ask again, or do without."""
