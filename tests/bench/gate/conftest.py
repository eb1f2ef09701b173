"""Folders of a gate on hand-made plans."""

from pathlib import Path

import pytest

from bench.gate.folder import Folder
from tests.bench.repositories import BASE, HEAD


@pytest.fixture
def folder(tmp_path) -> Folder:
    return open_folder(tmp_path / "gates")


def open_folder(results: Path, cells=("one", "two"), fresh: bool = False, **conditions: object) -> Folder:
    plan = {
        "cells": list(cells),
        "absent": {"base": [], "head": []},
        "sentinel": "lstm:torch",
        "again": "",
        "commands": {},
    }
    return Folder.open(results, BASE, HEAD, {"threads": 1, **conditions}, plan, fresh=fresh)
