"""The local stack from the command line: `python -m devstack up`."""

import argparse
import logging
import sys
import time
from collections.abc import Callable
from pathlib import Path

import structlog
from rich.console import Console
from rich.table import Table

from devstack import topics
from devstack.containers import TARGETS, write_environments
from devstack.home import DevstackError
from devstack.mailcatcher import caught
from devstack.processes import tail
from devstack.stack import EVERY_PROCESS, Stack
from devstack.tokens import bearer_token

LOG_LINES = 40
STYLES = {"ready": "green", "not ready": "yellow", "ended": "bold red", "stopped": "dim"}


def up(stack: Stack, _: argparse.Namespace) -> None:
    started = time.monotonic()
    stack.up(_tell)
    _tell(f"everything is ready after {time.monotonic() - started:.1f} s: sign in at {stack.addresses['web-svc']}")


def down(stack: Stack, _: argparse.Namespace) -> None:
    stack.down(_tell)
    _tell("everything is stopped; the data stays for the next `make up`")


def reset(stack: Stack, _: argparse.Namespace) -> None:
    stack.reset(_tell)
    _tell("everything is stopped and all data is gone")


def status(stack: Stack, _: argparse.Namespace) -> None:
    addresses = stack.addresses
    table = Table("process", "state", "process id", "reached at", box=None)
    for name in EVERY_PROCESS:
        running, state = stack.processes.running(name), stack.state_of(name)
        address = addresses.get(name, addresses.get(name.removesuffix(".api"), ""))
        pid = str(running.pid) if running else ""
        table.add_row(name, f"[{STYLES[state]}]{state}[/]", pid, address)
    Console(soft_wrap=True).print(table)
    _tell(f"what they write is in {stack.home.logs}")
    _tell(f"the stack's clock says {stack.clock.now():%Y-%m-%d %H:%M} UTC ({stack.clock.offset.days} days ahead)")


def logs(stack: Stack, arguments: argparse.Namespace) -> None:
    names = [arguments.name] if arguments.name else list(EVERY_PROCESS)
    if arguments.name and arguments.name not in EVERY_PROCESS:
        raise DevstackError(f"there is no process {arguments.name}: {', '.join(EVERY_PROCESS)}")
    files = [Path(stack.log_of(name)) for name in names]
    for file in files:
        _print_lines(file, tail(file, LOG_LINES).splitlines(), of_many=len(files) > 1)
    if arguments.follow:
        _follow(files)


def token(stack: Stack, arguments: argparse.Namespace) -> None:
    printed = bearer_token(
        stack, arguments.business, arguments.role, subject=arguments.subject, audience=arguments.audience
    )
    sys.stdout.write(printed + "\n")


def mail(stack: Stack, _: argparse.Namespace) -> None:
    table = Table("sent", "to", "subject", box=None)
    for message in caught(stack.home.mail):
        table.add_row(str(message["Date"]), str(message["To"]), str(message["Subject"]))
    Console(soft_wrap=True).print(table)


def kafka(stack: Stack, arguments: argparse.Namespace) -> None:
    if arguments.topic is None:
        table = Table("topic", "partitions", "records", box=None)
        for name, (partitions, records) in topics.records_per_topic(stack.addresses["kafka"]).items():
            table.add_row(name, str(partitions), str(records))
        Console(soft_wrap=True).print(table)
        return
    for record in topics.read_to_end(stack.addresses["kafka"], arguments.topic):
        kind = dict(record.headers() or ()).get("ce_type")
        key, type_name, value = (_text(part) for part in (record.key(), kind, record.value()))
        sys.stdout.write(f"{record.partition()}:{record.offset()} {type_name} {key} {value}\n")


def environments(_: Stack, arguments: argparse.Namespace) -> None:
    write_environments(arguments.target)
    _tell(f"written to {TARGETS[arguments.target].services}; Git ignores it")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m devstack", description="the whole system on this machine")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def command(run: Callable[[Stack, argparse.Namespace], None], help_text: str) -> argparse.ArgumentParser:
        added = commands.add_parser(run.__name__, help=help_text)
        added.set_defaults(run=run)
        return added

    command(up, "start what does not run yet, and wait until all of it is ready")
    command(down, "stop every process; data stays")
    command(reset, "stop every process and forget all data, ports and secrets")
    command(status, "show each process and where it is reached")
    reading = command(logs, "show the last lines of one process or all")
    reading.add_argument("name", nargs="?", help="a process as `status` names it")
    reading.add_argument("-f", "--follow", action="store_true", help="go on until Ctrl-C")
    trying = command(token, "print a bearer token of the practice issuer for trying an API")
    trying.add_argument("--business", required=True)
    trying.add_argument("--role", required=True, choices=("admin", "member", "publisher", "accountant", "operator"))
    trying.add_argument("--subject", default="usr_anna")
    trying.add_argument("--audience", default="publish-svc", help="the service that will read it")
    command(mail, "list the mail that was sent")
    reading = command(kafka, "list the topics, or print one topic's records")
    reading.add_argument("topic", nargs="?")
    written = command(environments, "write what each container is told, with generated secrets")
    written.add_argument("target", choices=tuple(TARGETS))
    return parser.parse_args()


def _follow(files: list[Path]) -> None:
    positions = {file: file.stat().st_size for file in files if file.exists()}
    while True:
        for file in files:
            if file.exists() and file.stat().st_size > positions.get(file, 0):
                with file.open(errors="replace") as log:
                    log.seek(positions.get(file, 0))
                    _print_lines(file, log.read().splitlines(), of_many=len(files) > 1)
                    positions[file] = log.tell()
        time.sleep(0.3)


def _print_lines(file: Path, lines: list[str], *, of_many: bool) -> None:
    prefix = f"{file.stem}: " if of_many else ""
    sys.stdout.write("".join(f"{prefix}{line}\n" for line in lines))


def _text(part: str | bytes | None) -> str:
    return part.decode(errors="replace") if isinstance(part, bytes) else part or "-"


def _tell(sentence: str) -> None:
    Console(soft_wrap=True, highlight=False, markup=False).print(sentence)


def main() -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    arguments = _arguments()
    try:
        arguments.run(Stack(), arguments)
    except DevstackError as error:
        sys.stderr.write(f"{error}\n")
        raise SystemExit(1) from error
    except KeyboardInterrupt:
        raise SystemExit(130) from None


if __name__ == "__main__":
    main()
