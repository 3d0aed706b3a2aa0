"""What goes wrong with the store, named for the reaction it asks for."""


class StoreUnavailable(Exception):
    """ClickHouse did not do it now. Wait and try again; the message has its answer."""


class StoreBusy(StoreUnavailable):
    """Another sink does it now, so that this one need not. Wait and try again."""


class StoreMisconfigured(Exception):
    """ClickHouse will not do it until settings or permissions change."""


class StatementRefused(Exception):
    """The statement is not one that may be run; the message names what is not allowed."""
