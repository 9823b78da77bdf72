"""What churn means: pure functions on Polars frames and numbers.

Here belong months, table contracts, cleaning rules, features, labels, drift statistics, money and the campaign.
No Dagster, MLflow, network, file, clock or random generator that is not passed in belongs here.
"""
