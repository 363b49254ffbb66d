"""``python -m ketch``: the command line, where no ``ketch`` is on the path."""

from ketch.cli.main import main

raise SystemExit(main())
