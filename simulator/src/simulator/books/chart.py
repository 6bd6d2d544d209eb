"""A UK chart of accounts as a trading company of some size keeps it."""

from dataclasses import dataclass


@dataclass(frozen=True)
class ChartAccount:
    code: str
    name: str
    type: str
    """In Xero's words; the seeds of the others translate them."""
    tax: str
    """Xero's tax type code."""


_CHART = """
090|Business Current Account|BANK|NONE
091|Business Savings Account|BANK|NONE
092|Company Credit Card|BANK|NONE
093|Petty Cash|BANK|NONE
094|Euro Account|BANK|NONE
200|Sales|REVENUE|OUTPUT2
201|Sales - Wholesale|REVENUE|OUTPUT2
202|Sales - Online|REVENUE|OUTPUT2
203|Sales - Services|REVENUE|OUTPUT2
204|Sales - Zero Rated|REVENUE|ZERORATEDOUTPUT
205|Sales - Exports|REVENUE|ZERORATEDOUTPUT
206|Sales - Spare Parts|REVENUE|OUTPUT2
207|Maintenance Contracts|REVENUE|OUTPUT2
208|Delivery Charged to Customers|REVENUE|OUTPUT2
209|Discounts Given|REVENUE|OUTPUT2
260|Other Revenue|OTHERINCOME|OUTPUT2
261|Rent Received|OTHERINCOME|EXEMPTOUTPUT
262|Grants Received|OTHERINCOME|NONE
263|Insurance Claims|OTHERINCOME|NONE
264|Profit on Disposal of Assets|OTHERINCOME|NONE
270|Interest Income|OTHERINCOME|NONE
300|Purchases|DIRECTCOSTS|INPUT2
301|Purchases - Raw Materials|DIRECTCOSTS|INPUT2
302|Purchases - Goods for Resale|DIRECTCOSTS|INPUT2
303|Purchases - Packaging|DIRECTCOSTS|INPUT2
304|Purchases - Imported Goods|DIRECTCOSTS|INPUT2
310|Cost of Goods Sold|DIRECTCOSTS|INPUT2
311|Freight Inwards|DIRECTCOSTS|INPUT2
312|Import Duty|DIRECTCOSTS|NONE
313|Carriage Outwards|DIRECTCOSTS|INPUT2
314|Merchant Fees|DIRECTCOSTS|EXEMPTINPUT
315|Marketplace Commission|DIRECTCOSTS|INPUT2
320|Direct Wages|DIRECTCOSTS|NONE
321|Subcontractors|DIRECTCOSTS|INPUT2
322|Plant Hire|DIRECTCOSTS|INPUT2
323|Site Costs|DIRECTCOSTS|INPUT2
324|Tools and Consumables|DIRECTCOSTS|INPUT2
325|Direct Expenses|DIRECTCOSTS|INPUT2
400|Advertising & Marketing|OVERHEADS|INPUT2
401|Audit & Accountancy Fees|OVERHEADS|INPUT2
402|Trade Shows|OVERHEADS|INPUT2
403|Website|OVERHEADS|INPUT2
404|Bank Fees|OVERHEADS|EXEMPTINPUT
405|Payment Processing Fees|OVERHEADS|EXEMPTINPUT
408|Cleaning|OVERHEADS|INPUT2
409|Waste Disposal|OVERHEADS|INPUT2
412|Consulting|OVERHEADS|INPUT2
413|Bookkeeping|OVERHEADS|INPUT2
414|Recruitment|OVERHEADS|INPUT2
416|Depreciation Expense|DEPRECIATN|NONE
417|Amortisation|DEPRECIATN|NONE
418|Charitable and Political Donations|OVERHEADS|NONE
420|Entertainment - 100% Business|OVERHEADS|INPUT2
421|Staff Entertainment|OVERHEADS|INPUT2
422|Entertainment - Customers|OVERHEADS|NONE
424|Gifts|OVERHEADS|INPUT2
425|Postage, Freight & Courier|OVERHEADS|INPUT2
426|Stamps|OVERHEADS|EXEMPTINPUT
429|General Expenses|OVERHEADS|INPUT2
430|Staff Clothing|OVERHEADS|INPUT2
433|Insurance|OVERHEADS|EXEMPTINPUT
434|Professional Indemnity Insurance|OVERHEADS|EXEMPTINPUT
437|Interest Paid|OVERHEADS|NONE
441|Legal Expenses|OVERHEADS|INPUT2
442|Licences and Permits|OVERHEADS|NONE
445|Light, Power, Heating|OVERHEADS|INPUT2
446|Gas|OVERHEADS|INPUT2
447|Water|OVERHEADS|ZERORATEDINPUT
449|Motor Vehicle Expenses|OVERHEADS|INPUT2
450|Fuel|OVERHEADS|INPUT2
451|Vehicle Insurance|OVERHEADS|EXEMPTINPUT
452|Vehicle Leasing|OVERHEADS|INPUT2
453|Parking and Tolls|OVERHEADS|INPUT2
457|Operating Lease Payments|OVERHEADS|INPUT2
461|Printing & Stationery|OVERHEADS|INPUT2
462|Office Supplies|OVERHEADS|INPUT2
463|IT Software and Consumables|OVERHEADS|INPUT2
464|IT Hardware under 500|OVERHEADS|INPUT2
465|Rates|OVERHEADS|NONE
466|Cloud Hosting|OVERHEADS|INPUT2
467|Software Subscriptions|OVERHEADS|INPUT2
469|Rent|OVERHEADS|INPUT2
470|Storage|OVERHEADS|INPUT2
471|Security|OVERHEADS|INPUT2
473|Repairs & Maintenance|OVERHEADS|INPUT2
474|Equipment Maintenance|OVERHEADS|INPUT2
477|Salaries|OVERHEADS|NONE
478|Directors' Remuneration|OVERHEADS|NONE
479|Employers National Insurance|OVERHEADS|NONE
480|Staff Training|OVERHEADS|INPUT2
481|Health and Safety|OVERHEADS|INPUT2
482|Pensions Costs|OVERHEADS|NONE
483|Medical Insurance|OVERHEADS|EXEMPTINPUT
485|Subscriptions|OVERHEADS|INPUT2
486|Books and Magazines|OVERHEADS|ZERORATEDINPUT
489|Telephone & Internet|OVERHEADS|INPUT2
490|Mobile Telephones|OVERHEADS|INPUT2
493|Travel - National|OVERHEADS|ZERORATEDINPUT
494|Travel - International|OVERHEADS|ZERORATEDINPUT
495|Hotels|OVERHEADS|INPUT2
496|Subsistence|OVERHEADS|INPUT2
497|Bank Revaluations|EXPENSE|NONE
498|Unrealised Currency Gains|EXPENSE|NONE
499|Realised Currency Gains|EXPENSE|NONE
500|Corporation Tax|OVERHEADS|NONE
610|Accounts Receivable|CURRENT|NONE
611|Less Provision for Doubtful Debts|CURRENT|NONE
620|Prepayments|PREPAYMENT|NONE
630|Inventory|INVENTORY|NONE
640|Directors' Loan Account|CURRENT|NONE
650|Deposits Paid|CURRENT|NONE
710|Office Equipment|FIXED|INPUT2
711|Less Accumulated Depreciation on Office Equipment|FIXED|NONE
720|Computer Equipment|FIXED|INPUT2
721|Less Accumulated Depreciation on Computer Equipment|FIXED|NONE
740|Buildings|FIXED|NONE
750|Leasehold Improvements|FIXED|INPUT2
760|Motor Vehicles|FIXED|INPUT2
764|Plant and Machinery|FIXED|INPUT2
770|Intangibles|NONCURRENT|NONE
800|Accounts Payable|CURRLIAB|NONE
805|Accruals|CURRLIAB|NONE
810|Income in Advance|CURRLIAB|NONE
811|Credit Card Control Account|CURRLIAB|NONE
814|Wages Payable - Payroll|CURRLIAB|NONE
815|Employee Contribution to Benefits|CURRLIAB|NONE
820|VAT|CURRLIAB|NONE
825|PAYE Payable|CURRLIAB|NONE
826|NIC Payable|CURRLIAB|NONE
830|Provision for Corporation Tax|CURRLIAB|NONE
835|Directors' Loan|CURRLIAB|NONE
850|Suspense|CURRLIAB|NONE
858|Pensions Payable|CURRLIAB|NONE
900|Bank Loan|TERMLIAB|NONE
901|Hire Purchase Loan|TERMLIAB|NONE
950|Capital - Ordinary Shares|EQUITY|NONE
960|Retained Earnings|EQUITY|NONE
970|Owner A Funds Introduced|EQUITY|NONE
980|Owner A Drawings|EQUITY|NONE
"""

ARCHIVED_CODES = frozenset({"426", "498"})
"""Accounts that are no longer in use."""

CLASS_OF_TYPE = {
    "BANK": "ASSET", "CURRENT": "ASSET", "FIXED": "ASSET", "INVENTORY": "ASSET", "NONCURRENT": "ASSET",
    "PREPAYMENT": "ASSET", "EQUITY": "EQUITY", "DEPRECIATN": "EXPENSE", "DIRECTCOSTS": "EXPENSE",
    "EXPENSE": "EXPENSE", "OVERHEADS": "EXPENSE", "CURRLIAB": "LIABILITY", "LIABILITY": "LIABILITY",
    "TERMLIAB": "LIABILITY", "OTHERINCOME": "REVENUE", "REVENUE": "REVENUE", "SALES": "REVENUE",
}  # fmt: skip


def full_chart() -> list[ChartAccount]:
    return [ChartAccount(*line.split("|")) for line in _CHART.strip().splitlines()]


def small_chart() -> list[ChartAccount]:
    """Every third account of the overheads, and all of the rest that a small company needs."""
    kept = {"090", "200", "260", "300", "310", "610", "800", "820", "950", "960"}
    overheads = [account.code for account in full_chart() if account.type == "OVERHEADS"][::3]
    return [account for account in full_chart() if account.code in kept or account.code in overheads]
