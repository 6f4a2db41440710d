"""What a query may say: an allow-list over its syntax tree, as templates have one over theirs.

DuckDB is locked up besides (`flowops.queries.database`). This list is what keeps a query pure, the same rows from the
same files, and it says in the user's words what DuckDB would refuse in its own.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from flowops.queries.functions import FUNCTIONS, MOMENTS
from flowops.queries.refusal import Refused

if TYPE_CHECKING:
    from collections.abc import Iterator

    from duckdb import DuckDBPyConnection

Node = dict[str, Any]

SUFFIXES = (".csv", ".jsonl", ".parquet")
#: The nodes of DuckDB's syntax tree that are no expressions: queries, what stands behind FROM, what is done to rows.
_QUERIES = {"SELECT_NODE", "SET_OPERATION_NODE", "CTE_NODE"}
_TABLES = {"BASE_TABLE", "JOIN", "SUBQUERY", "EMPTY", "EXPRESSION_LIST", "PIVOT", "TABLE_FUNCTION", "COLUMN_DATA"}
_MODIFIERS = {"ORDER_MODIFIER", "LIMIT_MODIFIER", "LIMIT_PERCENT_MODIFIER", "DISTINCT_MODIFIER"}
_ORDERS = {"ORDER_DEFAULT", "ASCENDING", "DESCENDING"}
_KNOWN = _QUERIES | _TABLES | _MODIFIERS | _ORDERS
_WORDS = {"RECURSIVE_CTE_NODE": "a recursive WITH", "SHOW_REF": "SHOW and DESCRIBE"}
_EXPRESSIONS = {
    "BETWEEN", "CASE", "CAST", "COLLATE", "COLUMN_REF", "COMPARISON", "CONJUNCTION", "CONSTANT", "FUNCTION", "LAMBDA",
    "LAMBDA_REF", "OPERATOR", "POSITIONAL_REFERENCE", "STAR", "SUBQUERY", "TYPE", "WINDOW",
}  # fmt: skip
#: Of the functions that give tables, the ones that make them of values.
_OF_VALUES = {"unnest"}
_SYMBOL = re.compile(r"[^a-z0-9_]+")


def tables(connection: DuckDBPyConnection, sql: str) -> list[str]:
    """The files that a query reads, by the names it has for them. Raises Refused."""
    statement = _statement(connection, sql)
    query = statement["node"]
    if not any(modifier["type"] == "ORDER_MODIFIER" for modifier in query["modifiers"]):
        hint = "end it with 'order by …': the order of the rows is the order of the calls"
        raise Refused("the query says nothing of the order of its rows", hint)
    nodes = list(_nodes(query))
    named = {entry["key"] for node in nodes for entry in node.get("cte_map", {}).get("map", ())}
    found = set()
    for node in nodes:
        _allow(node)
        if node.get("type") == "BASE_TABLE" and node["table_name"] not in named:
            found.add(_file(node))
    return sorted(found)


def _statement(connection: DuckDBPyConnection, sql: str) -> Node:
    row = connection.execute("select json_serialize_sql(?)", [sql]).fetchone()
    assert row is not None
    parsed = json.loads(row[0])
    if parsed["error"]:
        if parsed["error_type"] == "parser":
            raise Refused(f"this is not SQL: {parsed['error_message']}")
        raise Refused("a query is one SELECT: it can only read")
    if len(parsed["statements"]) != 1:
        raise Refused("a query is one SELECT: it can only read")
    statement: Node = parsed["statements"][0]
    return statement


def _nodes(tree: Any) -> Iterator[Node]:
    """Every mapping in the tree; without recursion, because the tree is as deep as its author wants it."""
    left = [tree]
    while left:
        node = left.pop()
        if isinstance(node, dict):
            yield node
            left += node.values()
        elif isinstance(node, list):
            left += node


def _allow(node: Node) -> None:
    """Let a node pass. Raises Refused."""
    kind = node.get("type")
    if "class" in node:
        if node["class"] == "PARAMETER":
            raise Refused("there is nothing that could be given for a parameter: write values, or use where:")
        if node["class"] not in _EXPRESSIONS:
            raise Refused(f"a query cannot have an expression of the kind {node['class']}")
        if node["class"] == "COLUMN_REF":
            _allow_column(node)
        elif "function_name" in node:
            _allow_function(node)
    elif isinstance(kind, str) and kind not in _KNOWN:
        raise Refused(f"a query cannot have {_WORDS.get(kind, kind)}")
    if node.get("sample") is not None:
        raise Refused("a sample is another one each time: leave TABLESAMPLE out")
    if node.get("at_clause") is not None:
        raise Refused("a query cannot have AT: a file has no versions")
    if kind == "TABLE_FUNCTION":
        name = node["function"].get("function_name", "")
        if name not in _OF_VALUES:
            hint = "name a file in quotes, such as from 'appointments.parquet'"
            raise Refused(f"{name}() cannot stand where a table stands", hint)


def _allow_column(node: Node) -> None:
    names = node["column_names"]
    if len(names) == 1 and names[0].lower() in MOMENTS:
        raise Refused(f"{names[0]} is not the same each time", "give the time as a value, or take it from a file")


def _allow_function(node: Node) -> None:
    name = node["function_name"].lower()
    path = node.get("qualified_name", {}).get("path", [name])
    if len(path) != 1 or node.get("schema") or node.get("catalog"):
        raise Refused(f"{'.'.join(path)}() has to be called by its own name alone")
    if name not in FUNCTIONS and not (node.get("is_operator") and _SYMBOL.fullmatch(name)):
        hint = "a query takes functions that give the same for the same rows; docs/data.md lists them"
        raise Refused(f"there is no function {name}() for queries", hint)


def _file(node: Node) -> str:
    name: str = node["table_name"]
    if node["schema_name"] or node["catalog_name"] or len(node.get("qualified_name", {}).get("path", [name])) != 1:
        raise Refused(f"a table has one name, that of a file: '{name}' has a schema in front of it")
    if not name.lower().endswith(SUFFIXES):
        hint = "name a .csv, .jsonl or .parquet file in quotes, such as from 'appointments.parquet'"
        raise Refused(f"there is no table '{name}'", hint)
    return name
