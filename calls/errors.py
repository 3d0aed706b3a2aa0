"""What ends the calls stage, named for the reaction that it asks for."""


class AssignmentLost(Exception):
    """Another process may read these partitions now: end, and do not write what it writes."""
