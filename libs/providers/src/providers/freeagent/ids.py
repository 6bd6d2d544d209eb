"""FreeAgent's ids are addresses; ours are what comes last in them."""


def id_in(url: str) -> str:
    return url.rstrip("/").rpartition("/")[2]


def address_of(api_url: str, kind: str, external_id: str) -> str:
    """The address by which a document names an entry; `kind` is the list's name in addresses."""
    return f"{api_url}/{kind}/{external_id}"
