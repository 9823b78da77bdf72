"""Mirrors `churn_serving.cluster`: what needs a real Ray."""
