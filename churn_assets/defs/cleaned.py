"""The cleaned tables: judged row by row, gated as a month, and only then published, all of them or none (ADR 1)."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import dagster as dg
import polars as pl

from churn_assets.adapters.audit import AuditLog
from churn_assets.adapters.lake import Lake
from churn_assets.adapters.releases import Release, find_release
from churn_assets.defs import evidence
from churn_assets.defs.project import BEFORE, Project, reaching_back
from churn_assets.defs.raw import REGISTER, files_name, raw_name, require_before
from churn_assets.domain import delivery_verdict as verdict
from churn_assets.domain.accepted_contract import broken_rules
from churn_assets.domain.cleaning import Judged, judge
from churn_assets.domain.delivery_verdict import Finding
from churn_assets.domain.feed import FORMER_MONTHS, FeedProfile, feed_faults
from churn_assets.domain.labels import active_at_snapshot
from churn_assets.domain.months import Month
from churn_assets.domain.tables import CUSTOMERS, Table
from churn_assets.domain.vanished import vanished

GROUP = "cleaned"
COUNTS = "cleaning_counts"
Events = Iterator[dg.AssetCheckResult | dg.MaterializeResult[None]]


def cleaned_name(table: str) -> str:
    """Return the asset, and lake table, of a table's accepted rows."""
    return f"cleaned_{table}"


def quarantine_name(table: str) -> str:
    """Return the lake table of a table's rows that broke a rule."""
    return f"quarantined_{table}"


def build(project: Project) -> list[dg.AssetsDefinition]:
    """Return the one step that publishes all cleaned tables of a month."""
    return [_cleaned(project)]


@dataclass(frozen=True)
class JudgedMonth:
    """All tables of a month, judged, the findings about them, and how many customers vanished."""

    judged: Mapping[str, Judged]
    findings: tuple[Finding, ...]
    vanished: int

    @property
    def blocking(self) -> tuple[Finding, ...]:
        """The findings that forbid to publish the month."""
        return tuple(finding for finding in self.findings if finding.blocking and not finding.passed)


def _cleaned(project: Project) -> dg.AssetsDefinition:
    @dg.multi_asset(
        name="cleaned_tables",
        specs=[_spec(project, table) for table in project.tables],
        check_specs=[spec for table in project.tables for spec in _check_specs(project, table)],
        # A corrected file makes its own table anew, and not the four others; all five are judged in any case.
        can_subset=True,
    )
    def cleaned_tables(
        context: dg.AssetExecutionContext, lake: dg.ResourceParam[Lake], audit: dg.ResourceParam[AuditLog]
    ) -> Events:
        month = evidence.month_of(context)
        judged = judge_month(project, lake, month)
        released = find_release(audit, month, _files(project, lake, month)) if judged.blocking else None
        _write_quarantine(project, lake, month, judged, context.run.run_id)
        for finding in judged.findings:
            if _check_key(finding) in context.selected_asset_check_keys:
                yield _check_result(finding, released)
        if judged.blocking and released is None:
            reasons = "; ".join(finding.sentence for finding in judged.blocking)
            raise dg.Failure(
                f"month {month} is blocked: {reasons}. Mend the delivery and run again, "
                f"or let it pass by name: churn release {month} --by NAME --reason TEXT",
                allow_retries=False,
            )
        for table in project.tables:
            if dg.AssetKey(cleaned_name(table.name)) in context.selected_asset_keys:
                yield _publish(lake, table, month, judged.judged[table.name], context.run.run_id)

    return cleaned_tables


def judge_month(project: Project, lake: Lake, month: Month) -> JudgedMonth:
    """Judge every table of a month against the contract, the months before, and each other."""
    known = lake.scan(REGISTER, [month]).select("customer_id").collect()["customer_id"]
    active_before = _active_before(project, lake, month)
    judged: dict[str, Judged] = {}
    findings: list[Finding] = []
    for table in project.tables:
        rows = lake.scan(raw_name(table.name), [month]).drop("month").collect()
        one = judge(table, rows, month=month, known_customers=known, active_before=active_before)
        judged[table.name] = one
        findings += _findings(project, lake, table, month, one)
    customers = judged[CUSTOMERS.name]
    gone = vanished(customers.accepted, customers.quarantine["customer_id"], active_before)
    findings.append(verdict.vanished_finding(gone, project.settings.cleaning.vanished_share))
    return JudgedMonth(judged, tuple(findings), gone.count)


def _active_before(project: Project, lake: Lake, month: Month) -> pl.Series | None:
    if month == project.first_month:
        return None
    return active_at_snapshot(require_before(lake, cleaned_name(CUSTOMERS.name), month))["customer_id"]


def _findings(project: Project, lake: Lake, table: Table, month: Month, judged: Judged) -> Iterator[Finding]:
    limits, counts = project.settings.cleaning, judged.counts
    profile, former = _profiles(project, lake, table, month)
    faults = feed_faults(table, profile, former, limits) if profile else []
    yield verdict.feed_finding(table.name, [fault.sentence for fault in faults])
    yield verdict.quarantine_finding(table.name, counts, limits.quarantine_share)
    yield verdict.contract_finding(table.name, broken_rules(table, month, judged.accepted))
    if any(column.categories and not column.closed for column in table.columns):
        yield verdict.categories_finding(table.name, counts, limits.unknown_category_share)


def _profiles(
    project: Project, lake: Lake, table: Table, month: Month
) -> tuple[FeedProfile | None, list[FeedProfile]]:
    """Return the profile of the month's file and of up to three former ones, blocked or not."""
    first = max(month.plus(-FORMER_MONTHS), project.first_month)
    rows = lake.scan(files_name(table.name), list(first.until(month))).collect()
    profiles = {
        row["month"]: FeedProfile.from_json(row["profile"])
        for row in rows.iter_rows(named=True)
        if row["profile"] is not None
    }
    current = profiles.pop(str(month), None)
    return current, list(profiles.values())


def _files(project: Project, lake: Lake, month: Month) -> dict[str, str]:
    digests = {
        table.name: lake.read(files_name(table.name), month)["sha256"].item() for table in project.tables
    }
    return {name: digest for name, digest in digests.items() if digest}


def _write_quarantine(project: Project, lake: Lake, month: Month, judged: JudgedMonth, run_id: str) -> None:
    rows = []
    for table in project.tables:
        one = judged.judged[table.name]
        lake.write(quarantine_name(table.name), month, one.quarantine, run_id=run_id)
        rows.append(
            {
                "table": table.name,
                "delivered": one.counts.delivered,
                "duplicates": one.counts.duplicates,
                "quarantined": one.quarantine.height,
                "accepted": one.accepted.height,
                "rules": json.dumps(one.counts.quarantined, sort_keys=True),
                "unknown_categories": json.dumps(one.counts.unknown_categories, sort_keys=True),
                "vanished": judged.vanished if table.name == CUSTOMERS.name else 0,
                "blocked_by": "; ".join(f.sentence for f in judged.blocking if f.table == table.name) or None,
            }
        )
    lake.write(COUNTS, month, pl.DataFrame(rows, schema_overrides={"blocked_by": pl.String}), run_id=run_id)


def _publish(
    lake: Lake, table: Table, month: Month, judged: Judged, run_id: str
) -> dg.MaterializeResult[None]:
    result = lake.write(cleaned_name(table.name), month, judged.accepted, run_id=run_id)
    counts = judged.counts
    return dg.MaterializeResult(
        asset_key=cleaned_name(table.name),
        metadata={
            **evidence.written(result),
            "delivered": counts.delivered,
            "duplicates_dropped": counts.duplicates,
            "quarantined": judged.quarantine.height,
            "rules": dg.MetadataValue.json(counts.quarantined),
            "unknown_categories": dg.MetadataValue.json(counts.unknown_categories),
            "quarantine_table": quarantine_name(table.name),
        },
    )


def _spec(project: Project, table: Table) -> dg.AssetSpec:
    deps: list[Any] = [
        dg.AssetDep(raw_name(table.name), partition_mapping=reaching_back(FORMER_MONTHS)),
        REGISTER,
    ]
    if table.name == CUSTOMERS.name:
        deps.append(dg.AssetDep(cleaned_name(CUSTOMERS.name), partition_mapping=BEFORE))
    return project.spec(
        cleaned_name(table.name),
        group=GROUP,
        description=f"The rows of `{table.name}` that keep the contract, without duplicates, sorted by customer and time. "
        "Published only when the whole month passed its checks.",
        deps=deps,
        kinds=("polars", "deltalake", "pandera"),
        shaped_by=[project.settings.cleaning],
        tags={"pii": "pseudonymous"},
    )


def _check_specs(project: Project, table: Table) -> Iterator[dg.AssetCheckSpec]:
    facts = {
        verdict.FEED_IS_WHOLE: "Rows, null shares and medians are like those of the three months before.",
        verdict.QUARANTINE_WITHIN_LIMIT: "Few enough rows broke a rule of the contract.",
        verdict.MATCHES_CONTRACT: "Every accepted row keeps the contract, by pandera on the collected rows.",
    }
    if table.name == CUSTOMERS.name:
        facts[verdict.CUSTOMERS_DO_NOT_VANISH] = "Few enough active customers are gone without having left."
    for fact, description in facts.items():
        yield project.check(
            cleaned_name(table.name), _check_name(table.name, fact), description, blocking=True
        )
    if any(column.categories and not column.closed for column in table.columns):
        description = "Few enough values are categories that the contract does not list; warns only."
        name = _check_name(table.name, verdict.CATEGORIES_ARE_KNOWN)
        yield project.check(cleaned_name(table.name), name, description, blocking=False)


def _check_name(table: str, fact: str) -> str:
    return fact if fact.startswith(table) else f"{table}_{fact}"


def _check_key(finding: Finding) -> dg.AssetCheckKey:
    return dg.AssetCheckKey(
        dg.AssetKey(cleaned_name(finding.table)), _check_name(finding.table, finding.fact)
    )


def _check_result(finding: Finding, released: Release | None) -> dg.AssetCheckResult:
    key = _check_key(finding)
    warns = not finding.blocking or released is not None
    note = f" Released by {released.by}: {released.reason}" if released and not finding.passed else ""
    return dg.AssetCheckResult(
        asset_key=key.asset_key,
        check_name=key.name,
        passed=finding.passed,
        severity=dg.AssetCheckSeverity.WARN if warns else dg.AssetCheckSeverity.ERROR,
        description=finding.sentence + note,
        metadata=evidence.numbers(finding.numbers),
    )
