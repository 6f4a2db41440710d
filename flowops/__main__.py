"""``python -m flowops`` and the ``flowops`` script."""

from flowops.cli import main

if __name__ == "__main__":
    main()
