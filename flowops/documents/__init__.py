"""Files to documents: YAML with the place of every value, the project and what belongs to it, and rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowops.lazy import attach

if TYPE_CHECKING:
    from flowops.documents.discovery import Workspace, discover
    from flowops.documents.files import Disk, Entry, Files, Unreadable
    from flowops.documents.flows import resolve_flow, resolve_flows
    from flowops.documents.header import API_VERSION, Kind
    from flowops.documents.project import PROJECT_FILE, ProjectFile, find_project, open_disk, resolve
    from flowops.documents.reader import Reader
    from flowops.documents.rows import count_lines, read_batches, read_data, read_rows, source_of
    from flowops.documents.variables import merge_vars, parse_var, read_var_file
else:
    __getattr__ = attach(
        __name__,
        {
            "discovery": "Workspace discover",
            "files": "Disk Entry Files Unreadable",
            "flows": "resolve_flow resolve_flows",
            "header": "API_VERSION Kind",
            "project": "PROJECT_FILE ProjectFile find_project open_disk resolve",
            "reader": "Reader",
            "rows": "count_lines read_batches read_data read_rows source_of",
            "variables": "merge_vars parse_var read_var_file",
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
