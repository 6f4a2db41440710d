"""The functions that a query may use: those that give the same for the same rows, and reach for nothing else.

They are listed, and not taken from DuckDB's catalog, so that a newer DuckDB cannot bring one along that tells the time.
Its operators are all among the ones that are taken.
"""

from __future__ import annotations

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
    array_aggr array_aggregate array_append array_apply array_cat array_concat array_contains array_distinct
    array_extract array_filter array_has array_has_all array_has_any array_indexof array_intersect array_length
    array_position array_prepend array_reduce array_reverse array_reverse_sort array_select array_slice
    array_sort array_to_string array_transform array_unique array_value array_where array_zip apply cardinality
    element_at filter flatten from_json json json_array json_array_length json_contains json_exists json_extract
    json_extract_path json_extract_path_text json_extract_string json_keys json_merge_patch json_object
    json_quote json_type json_valid json_value list_aggr list_aggregate list_any_value list_append list_apply
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
_WORDS = """
    current_catalog current_date current_localtime current_localtimestamp current_role current_schema current_time
    current_timestamp current_user localtime localtimestamp session_user user
"""
MOMENTS = frozenset(_WORDS.split())
