"""Three brokers that replicate to each other, of which any one may die."""

import asyncio
import base64
import subprocess
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from confluent_kafka.admin import AdminClient

from devstack.home import Home
from devstack.kafka import Installation, Kafka
from devstack.ports import free_port
from devstack.processes import Processes
from faultlib.servers import Server

_NODES: Final = (1, 2, 3)
# Acknowledged is what two of the three have. Leaders and controllers are replaced within a few seconds.
_PROPERTIES: Final = """\
process.roles=broker,controller
node.id={node}
controller.quorum.voters={voters}
controller.quorum.fetch.timeout.ms=2000
controller.quorum.election.timeout.ms=1000
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
log.dirs={data}
auto.create.topics.enable=false
group.initial.rebalance.delay.ms=0
broker.session.timeout.ms=3000
broker.heartbeat.interval.ms=500
default.replication.factor=3
min.insync.replicas=2
offsets.topic.num.partitions=8
offsets.topic.replication.factor=3
transaction.state.log.num.partitions=4
transaction.state.log.replication.factor=3
transaction.state.log.min.isr=2
share.coordinator.state.topic.replication.factor=3
share.coordinator.state.topic.min.isr=2
"""


@dataclass(frozen=True)
class Cluster:
    brokers: dict[int, Server]

    @property
    def address(self) -> str:
        return ",".join(f"127.0.0.1:{broker.port}" for broker in self.brokers.values())

    @property
    def lives(self) -> bool:
        return all(broker.lives for broker in self.brokers.values())

    async def start(self) -> None:
        await asyncio.gather(*(broker.start() for broker in self.brokers.values() if not broker.lives))

    async def stop(self) -> None:
        await asyncio.gather(*(broker.stop() for broker in self.brokers.values() if broker.lives))

    def leader(self, topic: str, partition: int) -> int:
        """The node that leads it, as the cluster says now; -1 is none."""
        return (
            AdminClient({"bootstrap.servers": self.address})
            .list_topics(topic, 20)
            .topics[topic]
            .partitions[partition]
            .leader
        )

    async def is_whole(self, topic: str) -> bool:
        """Whether every broker has caught up with every partition."""
        admin = AdminClient({"bootstrap.servers": self.address, "log_level": 0})
        partitions = (await asyncio.to_thread(admin.list_topics, topic, 20)).topics[topic].partitions
        return all(len(each.isrs) == len(_NODES) for each in partitions.values())


def prepare(directory: Path) -> Cluster:
    """Format three brokers; none is started."""
    installation = Installation()
    installation.ensure()
    ports: list[int] = []
    for _ in range(2 * len(_NODES)):
        ports.append(free_port(ports))
    voters = ",".join(f"{node}@127.0.0.1:{port}" for node, port in zip(_NODES, ports[len(_NODES) :], strict=True))
    cluster_id = "R" + base64.urlsafe_b64encode(uuid.uuid4().bytes)[1:22].decode()
    brokers = {}
    for node, port, controller_port in zip(_NODES, ports, ports[len(_NODES) :], strict=False):
        home = Home(directory / f"node-{node}")
        broker = Kafka(installation, home.broker, port, controller_port)
        broker.directory.mkdir(parents=True)
        told = {"node": node, "voters": voters, "port": port, "controller_port": controller_port}
        properties = _PROPERTIES.format(**told, data=broker.directory / "data")
        (broker.directory / "server.properties").write_text(properties)
        program = broker.program(("-Xmx256m",))
        java = program.command[:-2]  # the class to run, and its settings
        format_it = (*java, "kafka.tools.StorageTool", "format", "-t", cluster_id, "-c", "server.properties")
        subprocess.run(format_it, cwd=broker.directory, capture_output=True, check=True)
        brokers[node] = Server(program, Processes(home), broker.is_ready, port)
    return Cluster(brokers)
