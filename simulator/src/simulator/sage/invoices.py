"""Purchase invoices, posted at once: whether Sage's API knows drafts is not clear."""

from decimal import Decimal
from typing import Any

from simulator.calls import Answer, Call
from simulator.encoding import Json
from simulator.journal import Effect
from simulator.records import NewRecord, Record, all_of, find
from simulator.sage import contacts, writes
from simulator.sage.formats import Problem, invalid, money, new_id, reference_to, refuse, required
from simulator.sage.gateway import place_of
from simulator.state import Tx
from simulator.values import amount_in, cents, is_date

KIND = "purchase_invoices"
LENGTHS = {"reference": 25, "vendor_reference": 31, "notes": 2_000}


def create(call: Call, tx: Tx) -> Answer:
    invoice = InvoiceDesk(call, tx, writes.object_in(call, "purchase_invoice"))
    if problems := invoice.problems():
        raise refuse(422, *problems)
    record = invoice.record()
    return writes.save(call, tx, record, effect=Effect("bill", record.id, record.body["notes"]))


class InvoiceDesk:
    """Judges one purchase invoice as a whole: every problem is told."""

    def __init__(self, call: Call, tx: Tx, given: Json) -> None:
        self._tx, self._place, self._given = tx, place_of(call), given
        lines = given.get("invoice_lines")
        self._lines: list[Json] = [one for one in lines if isinstance(one, dict)] if isinstance(lines, list) else []

    def problems(self) -> list[Problem]:
        found = [required(name) for name in ("contact_id", "date", "due_date") if not self._given.get(name)]
        found += [
            invalid(f"is too long (maximum is {longest} characters)", name)
            for name, longest in LENGTHS.items()
            if len(str(self._given.get(name) or "")) > longest
        ]
        contact = self._found(contacts.KIND, self._given.get("contact_id"))
        if self._given.get("contact_id") and (contact is None or not contact.body["is_active"]):
            found.append(invalid("The contact does not exist or is inactive.", "contact_id"))
        settings = self._settings()
        if self._currency() not in settings["_currencies"]:
            found.append(invalid("The currency is not enabled for this business.", "currency_id"))
        found += self._date_problems(settings["year_end_lockdown_date"])
        if not self._lines:
            found.append(required("invoice_lines"))
        return found + [problem for line in self._lines for problem in self._line_problems(line)]

    def record(self) -> NewRecord:
        """The invoice that was found sound."""
        contact = self._found(contacts.KIND, self._given["contact_id"])
        assert contact is not None
        lines = [self._line(line) for line in self._lines]
        net = sum((Decimal(line["net_amount"]) for line in lines), Decimal(0))
        tax = sum((Decimal(line["tax_amount"]) for line in lines), Decimal(0))
        number = str(self._given.get("vendor_reference") or "")
        body: Json = {
            "displayed_as": number or contact.body["name"],
            "contact": reference_to(contacts.KIND, contact.id, contact.body["name"]),
            "contact_name": contact.body["name"],
            "date": self._given["date"],
            "due_date": self._given["due_date"],
            "reference": str(self._given.get("reference") or ""),
            "vendor_reference": number,
            "notes": str(self._given.get("notes") or ""),
            "status": reference_to("artefact_statuses", "UNPAID", "Unpaid"),
            "currency": reference_to("currencies", self._currency(), self._currency()),
            "net_amount": money(net),
            "tax_amount": money(tax),
            "total_amount": money(net + tax),
            "total_paid": money(Decimal(0)),
            "outstanding_amount": money(net + tax),
            "invoice_lines": lines,
            "deleted_at": None,
        }
        return NewRecord(KIND, new_id(), number, body)

    def _date_problems(self, locked_until: str) -> list[Problem]:
        dates = [name for name in ("date", "due_date") if self._given.get(name)]
        found = [invalid("is not a valid date", name) for name in dates if not is_date(self._given[name])]
        if not found and str(self._given.get("date") or "9999") <= locked_until:
            found.append(invalid(f"must be after the year end lockdown date ({locked_until})", "date"))
        return found

    def _line_problems(self, line: Json) -> list[Problem]:
        needed = ("description", "ledger_account_id", "quantity", "unit_price")
        found = [required(f"invoice_lines.{name}") for name in needed if line.get(name) in (None, "")]
        found += [
            invalid("is not a number", f"invoice_lines.{name}")
            for name in ("quantity", "unit_price")
            if line.get(name) not in (None, "") and amount_in(line[name]) is None
        ]
        account = self._found("ledger_accounts", line.get("ledger_account_id"))
        usable = account is not None and account.body["included_in_chart"] and not account.body["is_control_account"]
        if line.get("ledger_account_id") and not usable:
            found.append(invalid("The ledger account cannot be used here.", "invoice_lines.ledger_account_id"))
        if line.get("tax_rate_id") and self._found("tax_rates", line["tax_rate_id"]) is None:
            found.append(invalid("The tax rate does not exist.", "invoice_lines.tax_rate_id"))
        return found

    def _line(self, line: Json) -> Json:
        account = self._found("ledger_accounts", line["ledger_account_id"])
        quantity, price = amount_in(line["quantity"]), amount_in(line["unit_price"])
        assert account is not None
        assert quantity is not None
        assert price is not None
        rate = self._found("tax_rates", line.get("tax_rate_id") or account.body["tax_rate"]["id"])
        assert rate is not None
        net = cents(quantity * price)
        tax = cents(net * Decimal(rate.body["percentage"]) / 100)
        return {
            "id": new_id(),
            "description": line["description"],
            "ledger_account": reference_to("ledger_accounts", account.id, account.body["displayed_as"]),
            "tax_rate": reference_to("tax_rates", rate.id, rate.body["displayed_as"]),
            "quantity": str(quantity),
            "unit_price": str(price),
            "net_amount": money(net),
            "tax_amount": money(tax),
            "total_amount": money(net + tax),
        }

    def _currency(self) -> str:
        return str(self._given.get("currency_id") or "GBP")

    def _settings(self) -> Json:
        (record,) = all_of(self._tx, self._place, "financial_settings")
        return record.body

    def _found(self, kind: str, record_id: Any) -> Record | None:
        return find(self._tx, self._place, kind, str(record_id)) if record_id else None
