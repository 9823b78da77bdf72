"""Who may ask the scoring service, and how much: API keys and the rate limit of each.

Plain Python without Ray: the ingress calls it, tests and the command call it too. No decision about HTTP is
made here: refusals and waiting times are returned, the ingress turns them into answers.
"""
