"""Dagster's floor: assets, checks, jobs, schedules, sensors and resources, by layer.

Each asset is thin: read, call the domain, write, return metadata. No rule about churn belongs here.
"""
