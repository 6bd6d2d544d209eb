"""A real, single-node Apache Kafka in KRaft mode, its jars resolved by Maven from `devstack/pom.xml`."""

import base64
import hashlib
import os
import re
import shutil
import socket
import struct
import subprocess
import tempfile
import uuid
from dataclasses import dataclass
from pathlib import Path

from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from devstack.home import CHECKOUT, DevstackError, Home, alone, write_whole
from devstack.ports import free_port
from devstack.processes import Processes, Program, wait_until

POM = CHECKOUT / "devstack" / "pom.xml"
OLDEST_JAVA = 17
JVM_FLAGS = ("-Xmx512m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xshare:auto")
LOGGING = """\
Configuration:
  Appenders: {Console: {name: console, PatternLayout: {pattern: "%d %p %m (%c)%n"}}}
  Loggers: {Root: {level: WARN, AppenderRef: {ref: console}}}
"""
# A session of 1 s lets a killed broker come back after 2 s in place of 11 s: only right where there is one broker.
PROPERTIES = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller_port}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
log.dirs={data}
auto.create.topics.enable=false
group.initial.rebalance.delay.ms=0
broker.session.timeout.ms=1000
broker.heartbeat.interval.ms=200
offsets.topic.num.partitions=8
offsets.topic.replication.factor=1
transaction.state.log.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
"""


@dataclass(frozen=True)
class Installation:
    """The broker's jars on this machine, and an archive of its parsed classes that halves the time to start."""

    directory: Path = CHECKOUT / ".devstack" / "kafka"

    @property
    def archive(self) -> Path:
        return self.directory / "classes.jsa"

    @property
    def class_path(self) -> str:
        """The jars in one fixed order: the archive is valid for exactly the class path it was made with."""
        return ":".join(str(jar) for jar in sorted((self.directory / "lib").glob("*.jar")))

    def ensure(self) -> None:
        """Resolve the jars and make the class archive, unless both are there for the present `pom.xml`."""
        stamp = self.directory / "installed"
        wanted = hashlib.sha256(POM.read_bytes()).hexdigest()
        _require_java()
        with alone(self.directory / "lock"):
            if stamp.exists() and stamp.read_text() == wanted:
                return
            shutil.rmtree(self.directory / "lib", ignore_errors=True)
            self.archive.unlink(missing_ok=True)
            _resolve_jars(self.directory / "lib")
            write_whole(self.directory / "log4j2.yaml", LOGGING)
            self._make_archive()
            write_whole(stamp, wanted)

    def _make_archive(self) -> None:
        """Run a broker once in a throw-away directory; the JVM writes down the classes it used when it ends."""
        with tempfile.TemporaryDirectory(prefix="relink-kafka-") as folder:
            home = Home(Path(folder))
            port = free_port()
            broker = Kafka(self, home.broker, port, free_port([port]))
            broker.create()
            processes = Processes(home)
            processes.start(broker.program(extra_flags=(f"-XX:ArchiveClassesAtExit={self.archive}",)))
            wait_until(broker.is_ready, "Kafka")
            AdminClient(client(broker.address)).create_topics([NewTopic("archive", 1, 1)])
            producer = Producer(client(broker.address))
            producer.produce("archive", b"")
            producer.flush(5)
            processes.stop("kafka")


@dataclass(frozen=True)
class Kafka:
    """One broker: its jars, where its data lies and its two ports on 127.0.0.1."""

    installation: Installation
    directory: Path
    port: int
    controller_port: int

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def create(self) -> None:
        """Write the broker's settings, and format its data directory unless that was done."""
        self.directory.mkdir(parents=True, exist_ok=True)
        data = self.directory / "data"
        settings = PROPERTIES.format(port=self.port, controller_port=self.controller_port, data=data)
        (self.directory / "server.properties").write_text(settings)
        if (data / "meta.properties").exists():
            return
        command = [*self._java(), "kafka.tools.StorageTool", "format", "-t", _cluster_id(), "-c", "server.properties"]
        result = subprocess.run(  # noqa: S603 - the command is ours
            command, cwd=self.directory, capture_output=True, text=True, check=False
        )
        if result.returncode != 0:
            raise DevstackError(f"Kafka could not format its data directory: {result.stderr.strip()[-300:]}")

    def program(self, extra_flags: tuple[str, ...] = ()) -> Program:
        """Answer how the broker is started."""
        command = (*self._java(*extra_flags), "kafka.Kafka", "server.properties")
        environment = {name: os.environ[name] for name in ("PATH", "JAVA_HOME") if name in os.environ}
        return Program("kafka", command, environment, self.directory)

    def is_ready(self) -> bool:
        return answers(self.port)

    def _java(self, *extra_flags: str) -> tuple[str, ...]:
        archive = self.installation.archive
        shared = (f"-XX:SharedArchiveFile={archive}",) if archive.exists() else ()
        logging = f"-Dlog4j2.configurationFile={self.installation.directory / 'log4j2.yaml'}"
        return ("java", *JVM_FLAGS, *shared, *extra_flags, logging, "-cp", self.installation.class_path)


def client(bootstrap_servers: str) -> dict[str, str | int | float | bool]:
    """Settings of any client of the local stack. It starts and stops brokers on purpose: librdkafka need not tell."""
    return {"bootstrap.servers": bootstrap_servers, "log_level": 0}


def answers(port: int, host: str = "127.0.0.1") -> bool:
    """Whether a Kafka broker there answers an ApiVersions request, which it does as soon as it is ready."""
    request = struct.pack(">hhih", 18, 0, 1, 5) + b"probe"
    try:
        with socket.create_connection((host, port), timeout=2) as connection:
            connection.sendall(struct.pack(">i", len(request)) + request)
            answer = connection.makefile("rb").read(10)
    except OSError:
        return False
    return len(answer) == 10 and struct.unpack(">iih", answer)[1:] == (1, 0)  # noqa: PLR2004


def _resolve_jars(target: Path) -> None:
    if shutil.which("mvn") is None:
        raise DevstackError(
            "Maven is missing, and Kafka's jars come through it: install it (Debian and Ubuntu: apt-get install maven; "
            "macOS: brew install maven), or run everything in Docker instead with `docker-compose up`"
        )
    command = ["mvn", "-q", "-B", "-f", str(POM), "dependency:copy-dependencies", "-DincludeScope=runtime"]
    result = subprocess.run(  # noqa: S603 - the command is ours
        [*command, f"-DoutputDirectory={target}"], capture_output=True, text=True, check=False
    )
    if result.returncode != 0:
        raise DevstackError(f"Maven could not fetch Kafka's jars: {(result.stdout + result.stderr).strip()[-500:]}")


def _require_java() -> None:
    how = (
        f"install a JDK of version {OLDEST_JAVA} or later (Debian and Ubuntu: apt-get install openjdk-17-jdk-headless; "
        "macOS: brew install openjdk), or run everything in Docker instead with `docker-compose up`"
    )
    if shutil.which("java") is None:
        raise DevstackError(f"Java is missing, and Kafka runs on it: {how}")
    printed = subprocess.run(["java", "-version"], capture_output=True, text=True, check=False).stderr  # noqa: S607
    version = re.search(r'version "(?:1\.)?(\d+)', printed)
    if version is None or int(version[1]) < OLDEST_JAVA:
        raise DevstackError(f"this Java is too old for Kafka: {how}")


def _cluster_id() -> str:
    """Answer an id in Kafka's form; one that begins with a dash would be read as an option."""
    return "R" + base64.urlsafe_b64encode(uuid.uuid4().bytes)[1:22].decode()
