from list_svc.handlers import HANDLERS
from relink_contracts import topics


def test_everything_heard_is_told_to_us_by_the_topic_files() -> None:
    told = {name for topic in topics.load() for name, heard_by in topic.types.items() if "list-svc" in heard_by}

    assert {handler.event.TYPE for handler in HANDLERS} <= told
