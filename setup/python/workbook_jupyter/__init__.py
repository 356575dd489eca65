"""Add a spare kernel and a headless runner to Jupyter."""

from __future__ import annotations


def _jupyter_server_extension_points() -> list[dict[str, str]]:
    """Name the module that Jupyter loads as a server extension."""
    return [{"module": "workbook_jupyter.extension"}]
