"""The commands of web-svc: `python -m web_svc api | migrate`."""

import argparse
import asyncio

from chassis import settings
from web_svc import main
from web_svc.settings import Settings

COMMANDS = {"api": main.api, "migrate": main.migrate}

parser = argparse.ArgumentParser(prog="python -m web_svc")
parser.add_argument("command", choices=COMMANDS)
command = COMMANDS[parser.parse_args().command]
asyncio.run(command(settings.load(Settings)))
