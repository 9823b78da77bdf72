"""Tests of the feature matrix, against examples by hand and an independent implementation."""
