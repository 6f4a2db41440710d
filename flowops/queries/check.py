"""What SQL a query may be: one SELECT, with functions that give the same for the same rows and reach for nothing else.

The functions are listed, and not taken from DuckDB's catalog, so that a newer DuckDB cannot bring one along that tells
the time. Its operators are all among the ones that are taken.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from flowops.common.patterns import regex
from flowops.queries.limits import QueryRefused

if TYPE_CHECKING:
    from collections.abc import Iterator

    from duckdb import DuckDBPyConnection

_TEXT = """
    ascii bar base64 bin bit_length char_length character_length chr concat concat_ws contains
    damerau_levenshtein ends_with format from_base64 from_hex hamming hex instr jaccard jaro_similarity
    jaro_winkler_similarity lcase left left_grapheme len length length_grapheme levenshtein like_escape
    ilike_escape not_like_escape not_ilike_escape lower lpad ltrim md5 nfc_normalize octet_length ord
    parse_filename parse_dirname parse_path position prefix printf regexp_escape regexp_extract
    regexp_extract_all regexp_full_match regexp_matches regexp_replace regexp_split_to_array repeat replace
    reverse right right_grapheme rpad rtrim sha1 sha256 split split_part starts_with str_split str_split_regex
    string_split string_split_regex string_to_array strip_accents strlen strpos substr substring
    substring_grapheme suffix to_base to_base64 to_hex translate trim ucase unhex unicode upper url_decode
    url_encode
"""
_NUMBERS = """
    abs acos asin atan atan2 cbrt ceil ceiling cos cot degrees even exp factorial fdiv floor fmod gcd greatest
    isfinite isinf isnan lcm least ln log log10 log2 mod pi pow power radians round round_even sign sin sqrt tan
    trunc xor bit_count add subtract multiply divide
"""
_TIMES = """
    century date_add date_diff date_part date_sub date_trunc datediff datepart datesub datetrunc day dayname
    dayofmonth dayofweek dayofyear days_in_month decade epoch epoch_ms epoch_ns epoch_us era hour isodow isoyear
    julian last_day make_date make_time make_timestamp make_timestamp_ms make_timestamp_ns make_timestamptz
    microsecond millennium millisecond minute month monthname quarter second strftime strptime time_bucket
    timezone timezone_hour timezone_minute to_centuries to_days to_decades to_hours to_microseconds
    to_milliseconds to_minutes to_months to_quarters to_seconds to_timestamp to_weeks to_years try_strptime week
    weekday weekofyear year yearweek
"""
_CONDITIONS = "if nullif typeof count_star"
_NESTED = """
    array_append array_apply array_cat array_concat array_contains array_distinct
    array_extract array_filter array_has array_has_all array_has_any array_indexof array_intersect array_length
    array_position array_prepend array_reduce array_reverse array_reverse_sort array_select array_slice
    array_sort array_to_string array_transform array_unique array_value array_where array_zip apply cardinality
    element_at filter flatten from_json json json_array json_array_length json_contains json_exists json_extract
    json_extract_path json_extract_path_text json_extract_string json_keys json_merge_patch json_object
    json_quote json_type json_valid json_value list_any_value list_append list_apply
    list_avg list_cat list_concat list_contains list_count list_distinct list_element list_extract list_filter
    list_first list_has list_has_all list_has_any list_indexof list_intersect list_last list_max list_min
    list_pack list_position list_prepend list_reduce list_resize list_reverse list_reverse_sort list_select
    list_slice list_sort list_string_agg list_sum list_transform list_unique list_value list_where list_zip map
    map_concat map_contains map_entries map_extract map_extract_value map_from_entries map_keys map_values range
    generate_series reduce row row_to_json struct_concat struct_extract struct_extract_at struct_insert
    struct_keys struct_pack struct_update struct_values to_json array_to_json unnest unpivot_list
"""
_AGGREGATES = """
    any_value arbitrary arg_max arg_max_null arg_min arg_min_null array_agg avg bit_and bit_or bit_xor bool_and
    bool_or corr count count_if countif covar_pop covar_samp entropy favg first fsum geomean group_concat
    histogram json_group_array json_group_object kahan_sum kurtosis last list listagg mad max max_by mean median
    min min_by mode product quantile quantile_cont quantile_disc regr_avgx regr_avgy regr_count regr_intercept
    regr_r2 regr_slope regr_sxx regr_sxy regr_syy sem skewness stddev stddev_pop stddev_samp string_agg sum
    sumkahan var_pop var_samp variance wavg weighted_avg
"""
_WINDOWS = """
    cume_dist dense_rank fill first_value lag last_value lead nth_value ntile percent_rank rank rank_dense
    row_number
"""
FUNCTIONS = frozenset(
    name for names in (_TEXT, _NUMBERS, _TIMES, _CONDITIONS, _NESTED, _AGGREGATES, _WINDOWS) for name in names.split()
)
#: Words that SQL takes for a function without brackets, all of which tell the time or who asks.
_MOMENTS = """
    current_catalog current_date current_localtime current_localtimestamp current_role current_schema current_time
    current_timestamp current_user localtime localtimestamp session_user user
"""
MOMENTS = frozenset(_MOMENTS.split())


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
_SYMBOL = regex(r"[^a-z0-9_]+")


def tables(connection: DuckDBPyConnection, sql: str) -> list[str]:
    """Return the files that a query reads, by the names it has for them. Raises QueryRefused."""
    statement = _statement(connection, sql)
    query = statement["node"]
    if not any(modifier["type"] == "ORDER_MODIFIER" for modifier in query["modifiers"]):
        hint = "end it with 'order by …': the order of the rows is the order of the calls"
        raise QueryRefused("the query says nothing of the order of its rows", hint)
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
            raise QueryRefused(f"this is not SQL: {parsed['error_message']}")
        raise QueryRefused("a query is one SELECT: it can only read")
    if len(parsed["statements"]) != 1:
        raise QueryRefused("a query is one SELECT: it can only read")
    statement: Node = parsed["statements"][0]
    return statement


def _nodes(tree: Any) -> Iterator[Node]:
    """Yield every mapping in the tree; without recursion, because the tree is as deep as its author wants it."""
    left = [tree]
    while left:
        node = left.pop()
        if isinstance(node, dict):
            yield node
            left += node.values()
        elif isinstance(node, list):
            left += node


def _allow(node: Node) -> None:
    """Let a node pass. Raises QueryRefused."""
    kind = node.get("type")
    if "class" in node:
        if node["class"] == "PARAMETER":
            raise QueryRefused("there is nothing that could be given for a parameter: write values, or use where:")
        if node["class"] not in _EXPRESSIONS:
            raise QueryRefused(f"a query cannot have an expression of the kind {node['class']}")
        if node["class"] == "COLUMN_REF":
            _allow_column(node)
        elif "function_name" in node:
            _allow_function(node)
    elif isinstance(kind, str) and kind not in _KNOWN:
        raise QueryRefused(f"a query cannot have {_WORDS.get(kind, kind)}")
    if node.get("sample") is not None:
        raise QueryRefused("a sample is another one each time: leave TABLESAMPLE out")
    if node.get("at_clause") is not None:
        raise QueryRefused("a query cannot have AT: a file has no versions")
    if kind == "TABLE_FUNCTION":
        name = node["function"].get("function_name", "")
        if name not in _OF_VALUES:
            hint = "name a file in quotes, such as from 'appointments.parquet'"
            raise QueryRefused(f"{name}() cannot be used as a table", hint)


def _allow_column(node: Node) -> None:
    names = node["column_names"]
    if len(names) == 1 and names[0].lower() in MOMENTS:
        raise QueryRefused(f"{names[0]} is not the same each time", "give the time as a value, or take it from a file")


def _allow_function(node: Node) -> None:
    name = node["function_name"].lower()
    path = node.get("qualified_name", {}).get("path", [name])
    if len(path) != 1 or node.get("schema") or node.get("catalog"):
        raise QueryRefused(f"{'.'.join(path)}() has to be called by its own name alone")
    if name not in FUNCTIONS and not (node.get("is_operator") and _SYMBOL.fullmatch(name)):
        hint = "a query takes functions that give the same for the same rows; docs/data.md lists them"
        raise QueryRefused(f"there is no function {name}() for queries", hint)


def _file(node: Node) -> str:
    name: str = node["table_name"]
    if node["schema_name"] or node["catalog_name"] or len(node.get("qualified_name", {}).get("path", [name])) != 1:
        raise QueryRefused(f"a table has one name, that of a file: '{name}' has a schema in front of it")
    if not name.lower().endswith(SUFFIXES):
        hint = "name a .csv, .jsonl or .parquet file in quotes, such as from 'appointments.parquet'"
        raise QueryRefused(f"there is no table '{name}'", hint)
    return name
