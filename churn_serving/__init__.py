"""Real-time scoring: champion and challenger behind HTTP.

Here belong the door (routes, keys, limits), the router, the scorers, what is served and how it changes while it runs.
All of it is plain Python but `cluster`, the thin shell that knows Ray. May import `churn_assets.domain`, `learning` and
`adapters`; never Dagster.
"""
