"""The one place that knows a model's folder: its file names, how it is written in one step, how it is verified.

A folder holds exactly three files, all inert: the native trees, `calibration.json` and `contract.json`. Every byte is
hashed before a parser sees it, because the trees' parsers are C++ and trust their input.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

from churn_assets.learning.contract import ModelContract
from churn_assets.learning.errors import ModelError

CONTRACT = "contract.json"
CALIBRATION = "calibration.json"
_AGAIN = "take the folder from the registry again"


def sha256(content: bytes) -> str:
    """Return the sha256 in hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def read_folder(folder: Path, expected_digest: str | None) -> tuple[ModelContract, dict[str, bytes]]:
    """Return the contract and the verified bytes of the other files.

    Args:
        folder: the model's folder.
        expected_digest: the digest that was recorded when the model was registered; without one only the folder's
            agreement with itself is checked.

    Raises:
        ModelError: the folder is not there, a file is missing, extra, a link, or edited, or the digest differs.
    """
    if not folder.is_dir():
        raise ModelError(f"no model folder at {folder}: give the folder that holds {CONTRACT}")
    document = _content(folder / CONTRACT)
    if expected_digest is not None and sha256(document) != expected_digest:
        raise ModelError(
            f"{folder.name}/{CONTRACT} has the digest {sha256(document)}, expected was {expected_digest}: "
            f"this is another model or an edited one, {_AGAIN}"
        )
    contract = ModelContract.from_json(_text(document))
    _demand_exactly(folder, {CONTRACT, *contract.files})
    return contract, {name: _verified(folder / name, digest) for name, digest in contract.files.items()}


def write_folder(folder: Path, contract: ModelContract, files: Mapping[str, bytes]) -> None:
    """Write the folder beside its place and move it there in one rename; the same model again is no change.

    Raises:
        ModelError: another model is there already.
    """
    if folder.exists():
        if (folder / CONTRACT).is_file() and _content(folder / CONTRACT) == contract.to_json().encode():
            read_folder(folder, contract.digest())
            return
        raise ModelError(
            f"{folder} is there already and holds something else: save each model to a new folder"
        )
    folder.parent.mkdir(parents=True, exist_ok=True)
    beside = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    for name, content in {**files, CONTRACT: contract.to_json().encode()}.items():
        _write_through(beside / name, content)
    beside.chmod(0o755)  # mkdtemp's folder is the owner's alone; a server of another user reads models too
    beside.rename(folder)


def _write_through(path: Path, content: bytes) -> None:
    """Write a file and wait until the disk has it, so that the rename never shows an empty one after a power cut."""
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _content(path: Path) -> bytes:
    """Return a regular file's bytes.

    Raises:
        ModelError: it is missing, or a link, which could change after it was verified.
    """
    if path.is_symlink() or not path.is_file():
        raise ModelError(f"{path.parent.name}/{path.name} is missing or no regular file: {_AGAIN}")
    return path.read_bytes()


def _text(document: bytes) -> str:
    """Return the contract as text.

    Raises:
        ModelError: the bytes are no UTF-8.
    """
    try:
        return document.decode("utf-8")
    except UnicodeDecodeError as problem:
        raise ModelError(f"{CONTRACT} is no UTF-8 text: {_AGAIN}") from problem


def _demand_exactly(folder: Path, expected: set[str]) -> None:
    """Raise where the folder holds other files than its contract names."""
    found = {entry.name for entry in folder.iterdir()}
    if missing := expected - found:
        raise ModelError(f"{folder.name} lacks {', '.join(sorted(missing))}: {_AGAIN}")
    if extra := found - expected:
        raise ModelError(
            f"{folder.name} holds {', '.join(sorted(extra))}, which its contract does not name: {_AGAIN}"
        )


def _verified(path: Path, digest: str) -> bytes:
    """Return the bytes of a file whose sha256 is the expected one.

    Raises:
        ModelError: it was edited.
    """
    content = _content(path)
    if sha256(content) != digest:
        raise ModelError(f"{path.parent.name}/{path.name} is not the file that its contract names: {_AGAIN}")
    return content
