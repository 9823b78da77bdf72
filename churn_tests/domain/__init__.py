"""Tests of the pure functions: what churn means."""
