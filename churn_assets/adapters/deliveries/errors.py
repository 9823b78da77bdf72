"""What can be wrong with a delivery before a single row is judged."""

from __future__ import annotations

from churn_assets.domain.lossless_types import ContractTypeError
from churn_assets.domain.months import Month


class DeliveryFault(Exception):  # noqa: N818  a part of the error below, which names table and month
    """What a reader found wrong with the bytes or rows that it was given.

    Attributes:
        kind: see `DeliveryError`.
        problem: what was found, and what was expected.
        mend: what the operator can do.
    """

    def __init__(self, kind: str, problem: str, mend: str) -> None:
        super().__init__(f"{problem}: {mend}")
        self.kind = kind
        self.problem = problem
        self.mend = mend


class DeliveryError(Exception):
    """A table's delivery of a month that cannot be read as the contract says; its text is one sentence.

    Attributes:
        table: the table's name.
        month: the month of the delivery.
        kind: `missing`, `two_files`, `empty`, `torn`, `not_parquet`, `not_utf8`, `changed` (while it was read),
            `unreadable`, `column_missing`, `column_twice`, `column_type`, `lossy` or `query`.
        source: the file, relative to the delivery folder, or the query.
        column: the column that does not fit, or None.
        found: what was found in that column, or None.
        expected: what the contract asks of it, or None.
    """

    def __init__(
        self, table: str, month: Month, source: str, fault: DeliveryFault | ContractTypeError
    ) -> None:
        super().__init__(f"table {table}, month {month} ({source}): {fault}")
        self.table = table
        self.month = month
        self.source = source
        self.kind = fault.kind
        of_column = fault if isinstance(fault, ContractTypeError) else None
        self.column = of_column.column if of_column else None
        self.found = of_column.found if of_column else None
        self.expected = of_column.expected if of_column else None
