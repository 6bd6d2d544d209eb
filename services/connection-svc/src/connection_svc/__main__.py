"""The commands of connection-svc: `python -m connection_svc api | worker | migrate | republish-state`."""

import argparse
import asyncio

import uvloop

from chassis import settings
from connection_svc import main
from connection_svc.settings import Settings

COMMANDS = {
    "api": main.api,
    "worker": main.worker,
    "migrate": main.migrate,
    "republish-state": main.republish_state,
}

parser = argparse.ArgumentParser(prog="python -m connection_svc")
parser.add_argument("command", choices=COMMANDS)
command = COMMANDS[parser.parse_args().command]
with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
    runner.run(command(settings.load(Settings)))
