"""What authors of plug-ins import; a plug-in is a file of the house that lives elsewhere.

There are three kinds, each with a group of entry points:

* `flowops.filters`: the name of a filter of templates, and a function that `template_filter` has made one of;
* `flowops.sources`: the suffix of a file (``.ini``) and a class of `FileRows`, or the scheme of the address of a
  database (``mysql``) and a class of `QueryRows`; `read` yields the rows;
* `flowops.rules`: a key of a policy, and a class that is a `Setting` and yields `Rule`s.

Nothing of a plug-in is imported unless FLOWOPS_PLUGINS names its distribution. `flowops.plugins.testing` has what a
plug-in is held against. These names are stable; what stands behind other names of flowops is not.
"""

from flowops.documents.row_source import BATCH_ROWS, FileRows, QueryRows, RowsError, RowSource, batches_of
from flowops.model.document import Batch
from flowops.policy.reading import PolicyReader
from flowops.policy.rule import Block, CallContext, Defer, Finding, Rule, Setting, span_schema
from flowops.templates.filters.table import Function, require_count, require_flag, require_list, require_text
from flowops.templates.filters.table import template_filter as template_filter
from flowops.templates.problems import TemplateError

__all__ = [
    "BATCH_ROWS",
    "Batch",
    "Block",
    "CallContext",
    "Defer",
    "FileRows",
    "Finding",
    "Function",
    "PolicyReader",
    "QueryRows",
    "RowSource",
    "RowsError",
    "Rule",
    "Setting",
    "TemplateError",
    "batches_of",
    "require_count",
    "require_flag",
    "require_list",
    "require_text",
    "span_schema",
    "template_filter",
]
