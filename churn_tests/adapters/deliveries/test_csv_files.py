"""CSV deliveries: the forms that are read, and what is refused with which sentence."""

from __future__ import annotations

import csv
from datetime import date, datetime
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from churn_assets.adapters.deliveries import DeliveryError, FilesSource
from churn_assets.domain.tables import CUSTOMERS, TRANSACTIONS
from churn_tests.domain.good_rows import MONTH, good_rows

HEADER = "transaction_id,customer_id,transaction_date,amount,status,paid_late\n"
ROW = "1,1,2024-05-10T12:30:15,29.9,paid,false\n"


def read(folder: Path, content: str | bytes, table: str = "transactions") -> pl.DataFrame:
    path = folder / table / "2024-05.csv"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return FilesSource(folder).read(table, MONTH).rows


def refused(folder: Path, content: str | bytes, table: str = "transactions") -> DeliveryError:
    with pytest.raises(DeliveryError) as caught:
        read(folder, content, table)
    assert caught.value.source == f"{table}/2024-05.csv"
    assert f"table {table}, month 2024-05" in str(caught.value)
    return caught.value


def with_field(name: str, text: str) -> str:
    """Return a file of two rows, the second with another text in one field."""
    fields = dict(zip(HEADER.strip().split(","), ROW.strip().split(","), strict=True)) | {name: text}
    return HEADER + ROW + ",".join(fields.values()) + "\n"


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("transaction_id", "-9223372036854775808", -(2**63)),
        ("transaction_id", "", None),
        ("amount", "30", 30.0),
        ("amount", "-0.5", -0.5),
        ("amount", "1e3", 1000.0),
        ("amount", "inf", float("inf")),
        ("amount", "", None),
        ("amount", "  ", None),
        ("amount", '"29.9"', 29.9),
        ("status", "", None),
        ("status", '""', None),
        ("status", " paid", " paid"),
        ("status", '"a,""b""\nc"', 'a,"b"\nc'),
        ("status", "città", "città"),
        ("paid_late", "true", True),
        ("paid_late", "True", True),
        ("paid_late", "FALSE", False),
        ("paid_late", "", None),
        ("transaction_date", "2024-05-10 12:30:15", datetime(2024, 5, 10, 12, 30, 15)),  # noqa: DTZ001
        ("transaction_date", "2024-05-10T12:30", datetime(2024, 5, 10, 12, 30)),  # noqa: DTZ001
        ("transaction_date", "2024-05-10T12:30:15Z", datetime(2024, 5, 10, 12, 30, 15)),  # noqa: DTZ001
        ("transaction_date", "2024-05-10 12:30:15+00:00", datetime(2024, 5, 10, 12, 30, 15)),  # noqa: DTZ001
        ("transaction_date", "2024-05-31 23:59:59.999999", datetime(2024, 5, 31, 23, 59, 59, 999_999)),  # noqa: DTZ001
        ("transaction_date", "2024-05-10T12:30:15.5", datetime(2024, 5, 10, 12, 30, 15, 500_000)),  # noqa: DTZ001
        ("transaction_date", "2024-05-10T12:30:15.123456000", datetime(2024, 5, 10, 12, 30, 15, 123_456)),  # noqa: DTZ001
        ("transaction_date", "", None),
    ],
)
def test_a_form_that_is_read(tmp_path: Path, name: str, text: str, value: object) -> None:
    assert read(tmp_path, with_field(name, text))[name][1] == value


def test_nan_is_a_number_and_left_to_judgement(tmp_path: Path) -> None:
    assert read(tmp_path, with_field("amount", "NaN"))["amount"].is_nan().to_list() == [False, True]


@pytest.mark.parametrize(
    ("name", "text", "form"),
    [
        ("transaction_id", "9223372036854775808", "9999999999999999999"),
        ("transaction_id", "1.0", "9.9"),
        ("transaction_id", "1e3", "9a9"),
        ("transaction_id", "?", "?"),
        ("amount", '"29,90"', "99,99"),
        ("amount", "1 000.5", "9 999.9"),
        ("amount", "29.9 EUR", "99.9 AAA"),
        ("amount", "?", "?"),
        ("paid_late", "1", "9"),
        ("paid_late", "yes", "aaa"),
        ("transaction_date", "10-05-2024", "99-99-9999"),
        ("transaction_date", "10/05/2024 12:30", "99/99/9999 99:99"),
        ("transaction_date", "2024-05-10", "9999-99-99"),
        ("transaction_date", "2024-05-10T12:30:15+02:00", "9999-99-99A99:99:99+99:99"),
        ("transaction_date", "2024-05-10T12:30:15.1234567", "9999-99-99A99:99:99.9999999"),
        ("transaction_date", "2024-05-10T24:00:00", "9999-99-99A99:99:99"),
        ("transaction_date", "2024-05-10T12:30:60", "9999-99-99A99:99:99"),
        ("transaction_date", "2024-02-30T12:30:15", "9999-99-99A99:99:99"),
        ("transaction_date", "1715344215", "9999999999"),
    ],
)
def test_another_form_names_its_column_and_shows_the_form_alone(
    tmp_path: Path, name: str, text: str, form: str
) -> None:
    error = refused(tmp_path, with_field(name, text))

    assert (error.kind, error.column) == ("column_type", name)
    assert error.found == f"text like '{form}' in row 2"
    assert str(TRANSACTIONS.schema[name])[:5] in str(error.expected)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("2024-02-29", date(2024, 2, 29)),
        ("2024-02-29 00:00:00", date(2024, 2, 29)),
        ("2024-02-29T00:00:00.000000Z", date(2024, 2, 29)),
        ("", None),
    ],
)
def test_a_day_may_be_written_as_midnight(tmp_path: Path, text: str, value: date | None) -> None:
    rows = good_rows(CUSTOMERS, 1).with_columns(signup_date=pl.lit(text))

    assert read(tmp_path, rows.write_csv(), "customers")["signup_date"].to_list() == [value]


@pytest.mark.parametrize("text", ["29-02-2024", "2023-02-29", "2024-2-9", "2024-02-29 12:00:00", "20240229"])
def test_what_is_no_day_names_its_column(tmp_path: Path, text: str) -> None:
    rows = good_rows(CUSTOMERS, 1).with_columns(signup_date=pl.lit(text))

    error = refused(tmp_path, rows.write_csv(), "customers")

    assert (error.kind, error.column) == ("column_type", "signup_date")


def test_a_decimal_comma_without_quotes_names_its_column(tmp_path: Path) -> None:
    error = refused(tmp_path, HEADER + ROW + ROW.replace("29.9", "29,90"))

    assert (error.kind, error.column, error.expected) == ("column_type", "amount", "Float64")
    assert "two fields" in str(error.found)


@pytest.mark.parametrize(
    "content",
    [
        (HEADER + ROW).encode("utf-8-sig"),
        (HEADER + ROW).replace("\n", "\r\n").encode(),
        (HEADER + ROW).rstrip("\n").encode(),
        (HEADER + ROW + "\n\n").encode(),
        (HEADER + ROW + "\r\n").encode(),
        (HEADER + ROW).replace("paid,", '"paid",').encode("utf-8-sig"),
        (HEADER + ROW).replace("paid,", '"paid",').replace("\n", "\r\n").encode() + b"\r\n",
    ],
    ids=[
        "byte order mark",
        "CR LF",
        "no last line end",
        "blank end",
        "blank CR LF end",
        "quotes",
        "all of it",
    ],
)
def test_harmless_differences_of_files_are_accepted(tmp_path: Path, content: bytes) -> None:
    assert_frame_equal(read(tmp_path, content), read(tmp_path, HEADER + ROW))


def test_a_header_alone_is_a_delivery_of_no_rows(tmp_path: Path) -> None:
    for header in (HEADER, HEADER.strip()):
        rows = read(tmp_path, header)
        assert (rows.height, rows.schema) == (0, TRANSACTIONS.schema)


@pytest.mark.parametrize(
    ("content", "kind", "words"),
    [
        (HEADER.encode() + ROW.replace("paid", "città").encode("latin-1"), "not_utf8", "byte 102"),
        ((HEADER + ROW).encode("utf-16"), "not_utf8", "zero"),
        ((HEADER + ROW).replace("paid,", "pa\0d,").encode(), "not_utf8", "zero"),
        ((HEADER + ROW + "2,1,2024").encode(), "torn", "line 3 has 3 fields, expected the header's 6"),
        ((HEADER + ROW + ROW[:-4]).encode(), "torn", "within column paid_late of its last row"),
        ((HEADER + ROW + '2,1,"2024').encode(), "torn", "quotes do not close"),
        ((HEADER + ROW + "2,1,2024,città"[:-1]).encode() + b"\xc3", "torn", "within a character"),
        ((HEADER + ROW + "\n" + ROW).encode(), "torn", "blank line"),
        ((HEADER + ROW.strip() + ",more\n").encode(), "torn", "line 2 has 7 fields"),
        (HEADER.strip().encode() + b",amount\n", "column_twice", "amount"),
        ((HEADER + ROW).replace(",", ";").encode(), "column_missing", "separate fields by commas"),
        ((HEADER + ROW).replace("\n", "\r").encode(), "torn", "CR alone"),
        ((HEADER + ROW).replace("amount", " amount").encode(), "column_missing", "expected amount Float64"),
        (b"\n\n", "column_missing", "transaction_id"),
        (ROW.encode(), "column_missing", "none of the contract's columns"),
        (b"PAR1" + bytes(20), "not_utf8", "zero"),
    ],
)
def test_a_damaged_file_is_refused_whole(tmp_path: Path, content: bytes, kind: str, words: str) -> None:
    error = refused(tmp_path, content)

    assert error.kind == kind
    assert words in str(error)


TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\0\r"), min_size=1, max_size=6)


@settings(deadline=None, max_examples=40)
@given(
    texts=st.lists(TEXTS, min_size=1, max_size=5), quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL])
)
def test_any_text_comes_back_as_it_was_written(
    tmp_path_factory: pytest.TempPathFactory, texts: list[str], quoting: int
) -> None:
    folder = tmp_path_factory.mktemp("delivery")
    path = folder / "transactions" / "2024-05.csv"
    path.parent.mkdir()
    rows = good_rows(TRANSACTIONS, len(texts)).with_columns(status=pl.Series(texts))
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, quoting=quoting)  # type: ignore[arg-type]
        writer.writerow(rows.columns)
        writer.writerows(rows.rows())

    assert_frame_equal(FilesSource(folder).read("transactions", MONTH).rows, rows)
