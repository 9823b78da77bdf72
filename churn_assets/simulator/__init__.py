"""The embedded operator: writes deliveries with known causes of churn, and the truth apart from them.

Imports only `domain`'s table contracts and months. Nothing but the command imports it, and nothing else reads the truth.
"""
