"""`python -m wsauth …`, which is `wsauth …`."""

import sys

from wsauth.cli import main

if __name__ == "__main__":
    sys.exit(main())
