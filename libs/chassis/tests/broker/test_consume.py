from build_chassis import a_thing, eventually, everything_on, produce, received, said
from chassis.consume import knows, reacts
from chassis.database import Tx


async def test_an_event_reaches_its_handler_in_a_transaction(stage) -> None:
    async def on_thing(event, tx: Tx) -> None:
        await tx.execute("INSERT INTO things (id, seen) VALUES ($1, ARRAY[$2::bigint])", event.subject, event.sequence)

    await produce(stage.kafka, said(a_thing("thg_1", stage.Happened)))
    async with stage.consuming(reacts(stage.Happened, on_thing)):

        async def stored() -> bool:
            async with stage.database.acquire() as tx:
                return await tx.fetchval("SELECT count(*) FROM things") == 1

        await eventually(stored)
