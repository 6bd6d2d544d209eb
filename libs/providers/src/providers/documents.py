"""Which files a provider takes."""

from collections.abc import Collection

from providers.errors import Problem, Refused
from providers.models import Document


def refuse_unfit(document: Document, *, largest: int, types: Collection[str] | None = None) -> None:
    """Refuse here what would be refused there; `types` None takes any content type."""
    if len(document.content) > largest:
        megabytes = f"{largest / 2**20:g} MB"
        raise Refused(Problem("document_too_large", "document", f"{document.file_name} is larger than {megabytes}"))
    if types is not None and document.content_type not in types:
        problem = f"{document.file_name} is of type {document.content_type}, which is not taken there"
        raise Refused(Problem("document_unsupported", "document", problem))
