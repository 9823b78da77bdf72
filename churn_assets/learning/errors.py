"""The one error of a model: its folder or a frame does not fit; the sentence names the thing and its mend."""

from __future__ import annotations


class ModelError(ValueError):
    """A model's folder, or a frame given to a model, is not what its contract says."""
