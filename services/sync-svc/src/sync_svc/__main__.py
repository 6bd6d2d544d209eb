"""`python -m sync_svc api | worker | migrate | republish-state`."""

import asyncio
import sys

from sync_svc.main import COMMANDS, run

if len(sys.argv) != 2 or sys.argv[1] not in COMMANDS:  # noqa: PLR2004
    sys.exit(f"usage: python -m sync_svc {' | '.join(COMMANDS)}")
asyncio.run(run(sys.argv[1]))
