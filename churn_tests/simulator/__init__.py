"""Tests of the embedded operator."""
