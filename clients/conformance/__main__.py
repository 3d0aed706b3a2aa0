"""`python -m clients.conformance gateway URL` or `… client COMMAND…`: does it keep the protocol?"""

import argparse
import sys

from clients.conformance import client, gateway
from clients.conformance.report import report


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m clients.conformance", description=__doc__)
    kinds = parser.add_subparsers(dest="kind", required=True)
    one = kinds.add_parser("gateway", help="a gateway, by its URL")
    one.add_argument("url")
    one.add_argument("--other", help="a second gateway of the same Kafka; default: the same again")
    one.add_argument("--token", help="a bearer token that shows everything")
    one.add_argument(
        "--kafka", help="host:port: to change users of its own, in a domain of this run's own"
    )
    one.add_argument("--namespace", default="", help="kafka.namespace of the gateway")
    two = kinds.add_parser(
        "client", help="a client, by its command (clients/conformance/client.py)"
    )
    two.add_argument("command", nargs=argparse.REMAINDER)
    options = parser.parse_args()
    if options.kind == "client":
        return min(1, report(client.checks(options.command)))
    return min(1, report(gateway.checks(options)))


if __name__ == "__main__":
    sys.exit(main())
