"""What can go wrong with what Kamailio sends, named for the reaction it asks for.

Unreadable          bytes that are no event of the script: dead letter

Listings fail as OpenSIPS' do (producers/opensips/errors.py: MiError): the same JSON-RPC over HTTP.
"""


class Unreadable(ValueError):
    """Bytes that are no event of the script; the message says why."""
