"""The Ray Serve application: ingress, router and scorer deployments, security, metrics.

May import `churn_assets.domain`, `learning` and `adapters`; never Dagster. Empty until real-time scoring is built.
"""
