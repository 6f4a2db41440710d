"""Files to documents: YAML with the place of every value, the project and what belongs to it, and rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowops.lazy import attach

if TYPE_CHECKING:
    from flowops.documents.discovery import Workspace, discover
    from flowops.documents.files import Disk, Entry, Files, Unreadable
    from flowops.documents.project import (
        PROJECT_FILE,
        ProjectFile,
        find_project,
        merge_vars,
        open_disk,
        parse_var,
        read_var_file,
        resolve,
        resolve_flow,
        resolve_flows,
    )
    from flowops.documents.reader import API_VERSION, Kind, Reader
    from flowops.documents.rows import count_lines, read_batches, read_data, read_rows, source_of
else:
    __getattr__ = attach(
        __name__,
        {
            "discovery": "Workspace discover",
            "files": "Disk Entry Files Unreadable",
            "project": (
                "PROJECT_FILE ProjectFile find_project merge_vars open_disk parse_var read_var_file resolve "
                "resolve_flow resolve_flows"
            ),
            "reader": "API_VERSION Kind Reader",
            "rows": "count_lines read_batches read_data read_rows source_of",
        },
    )

__all__ = [
    "API_VERSION",
    "PROJECT_FILE",
    "Disk",
    "Entry",
    "Files",
    "Kind",
    "ProjectFile",
    "Reader",
    "Unreadable",
    "Workspace",
    "count_lines",
    "discover",
    "find_project",
    "merge_vars",
    "open_disk",
    "parse_var",
    "read_batches",
    "read_data",
    "read_rows",
    "read_var_file",
    "resolve",
    "resolve_flow",
    "resolve_flows",
    "source_of",
]
