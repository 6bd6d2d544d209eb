"""Topics of a broker, made from the contracts, and what the identity system says on its own."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from functools import partial
from typing import Final

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, Message, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from devstack.home import DevstackError
from devstack.kafka import client
from devstack.processes import wait_until
from relink_contracts.envelope import Actor, speaker, to_record
from relink_contracts.events import Membership
from relink_contracts.topics import Topic

DEMO_BUSINESS: Final = "biz_demo"
ROLES: Final = {"usr_anna": "admin", "usr_ben": "member", "usr_carla": "accountant"}


def create_topics(bootstrap_servers: str, topics: Iterable[Topic]) -> list[str]:
    """Create the topics that are missing, on one replica, and answer their names. The others are left as they are."""
    wanted = [NewTopic(topic.name, topic.local_partitions, 1, config=topic.kafka_config) for topic in topics]
    return create(AdminClient(client(bootstrap_servers)), wanted)


def create(admin: AdminClient, wanted: list[NewTopic]) -> list[str]:
    """Create topics and return once they can be used, which is a moment after Kafka says that they exist."""
    created = []
    for name, result in admin.create_topics(wanted, operation_timeout=30).items():
        try:
            result.result()
            created.append(name)
        except KafkaException as error:
            if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                raise DevstackError(f"Kafka refused to create the topic {name}: {error.args[0].str()}") from error
    for name in created:
        wait_until(partial(_is_led, admin, name), f"the topic {name}")
    return created


def _is_led(admin: AdminClient, topic: str) -> bool:
    known = admin.list_topics(topic, timeout=10).topics[topic]
    return known.error is None and all(partition.leader >= 0 for partition in known.partitions.values())


def say_memberships(bootstrap_servers: str, *, now: datetime) -> bool:
    """Say who may do what in the demo business, as the identity system would, unless its topic holds anything."""
    if any(True for _ in read_to_end(bootstrap_servers, Membership.TOPIC)):
        return False
    say_members(bootstrap_servers, DEMO_BUSINESS, ROLES, now=now)
    return True


def say_members(bootstrap_servers: str, business_id: str, roles: Mapping[str, str], *, now: datetime) -> None:
    """Say the role of each user in a business nobody has heard of yet, as the identity system would."""
    say = speaker("identity")
    identity = Actor(type="system", id="identity")
    producer = Producer({**client(bootstrap_servers), "acks": "all"})
    for user_id, role in roles.items():
        membership = Membership(
            business_id=business_id, actor=identity, user_id=user_id, roles=(role,), linked_accountant=False
        )
        record = to_record(say(membership, at=now), sequence=1)
        producer.produce(record.topic, record.value, record.key, headers=list(record.headers))
    if producer.flush(30):
        raise DevstackError(f"Kafka at {bootstrap_servers} did not take the memberships of {business_id}")


def read_to_end(bootstrap_servers: str, topic: str) -> Iterator[Message]:
    """Every record that the topic holds at this moment, its partitions mixed, without a group."""
    settings = {"group.id": "devstack", "enable.auto.commit": False, "enable.partition.eof": True}
    consumer = Consumer({**client(bootstrap_servers), **settings})
    try:
        partitions = _partitions(consumer, topic)
        consumer.assign([TopicPartition(topic, partition, OFFSET_BEGINNING) for partition in partitions])
        unread = set(partitions)
        while unread:
            message = consumer.poll(10)
            if message is None:
                raise DevstackError(f"Kafka at {bootstrap_servers} stopped answering while {topic} was read")
            error = message.error()
            if error is None:
                yield message
            elif error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 - the client's public name for it
                unread.discard(message.partition())
            else:
                raise DevstackError(f"Kafka could not read {topic}: {error.str()}")
    finally:
        consumer.close()


def records_per_topic(bootstrap_servers: str) -> dict[str, tuple[int, int]]:
    """Of every topic the number of partitions, and of offsets between the oldest kept record and the next one."""
    consumer = Consumer({**client(bootstrap_servers), "group.id": "devstack"})
    try:
        names = [name for name in consumer.list_topics(timeout=10).topics if not name.startswith("__")]
        return {name: _count(consumer, name) for name in sorted(names)}
    finally:
        consumer.close()


def _count(consumer: Consumer, topic: str) -> tuple[int, int]:
    partitions = [TopicPartition(topic, partition) for partition in _partitions(consumer, topic)]
    ends = [consumer.get_watermark_offsets(partition, timeout=10) for partition in partitions]
    return len(partitions), sum(newest - oldest for oldest, newest in ends)


def _partitions(consumer: Consumer, topic: str) -> list[int]:
    known = consumer.list_topics(topic, timeout=10).topics[topic]
    if known.error is not None:
        raise DevstackError(f"Kafka has no topic {topic}")
    return list(known.partitions)
