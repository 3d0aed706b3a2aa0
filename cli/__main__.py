"""`python -m cli` is `rollcall`; the local stack starts its stages so, wherever it is installed."""

from cli.interrupts import end_at_interrupt

end_at_interrupt()  # before the imports below, which take half a second

from cli.command import app  # noqa: E402 - after the line above


def main() -> None:
    """The command `rollcall`."""
    app()


if __name__ == "__main__":
    main()
