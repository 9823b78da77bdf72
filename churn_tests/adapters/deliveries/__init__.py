"""Tests of how deliveries are found, read and typed."""
