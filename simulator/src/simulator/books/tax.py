"""The tax rates of a UK organisation."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Literal


@dataclass(frozen=True)
class PracticeTaxRate:
    type: str
    """Xero's code."""
    name: str
    percent: Decimal
    side: Literal["purchases", "sales", "both"]
    report: str
    """Xero's ReportTaxType."""


TAX_RATES = (
    PracticeTaxRate("INPUT2", "20% (VAT on Expenses)", Decimal(20), "purchases", "INPUT"),
    PracticeTaxRate("OUTPUT2", "20% (VAT on Income)", Decimal(20), "sales", "OUTPUT"),
    PracticeTaxRate("RRINPUT", "5% (VAT on Expenses)", Decimal(5), "purchases", "INPUT"),
    PracticeTaxRate("RROUTPUT", "5% (VAT on Income)", Decimal(5), "sales", "OUTPUT"),
    PracticeTaxRate("ZERORATEDINPUT", "Zero Rated Expenses", Decimal(0), "purchases", "INPUT"),
    PracticeTaxRate("ZERORATEDOUTPUT", "Zero Rated Income", Decimal(0), "sales", "OUTPUT"),
    PracticeTaxRate("EXEMPTINPUT", "Exempt Expenses", Decimal(0), "purchases", "EXEMPTINPUT"),
    PracticeTaxRate("EXEMPTOUTPUT", "Exempt Income", Decimal(0), "sales", "EXEMPTOUTPUT"),
    PracticeTaxRate("CAPEXINPUT2", "20% (VAT on Capital Purchases)", Decimal(20), "purchases", "CAPITALEXPENSESINPUT"),
    PracticeTaxRate("CAPEXOUTPUT2", "20% (VAT on Capital Sales)", Decimal(20), "sales", "CAPITALSALESOUTPUT"),
    PracticeTaxRate("REVERSECHARGES", "Reverse Charge Expenses (20%)", Decimal(0), "purchases", "REVERSECHARGES"),
    PracticeTaxRate("NONE", "No VAT", Decimal(0), "both", "NONE"),
)


def rate(tax_type: str) -> PracticeTaxRate | None:
    return next((one for one in TAX_RATES if one.type == tax_type), None)
