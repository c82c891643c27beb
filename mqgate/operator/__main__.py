"""``mqgate``, and ``python -m mqgate.operator``, which is the same."""

import signal


def main() -> None:
    """Load the command and run it: Ctrl-C while it loads is no traceback."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)

    from mqgate.operator.command import run

    run()


if __name__ == "__main__":
    main()
