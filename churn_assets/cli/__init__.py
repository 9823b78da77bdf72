"""The `churn` command: options in, calls of the floors below, words and tables out.

No rule about churn belongs here. Each command imports what it needs when it runs, so that `--help` answers at once.
"""
