"""The challenger: its training set, the model, its evaluation on the hold-out, and who is champion after it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import dagster as dg
import polars as pl

from churn_assets.adapters.audit import AuditLog
from churn_assets.adapters.champions import CHALLENGERS, DECISIONS, Decision, champion_at, record_decision
from churn_assets.adapters.lake import Lake
from churn_assets.adapters.registry import CHALLENGER, ModelRegistry
from churn_assets.defs import evidence, model_plots
from churn_assets.defs.features import LABELS, MATRIX, features_in, labelled_months, read_labelled
from churn_assets.defs.gates import GATES, judged_gates, stored_verdicts
from churn_assets.defs.project import BEFORE, Project, reaching_back
from churn_assets.domain.drift import reference_profile
from churn_assets.domain.features.catalogue import Feature
from churn_assets.domain.months import Month
from churn_assets.learning.evaluation import Evaluation, compare, evaluate
from churn_assets.learning.split import TemporalSplit, temporal_split
from churn_assets.learning.training import Training, train_challenger

GROUP = "training"
TRAINING_SET = "training_set"
EVALUATION = "challenger_evaluation"
POOL = "training"
