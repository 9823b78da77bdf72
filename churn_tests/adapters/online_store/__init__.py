"""Tests of `churn_assets.adapters.online_store`."""
