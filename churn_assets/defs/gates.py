"""The gates: blocking checks on a challenger's evaluation, and the stored evidence that promotion reads again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import dagster as dg
from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecordStatus
from dagster._core.storage.dagster_run import RunsFilter

from churn_assets.adapters.lake import Lake
from churn_assets.defs import evidence
from churn_assets.defs.project import Project, preview_accepted
from churn_assets.domain.months import Month
from churn_assets.learning.gates import GateMode, GateVerdict, judge_gates
