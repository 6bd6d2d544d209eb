"""What the soak believes: the providers' documents, the topics, the mail box, and the databases against each other."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from email.message import EmailMessage
from typing import Final

from devstack.customers import ADDRESSES
from devstack.demo.evidence import Practice, Topics, judge, mails, of_stage
from devstack.findings import Databases, Finding, Wanted, dead_letters, events, read_topics
from devstack.playing import answered
from devstack.soak.customers import BusyCustomer
from devstack.stack import Stack
from devstack.topics import records_per_topic
from relink_contracts.events import ConnectionExpired, ItemPublished, ReconnectRequested, SyncCompleted, SyncFailed

_NOTICES = """SELECT connection_id, generation, recipient, channel FROM notices
    WHERE stage = 'expired' AND state = 'sent'"""
TO_DO: Final = {
    "publish-svc": "SELECT count(*) FROM items WHERE status NOT IN ('published', 'failed', 'review', 'archived')",
    "sync-svc": "SELECT count(*) FROM runs WHERE state IN ('waiting', 'running')",
    "notifier-svc": "SELECT count(*) FROM notices WHERE state = 'due'",
    "connection-svc": "SELECT count(*) FROM connections WHERE lifecycle IN ('expired', 'revoked')",
}


async def look(stack: Stack, customers: Sequence[BusyCustomer], practice: Practice) -> list[Finding]:
    """Everything, once the system has come to rest."""
    databases, kafka = Databases(stack), stack.addresses["kafka"]
    topics = read_topics(kafka)
    return [
        *await documents(customers, practice),
        *await events(topics, databases),
        effects(topics),
        *await told(customers, topics, mails(stack.home.mail), databases),
        await settings(customers),
        Finding("rows in which a service differs from their owner", len(await databases.pictures_that_differ())),
        dead_letters(records_per_topic(kafka)),
    ]


async def documents(customers: Sequence[BusyCustomer], practice: Practice) -> list[Finding]:
    """Every document asked for is at its provider once, with its file, in the order asked for at its connection."""
    verdicts = [
        judge(customer.asked, await practice.documents(customer.provider, customer.organisation_id))
        for customer in customers
    ]
    return [
        Finding("documents asked for", sum(each.asked for each in verdicts), Wanted.SOME),
        Finding("documents lost", sum(each.lost for each in verdicts)),
        Finding("documents repeated", sum(each.duplicates for each in verdicts)),
        Finding("documents out of order", sum(each.out_of_order for each in verdicts)),
        Finding("documents without their file", sum(each.without_file for each in verdicts)),
    ]


def effects(topics: Topics) -> Finding:
    """What may happen once to an item, a reading of lists or a consent was said once."""
    once: dict[object, set[object]] = defaultdict(set)
    for event in topics.events:
        match event.data:
            case ItemPublished(item_id=item):
                once["published", item].add(event.id)
            case SyncCompleted(sync_id=sync) | SyncFailed(sync_id=sync, retry_at=None):
                once["read", sync].add(event.id)
            case ConnectionExpired(connection_id=connection, generation=generation):
                once["expired", connection, generation].add(event.id)
            case ReconnectRequested(reconnect_id=case, stage="opened"):
                once["asked to repair", case].add(event.id)
    return Finding("effects repeated between services", sum(len(ids) - 1 for ids in once.values()))


async def told(
    customers: Sequence[BusyCustomer], topics: Topics, caught: Sequence[EmailMessage], databases: Databases
) -> list[Finding]:
    """Each administrator got one notice and one mail for each expiry, and nobody else any."""
    expired = {
        (event.data.connection_id, event.data.generation)
        for event in topics.events
        if isinstance(event.data, ConnectionExpired)
    }
    administrators = {customer.connection_id: customer.told for customer in customers}
    wanted = Counter(
        (connection, generation, user, channel)
        for connection, generation in expired
        for user in administrators.get(connection, ())
        for channel in ("in_app", "mail")
    )
    kept = Counter(await databases.rows("notifier-svc", _NOTICES))
    sent = Counter((str(mail["X-Relink-Connection"]), str(mail["To"])) for mail in of_stage(caught, "expired"))
    of_person = Counter(
        (connection, ADDRESSES[user]) for connection, _, user, channel in wanted.elements() if channel == "mail"
    )
    again = sum(mail["X-Relink-Stage"] == "expired" for mail in caught) - sent.total()
    return [
        Finding("expiries", len(expired), Wanted.SOME),
        Finding("notices and mails missing", (wanted - kept).total() + (of_person - sent).total()),
        Finding("notices and mails repeated", (kept - wanted).total() + (sent - of_person).total()),
        Finding("mails sent again under their own id", again, Wanted.ANY),
    ]


async def settings(customers: Sequence[BusyCustomer]) -> Finding:
    """What was last wished for is what the connections have, whatever was reconnected since."""
    wrong = 0
    for customer in customers:
        kept = (await answered(customer.standing, "the connection can be read"))["settings"]
        wrong += any(kept[name] != value for name, value in customer.settings.items())
    return Finding("connections whose settings are not as last set", wrong)
