"""A migration runner of the tests. DATABASE."""

import asyncio
import sys

from chassis.migrations import migrate

asyncio.run(migrate(sys.argv[1], "stub_svc"))
