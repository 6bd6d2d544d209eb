"""`python -m simulator`: serve until SIGTERM or SIGINT."""

from uvicorn import Server

from simulator import settings
from simulator.app import create_app
from simulator.server import config


def main() -> None:
    told = settings.load()
    Server(config(create_app(told), host=told.host, port=told.port)).run()


if __name__ == "__main__":
    main()
