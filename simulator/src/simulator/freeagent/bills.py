"""Bills: open at once, with one file at most, which comes inside the bill."""

from decimal import Decimal
from uuid import uuid4

from simulator import attachments
from simulator.attachments import Attachment, Document
from simulator.calls import Answer, Call, json_answer
from simulator.encoding import Json
from simulator.freeagent import contacts, writes
from simulator.freeagent.formats import address, id_in, money, refuse
from simulator.freeagent.gateway import place_of
from simulator.journal import Effect
from simulator.records import NewRecord, Record, add, all_of, change, find, next_number
from simulator.state import Tx
from simulator.values import amount_in, bytes_in, cents, is_date

KIND = "bills"
MOST_ITEMS = 40
MOST_BYTES = 5 * 1024 * 1024
FILE_TYPES = {"image/png", "image/jpeg", "image/gif", "application/x-pdf"}
CURRENCIES = {"GBP", "EUR", "USD", "AUD", "CAD", "CHF", "NZD", "SEK", "NOK", "DKK", "JPY", "ZAR"}
TAX_STATUSES = {"TAXABLE", "EXEMPT", "OUT_OF_SCOPE"}
AUTOMATIC_RATES = {"Standard rate": "20.0", "Reduced rate": "5.0"}
"""What a category's own rate is in per cent; any other is none."""


def create(call: Call, tx: Tx) -> Answer:
    place, bill = place_of(call), BillDesk(call, tx, writes.object_in(call, KIND))
    if problems := bill.problems():
        raise refuse(422, *problems)
    contact = bill.contact()
    assert contact is not None
    bill_id = next_number(tx, place, KIND)
    body = bill.body() | bill.file(bill_id)
    add(tx, place, [NewRecord(KIND, bill_id, body["reference"], body)], at=call.now)
    contacts.mark_supplier(tx, place, contact)
    effect = Effect("bill", bill_id, body["comments"])
    return writes.answer(call, tx, KIND, effect, status=writes.CREATED)


def change_one(call: Call, tx: Tx) -> Answer:
    """The file and the comments; other fields are not imitated. A new file takes the place of the old one."""
    place, given = place_of(call), writes.object_in(call, KIND)
    record = find(tx, place, KIND, call.parts["id"])
    if record is None:
        raise refuse(404, "Resource not found")
    if unknown := given.keys() - {"attachment", "comments"}:
        raise refuse(422, f"{', '.join(sorted(unknown))} cannot be changed in practice")
    bill = BillDesk(call, tx, given)
    if problems := bill.file_problems():
        raise refuse(422, *problems)
    body = {**record.body, **{name: given[name] for name in given.keys() & {"comments"}}, **bill.file(record.id)}
    change(tx, place, NewRecord(KIND, record.id, body["reference"], body), at=call.now)
    kind = "attachment" if "attachment" in given else "bill_changed"
    effect = Effect(kind, record.id, body["comments"])
    return writes.answer(call, tx, KIND, effect, status=writes.CHANGED)


def read_file(call: Call, tx: Tx) -> Answer:
    """What is known of a file."""
    file = attachments.find(tx, place_of(call), call.parts["id"])
    if file is None:
        raise refuse(404, "Resource not found")
    return json_answer({"attachment": _described(call, file)})


class BillDesk:
    """Judges one bill as a whole: every problem is told."""

    def __init__(self, call: Call, tx: Tx, given: Json) -> None:
        self._call, self._tx, self._place, self._given = call, tx, place_of(call), given
        items = given.get("bill_items")
        self._items: list[Json] = [one for one in items if isinstance(one, dict)] if isinstance(items, list) else []
        (company,) = all_of(tx, self._place, "company")
        self._company = company.body

    def problems(self) -> list[str]:
        found = [f"{name} can't be blank" for name in ("reference", "dated_on", "due_on") if not self._given.get(name)]
        if self.contact() is None:
            found.append("Contact can't be blank or is not one of yours")
        dates = [name for name in ("dated_on", "due_on") if self._given.get(name)]
        found += [f"{name} is not a date" for name in dates if not is_date(self._given[name])]
        if str(self._given.get("dated_on") or "9999") <= self._company["_locked_until"]:
            found.append(f"Dated on is in a period that is locked until {self._company['_locked_until']}")
        if self._given.get("currency", "GBP") not in CURRENCIES:
            found.append("Currency is not included in the list")
        if not 1 <= len(self._items) <= MOST_ITEMS:
            found.append(f"Bill items must be from 1 to {MOST_ITEMS}")
        return found + [problem for item in self._items for problem in self._item_problems(item)] + self.file_problems()

    def contact(self) -> Record | None:
        contact_id = id_in(self._given.get("contact"), contacts.KIND)
        return find(self._tx, self._place, contacts.KIND, contact_id) if contact_id else None

    def file_problems(self) -> list[str]:
        file = self._given.get("attachment")
        if file is None:
            return []
        content = bytes_in(file.get("data"))
        found = [f"Attachment {name} can't be blank" for name in ("data", "file_name") if not file.get(name)]
        if content is None:
            found.append("Attachment data is not base64")
        if content is not None and len(content) > MOST_BYTES:
            found.append("Attachment must be less than 5 MB")
        if file.get("content_type") not in FILE_TYPES:
            found.append("Attachment content type is not one that is taken")
        return found

    def body(self) -> Json:
        """The bill that was found sound."""
        items = [self._item(number, item) for number, item in enumerate(self._items, start=1)]
        total = sum((Decimal(item["total_value"]) for item in items), Decimal(0))
        tax = sum((Decimal(item["sales_tax_value"]) for item in items), Decimal(0))
        return {
            "contact": self._given["contact"],
            "contact_name": contacts.name_of(contact.body) if (contact := self.contact()) else "",
            "reference": str(self._given["reference"]),
            "dated_on": self._given["dated_on"],
            "due_on": self._given["due_on"],
            "currency": self._given.get("currency", "GBP"),
            "comments": str(self._given.get("comments") or ""),
            "status": "Open",
            "total_value": money(total),
            "sales_tax_value": money(-tax),
            "net_value": money(tax - total),
            "due_value": money(total),
            "paid_value": money(Decimal(0)),
            "bill_items": items,
        }

    def file(self, bill_id: str) -> Json:
        """Keeps the given file in the place of any other, and says what the bill shows of it."""
        given = self._given.get("attachment")
        if given is None:
            return {}
        document, content = Document("bill", bill_id), bytes_in(given.get("data"))
        assert content is not None
        held = attachments.of_document(self._tx, self._place, document)
        file_id = held[0].id if held else str(uuid4().int % 10**9)
        file = Attachment(file_id, str(given["file_name"]), str(given["content_type"]), content)
        if held:
            attachments.replace(self._tx, self._place, file)
        else:
            attachments.add(self._tx, self._place, document, file)
        return {"attachment": _described(self._call, file)}

    def _item_problems(self, item: Json) -> list[str]:
        found = []
        if self._category(item) is None:
            found.append("Category can't be blank or is not one of yours")
        given = [amount_in(item[name]) for name in ("total_value", "total_value_ex_tax") if item.get(name) is not None]
        if len(given) != 1 or given[0] is None:
            found.append("Total value must be a number, with or without sales tax")
        if item.get("sales_tax_status", "TAXABLE") not in TAX_STATUSES:
            found.append("Sales tax status is not included in the list")
        rate = item.get("sales_tax_rate", "Auto")
        if rate != "Auto" and str(rate) not in self._company["sales_tax_rates"]:
            found.append("Sales tax rate is not included in the list")
        return found

    def _item(self, number: int, item: Json) -> Json:
        category = self._category(item)
        assert category is not None
        rate = Decimal(self._rate(item, category))
        before_tax, with_tax = amount_in(item.get("total_value_ex_tax")), amount_in(item.get("total_value"))
        if with_tax is None:
            assert before_tax is not None
            with_tax = before_tax + cents(before_tax * rate / 100)
        return {
            "url": address(self._call, "bill_items", str(number)),
            "category": item["category"],
            "description": item.get("description") or "",
            "total_value": money(with_tax),
            "sales_tax_rate": str(rate),
            "sales_tax_value": money(with_tax * rate / (100 + rate)),
            "sales_tax_status": item.get("sales_tax_status", "TAXABLE"),
        }

    def _rate(self, item: Json, category: Record) -> str:
        if item.get("sales_tax_status", "TAXABLE") != "TAXABLE":
            return "0"
        given = str(item.get("sales_tax_rate", "Auto"))
        return AUTOMATIC_RATES.get(category.body["auto_sales_tax_rate"], "0") if given == "Auto" else given

    def _category(self, item: Json) -> Record | None:
        category_id = id_in(item.get("category"), "categories")
        return find(self._tx, self._place, "categories", category_id) if category_id else None


def _described(call: Call, file: Attachment) -> Json:
    return {
        "url": address(call, "attachments", file.id),
        "content_type": file.content_type,
        "file_name": file.file_name,
        "file_size": len(file.content),
    }
