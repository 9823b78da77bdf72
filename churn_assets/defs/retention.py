"""The campaign list for the CRM, and a month later what became of it."""

from collections.abc import Iterator
from dataclasses import asdict

import dagster as dg
import polars as pl

from churn_assets.adapters.lake import Lake
from churn_assets.defs import evidence, pictures
from churn_assets.defs.cleaned import cleaned_name
from churn_assets.defs.features import LABELS
from churn_assets.defs.project import BEFORE, Project
from churn_assets.defs.scoring import SCORES, champion_of
from churn_assets.domain.campaign import CONTACT, CampaignSummary, campaign_list, campaign_summary, realised
from churn_assets.domain.months import Month
from churn_assets.domain.tables import CUSTOMERS
from churn_assets.plots import charts

GROUP = "retention"
CAMPAIGN = "campaign_list"
SUMMARY = "campaign_summary"
OUTCOME = "campaign_outcome"
NOBODY_WHO_OPTED_OUT = "nobody_who_opted_out"
Results = Iterator[dg.MaterializeResult[None] | dg.AssetCheckResult]


def build(project: Project) -> list[dg.AssetsDefinition]:
    """Return the assets of this layer."""
    return [_campaign(project), _outcome(project)]


def _campaign(project: Project) -> dg.AssetsDefinition:
    settings = project.settings

    @project.asset(
        CAMPAIGN,
        group=GROUP,
        description="Whom to contact, by expected value, with reasons and offer; the control group is marked and not contacted.",
        deps=[SCORES, cleaned_name(CUSTOMERS.name)],
        shaped_by=[settings.campaign, settings.economics],
        checks=[
            project.check(
                CAMPAIGN,
                NOBODY_WHO_OPTED_OUT,
                "No one who opted out of marketing is on the list.",
                blocking=True,
            )
        ],
        tags={"pii": "pseudonymous"},
    )
    def campaign_list_(context: dg.AssetExecutionContext, lake: dg.ResourceParam[Lake]) -> Results:
        month = evidence.month_of(context)
        version = champion_of(lake, month).version
        customers = lake.read(cleaned_name(CUSTOMERS.name), month)
        wishes = customers.select("customer_id", "marketing_opt_out")
        scores = lake.read(SCORES, month).join(wishes, on="customer_id", how="left")
        chosen = campaign_list(scores, settings.campaign, settings.economics, month, version)
        checked = _opted_out(chosen, wishes)
        yield checked
        if not checked.passed:
            raise dg.Failure(
                f"the list of {month} is not published: {checked.description}", allow_retries=False
            )
        result = lake.write(CAMPAIGN, month, chosen.drop("month"), run_id=context.run.run_id)
        summary = _row(campaign_summary(chosen, scores, settings.economics), version)
        lake.write(SUMMARY, month, pl.DataFrame([summary]), run_id=context.run.run_id)
        yield dg.MaterializeResult(
            metadata={
                **evidence.written(result),
                **evidence.numbers(
                    {name: value for name, value in summary.items() if isinstance(value, int | float)}
                ),
                "profit_curve": pictures.profit_curve(
                    scores["churn_probability"].to_numpy(), chosen.height, settings.economics
                ),
                "by_offer": evidence.table(
                    chosen.group_by("action", "offer").len().sort("len", descending=True)
                ),
            },
        )

    return campaign_list_


def _row(summary: CampaignSummary, version: str) -> dict[str, object]:
    """Return a summary as one flat row."""
    plain = asdict(summary)
    del plain["expected"]
    account = asdict(summary.expected)
    return {
        **plain,
        "expected_churners": account["churners_found"],
        "cost_eur": account["cost_eur"],
        "saved_eur": account["saved_eur"],
        "expected_profit_eur": account["profit_eur"],
        "model_version": version,
    }


def _opted_out(chosen: pl.DataFrame, wishes: pl.DataFrame) -> dg.AssetCheckResult:
    """Look again, by the customers' own rows, whether anyone who opted out is contacted."""
    asked = chosen.filter(pl.col("action") == CONTACT).join(wishes, on="customer_id", how="left")
    wrong = int(asked["marketing_opt_out"].fill_null(value=True).sum())
    return dg.AssetCheckResult(
        asset_key=CAMPAIGN,
        check_name=NOBODY_WHO_OPTED_OUT,
        passed=wrong == 0,
        description=f"{wrong} of {asked.height} contacts opted out",
        metadata={"contacts": asked.height, "opted_out": wrong},
    )


def _outcome(project: Project) -> dg.AssetsDefinition:
    @project.asset(
        OUTCOME,
        group=GROUP,
        description="What became of the former month's list, now that its labels are known: churners among the contacted "
        "and the control group, and the money by the same account that promised it.",
        deps=[dg.AssetDep(CAMPAIGN, partition_mapping=BEFORE), LABELS],
        shaped_by=[project.settings.economics],
    )
    def campaign_outcome(
        context: dg.AssetExecutionContext, lake: dg.ResourceParam[Lake]
    ) -> dg.MaterializeResult[None]:
        month = evidence.month_of(context)
        before = month.previous()
        if not lake.has(SUMMARY, before):
            result = lake.write(
                OUTCOME, month, pl.DataFrame(schema={"campaign_month": pl.String}), run_id=context.run.run_id
            )
            return dg.MaterializeResult(metadata=evidence.written(result))
        row = _outcome_row(project, lake, before)
        result = lake.write(OUTCOME, month, pl.DataFrame([row]), run_id=context.run.run_id)
        plain = {name: value for name, value in row.items() if isinstance(value, int | float)}
        return dg.MaterializeResult(
            metadata={
                "promised_and_realised": _promised_and_realised(lake, month),
                **evidence.numbers(plain),
                **evidence.written(result),
            }
        )

    return campaign_outcome


def _promised_and_realised(lake: Lake, until: Month) -> dg.MarkdownMetadataValue:
    """Draw what each campaign up to a month promised and what came true, as far as it is known."""
    promised = {
        row["month"]: row["expected_profit_eur"]
        for row in lake.scan(SUMMARY).filter(pl.col("month") < str(until)).sort("month").collect().to_dicts()
    }
    outcomes = lake.scan(OUTCOME).filter(pl.col("month") <= str(until)).collect().to_dicts()
    realised_eur = {row["campaign_month"]: row["realised_profit_eur"] for row in outcomes}
    values = [realised_eur.get(month) for month in promised]
    return pictures.picture(
        charts.campaign_value(list(promised), list(promised.values()), values), "promised and realised"
    )


def _outcome_row(project: Project, lake: Lake, campaign_month: Month) -> dict[str, object]:
    campaign = lake.scan(CAMPAIGN, [campaign_month]).collect()
    outcome = realised(campaign, lake.read(LABELS, campaign_month.next()), project.settings.economics)
    return {
        "campaign_month": str(campaign_month),
        "contacts": outcome.contacts,
        "contacts_labelled": outcome.contacts_labelled,
        "contacts_churned": outcome.contacts_churned,
        "control_labelled": outcome.control_labelled,
        "control_churned": outcome.control_churned,
        "expected_churners": outcome.expected_churners,
        "precision": outcome.precision,
        "control_churn_rate": outcome.control_churn_rate,
        "realised_profit_eur": outcome.account.profit_eur,
    }
