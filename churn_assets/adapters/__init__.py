"""The world outside: settings, paths, deliveries, the lake, the model registry, the audit log.

May import `domain` and `learning`. Decides nothing about churn, and knows no Dagster.
"""
