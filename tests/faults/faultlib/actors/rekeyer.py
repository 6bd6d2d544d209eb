"""The command `rekey`, in batches of `writers` rows."""

from chassis.database import Database
from connection_svc.store.sealing import Vault
from connection_svc.work.rekey import rekey
from faultlib.actors.common import Told, run
from faultlib.history import History


async def main(told: Told, history: History) -> None:
    keys = {name: bytes.fromhex(key) for name, key in told.ring.items()}
    database = await Database.connect(told.database)
    history.note("ready")
    history.note("left", number=await rekey(database, Vault(keys, current=told.current_key), batch=told.writers))
    await database.close()


if __name__ == "__main__":
    run(main)
