"""Kafka and PostgreSQL as devstack starts them itself, without an address and without Docker."""

import asyncio
from collections.abc import Callable
from contextlib import ExitStack

import asyncpg
import pytest
from confluent_kafka.admin import AdminClient

from devstack.kafka import answers
from devstack.testing import NewDatabase, NewTopic, _private_kafka, _private_postgres


async def started(start: Callable[[ExitStack], str], cleanup: ExitStack) -> str:
    return await asyncio.to_thread(start, cleanup)


async def test_a_private_postgres_is_version_18_and_gone_after_its_use() -> None:
    with ExitStack() as cleanup:
        url = await started(_private_postgres, cleanup)
        connection = await asyncpg.connect(url)
        version = await connection.fetchval("SHOW server_version")
        await connection.close()

    assert version.startswith("18.")
    with pytest.raises(OSError, match="Connect call failed"):
        await asyncpg.connect(url)


async def test_a_private_kafka_answers_makes_no_topic_by_itself_and_is_gone_after_its_use() -> None:
    with ExitStack() as cleanup:
        address = await started(_private_kafka, cleanup)
        admin = AdminClient({"bootstrap.servers": address})
        topics = admin.list_topics("never-created", timeout=5).topics
        assert topics["never-created"].error is not None

    assert not answers(int(address.partition(":")[2]))


async def test_a_new_topic_is_of_a_unique_name(new_topic: NewTopic, kafka: str) -> None:
    first = await new_topic("orders", partitions=3, configs={"cleanup.policy": "compact"})
    second = await new_topic("orders")

    topics = AdminClient({"bootstrap.servers": kafka}).list_topics(timeout=5).topics
    assert first != second
    assert len(topics[first].partitions) == 3
    assert len(topics[second].partitions) == 1


async def test_a_new_database_is_empty_and_its_own(new_database: NewDatabase) -> None:
    first, second = await new_database(None), await new_database(None)
    connection = await asyncpg.connect(first)
    await connection.execute("CREATE TABLE here (id int)")
    await connection.close()

    connection = await asyncpg.connect(second)
    assert await connection.fetchval("SELECT to_regclass('here')") is None
    await connection.close()
