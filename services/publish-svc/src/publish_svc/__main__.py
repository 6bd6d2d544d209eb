"""The commands of publish-svc: `python -m publish_svc api | worker | migrate`."""

import argparse
import asyncio

import uvloop

from chassis import settings
from publish_svc import main
from publish_svc.settings import Settings

COMMANDS = {"api": main.api, "worker": main.worker, "migrate": main.migrate}

parser = argparse.ArgumentParser(prog="python -m publish_svc")
parser.add_argument("command", choices=COMMANDS)
command = COMMANDS[parser.parse_args().command]
with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
    runner.run(command(settings.load(Settings)))
