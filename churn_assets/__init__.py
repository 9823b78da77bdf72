"""The churn platform: from an operator's raw months to a trusted campaign list.

The floors, from the bottom: `domain` (what churn means), `learning` (models), `adapters` (the world outside),
`defs` (Dagster) and `cli` (the command). `simulator` stands apart: it plays the operator. Nothing else belongs here.
"""
