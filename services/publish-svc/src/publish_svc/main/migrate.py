"""`migrate`: brings the database to the newest version."""

from chassis import migrations, observe
from publish_svc.main import SERVICE
from publish_svc.settings import Settings


async def run(settings: Settings) -> None:
    observe.configure_logging(SERVICE, settings.process.log_level)
    await migrations.migrate(settings.database.direct.get_secret_value(), "publish_svc")
