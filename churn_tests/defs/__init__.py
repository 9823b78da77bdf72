"""Dagster's floor."""
