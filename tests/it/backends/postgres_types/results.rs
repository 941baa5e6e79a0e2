//! Results, value by value.

use super::Types;

/// A type, and texts that PostgreSQL reads as values of it, separated by blanks.
const WORDS: &[(&str, &str)] = &[
    ("bool", "true false"),
    ("int2", "0 1 -1 32767 -32768"),
    ("int4", "0 -1 2147483647 -2147483648"),
    ("int8", "0 -1 9007199254740993 9223372036854775807 -9223372036854775808"),
    (
        "numeric",
        "0 0.00 -0.00 1 -1 1.10 10000 9999 10001.0001 100000000 0.0001 0.00001 0.10001 123456789012345678901234567890.12345 \
         -12345.6789 1e20 1e-20 5e-5 NaN Infinity -Infinity 99999999.9999 1000000000000.000000000001 12.3400",
    ),
    ("numeric(10,3)", "1 1.5 -0.001 1234567.891"),
    (
        "float8",
        "0 -0 1 -1.5 0.1 0.0001 0.00001 1e14 1e15 123456789012345 1234567890123456 1e300 -1e-300 5e-324 \
         1.7976931348623157e308 NaN Infinity -Infinity 3.141592653589793 1e23 9007199254740993 100000 0.3 2.2250738585072014e-308 \
         9.5367431640625e-07 4.35 8.41e21 9.5e-3",
    ),
    (
        "float4",
        "0 -0 1 0.1 100000 1000000 123456 1234567 1e-4 1e-5 3.4028235e38 1e-45 NaN Infinity -Infinity 16777216 8.5e9",
    ),
    ("money", "0 12.34 -12.34 1234567.89 0.05 -1000 92233720368547758.07"),
    ("uuid", "67e55044-10b1-426f-9247-bb680e5fe0c8 00000000-0000-0000-0000-000000000000"),
    ("oid", "0 1 4294967295"),
    ("xid", "0 4294967295"),
    ("cid", "7"),
    ("xid8", "18446744073709551615"),
    ("tid", "(0,1) (4294967295,65535)"),
    ("pg_lsn", "0/0 16/B374D848 FFFFFFFF/FFFFFFFF"),
    (
        "date",
        "2024-02-29 2000-01-01 1999-12-31 1970-01-01 0001-01-01 9999-12-31 10000-01-01 99999-06-30 5874897-12-31 infinity -infinity 1582-10-15 1900-02-28",
    ),
    ("time", "00:00 03:04:05.123 23:59:59.999999 24:00 00:00:00.000001 12:00:00.100"),
    ("timetz", "03:04:05+02 03:04:05.5-05:30 00:00+00 23:59:59.999999+14 24:00-01:02:03 12:00-00:30"),
    (
        "timestamp",
        "2024-02-29T03:04:05.123456 2000-01-01T00:00 1999-12-31T23:59:59.999999 0001-01-01T00:00 9999-12-31T23:59:59 \
         12345-01-01T01:02:03.4 294276-12-31T23:59:59.999999 infinity -infinity 1969-12-31T23:59:59.5",
    ),
    (
        "timestamptz",
        "2024-02-29T03:04:05.123456+02 2000-01-01T00:00+00 12345-01-01T01:02:03.4+00 294276-12-31T23:59:59.999999+00 \
         infinity -infinity 2024-06-01T12:00-11:30",
    ),
    (
        "inet",
        "192.168.0.1 192.168.0.1/24 0.0.0.0/0 255.255.255.255/32 ::1 :: ::/0 2001:db8::1/64 2001:db8:0:0:1::1 ::ffff:1.2.3.4 ::1.2.3.4 1:2:3:4:5:6:7:8 1:0:0:2:0:0:0:3 fe80::1:0:0:1 1:2:3:4:5:6:0:0 0:0:1:2:3:4:5:6 1:0:2:0:3:0:4:0 ::1:2 ::ffff:0:0",
    ),
    ("cidr", "10.0.0.0/8 192.168.0.1/32 2001:db8::/32 ::1/128 0.0.0.0/0"),
    ("macaddr", "08:00:2b:01:02:03 ff:ff:ff:ff:ff:ff"),
    ("macaddr8", "08:00:2b:01:02:03:04:05"),
    ("bit(1)", "0 1"),
    ("bit(11)", "10110000111 00000000000"),
    ("varbit", "1 101 1011000011110000 00000000"),
    ("point", "(1.5,-2) (0,-0) (1e300,Infinity) (NaN,0.1)"),
    ("line", "{1,-1,0.5}"),
    ("lseg", "[(1,2),(3,4)]"),
    ("box", "(3,4),(1,2)"),
    ("path", "[(1,2),(3,4)] ((1,2),(3,4),(5,6.5))"),
    ("polygon", "((1,2),(3,4),(5,6.5))"),
    ("circle", "<(1,2),3.5>"),
    ("int4range", "[1,5) empty (,) [3,) (,7] [1,1]"),
    ("int8range", "[1,9223372036854775807)"),
    ("numrange", "[1.10,2.500] (NaN,) [-Infinity,Infinity] (0,0]"),
    ("daterange", "[2024-01-01,2024-02-29] [-infinity,) [,infinity]"),
    ("floats", "[0.1,1e300) (1e-7,NaN]"),
    ("networks", "[10.0.0.1,10.0.0.9) [::1,::2]"),
    ("mood", "sad Happy"),
    ("amount", "12.5 0"),
    ("ltree", "a.b.c top"),
    ("lquery", "a.*.c{1,2}"),
    ("int2vector", "1"),
    ("jsonpath", "$.a[*]?(@>1)"),
    ("name", "a_name"),
    ("citext", "CamelCase ünï"),
    ("\"char\"", "a Z"),
    ("refcursor", "cur"),
];

/// Expressions.
const EXPRESSIONS: &[&str] = &[
    "NULL::int4",
    "NULL::text",
    "NULL::int4[]",
    "NULL::crm.pair",
    "''::text",
    r#"E'quo"te \\ back \n\t\r\b\f slash / \u0001 \u007f \u00e9 \U0001F980'::text"#,
    "'ab'::char(4)",
    "''::char(3)",
    "'ab  '::varchar(10)",
    "''::\"char\"",
    r"'\xdeadBEEF00'::bytea",
    "''::bytea",
    "'0044-03-15 BC'::date",
    "'0001-12-31 BC'::date",
    "'4713-01-01 BC'::date",
    "'0044-03-15 12:00:00.5 BC'::timestamp",
    "'4713-01-01 00:00:00 BC'::timestamp",
    "'0044-03-15 12:00:00 BC'::timestamptz",
    "'0001-01-01 00:00:00+02'::timestamptz",
    "'1 year 2 mons 3 days 04:05:06'::interval",
    "'0'::interval",
    "'-1 year'::interval",
    "'-1 year 2 mons'::interval",
    "'1 year -2 mons +3 days -04:05:06.789'::interval",
    "'-1 day 02:00'::interval",
    "'1 day -00:00:00.000001'::interval",
    "'25 months'::interval",
    "'-25 months'::interval",
    "'1000 hours'::interval",
    "'1 mon'::interval",
    "'1 day'::interval",
    "'2 days -1 second'::interval",
    "'178000000 years'::interval",
    "'-178000000 years'::interval",
    "'2562047788:00:54.775807'::interval",
    "'[2024-01-01 00:00,2024-01-02 12:30:00.5)'::tsrange",
    "'[2024-01-01 00:00+02,infinity)'::tstzrange",
    "'(0044-03-15 12:00:00 BC,2024-01-01 00:00]'::tsrange",
    "texts('a', 'b')",
    "texts('', 'x y')",
    r#"texts(E'a"b\\c', 'd(e)[f],g')"#,
    "texts(NULL, E'tab\\t')",
    "'192.168.1.0/24'::cidr::inet",
    "''::varbit",
    r#"'{"a": 1, "b": [1.10, 1e3, 12345678901234567890.123456789012345678901234567890], "c": {"d": null}}'::json"#,
    "'1.10'::json",
    "'\"text\"'::json",
    "'null'::json",
    "'null'::jsonb",
    r#"'{"b": 1.10, "a": [true, null, "ü"]}'::jsonb"#,
    "'[]'::jsonb",
    "'12345678901234567890.10'::jsonb",
    "'<a b=\"c\">ü<d/></a>'::xml",
    "'<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?><a/>'::xml",
    "'text'::xml",
    "'{}'::int4[]",
    "'{1,NULL,3}'::int4[]",
    "'{{1,2},{3,4}}'::int4[]",
    "'{{{1,2},{3,4}},{{5,6},{7,NULL}}}'::int8[]",
    "'[5:6]={1,2}'::int4[]",
    "'[0:1][2:3]={{1,2},{3,4}}'::int4[]",
    "'{true,false,NULL}'::bool[]",
    "'{1,-1}'::int2[]",
    "'{1.10,NaN,NULL,Infinity}'::numeric[]",
    "'{0.1,1e300,NaN}'::float8[]",
    "'{0.1,1e10}'::float4[]",
    r#"'{"a b",NULL,"NULL","q\"u","",ü}'::text[]"#,
    "'{a,b}'::varchar(3)[]",
    "'{a,b}'::char(3)[]",
    "'{2024-02-29,infinity}'::date[]",
    "'{03:04:05.5}'::time[]",
    "'{03:04:05.5+02}'::timetz[]",
    "'{2024-02-29 03:04:05.5,infinity}'::timestamp[]",
    "'{2024-02-29 03:04:05.5+02}'::timestamptz[]",
    "'{1 day,-2 mons}'::interval[]",
    "'{67e55044-10b1-426f-9247-bb680e5fe0c8}'::uuid[]",
    r#"ARRAY['{"a":1}', 'null', NULL]::json[]"#,
    r#"ARRAY['{"a":1}', '[1]']::jsonb[]"#,
    r"ARRAY['\xde', '\xad']::bytea[]",
    "'{10.0.0.1,::1/64}'::inet[]",
    "'{10.0.0.0/8}'::cidr[]",
    "'{08:00:2b:01:02:03}'::macaddr[]",
    "ARRAY['101', '1']::varbit[]",
    "ARRAY['(1,2)', '(3,4)']::point[]",
    "'{(1,2),(0,0);(3,4),(1,1)}'::box[]",
    "'{\"[1,5)\",empty}'::int4range[]",
    "'{sad,Happy,NULL}'::mood[]",
    "'{1.5,2}'::amount[]",
    "'{1,2}'::oid[]",
    "ARRAY['a'::name]",
    "ARRAY['Ab'::citext]",
    "ARRAY['a.b'::ltree]",
    "'{12.34,-5}'::money[]",
    "ARRAY['cat & dog'::tsquery]",
    "ARRAY['a:1'::tsvector]",
    "'{a,b}'::tags",
    "ARRAY[ROW(1, 'a')::crm.pair, NULL, ROW(NULL, NULL)::crm.pair]",
    "ROW(1, 'it''s \"x\"')::crm.pair",
    "ROW(NULL, NULL)::crm.pair",
    r#"ROW(9223372036854775807, ROW(1, 'x'), '{sad,Happy}', 1.5, '2024-01-01 00:00+02', '{"k": 1.10}')::nested"#,
    "ROW(1, NULL, NULL, NULL, NULL, NULL)::nested",
    "ROW(1, 2)::gone",
    "ARRAY[ARRAY[ROW(1, 'a')::crm.pair], ARRAY[ROW(2, 'b')::crm.pair]]",
    "'a=>1, b=>NULL, \"q\\\"k\"=>\"x y\"'::hstore",
    "''::hstore",
    "ARRAY['a=>1'::hstore]",
    "'1 2 3'::int2vector",
    "''::int2vector",
    "'1 4294967295'::oidvector",
    "'it''s a \\\\ fat:1A,3B cat:2,4C,5D'::tsvector",
    "''::tsvector",
    "to_tsvector('english', 'The quick brown foxes jumped over the lazy dogs, twice')",
    "'cat'::tsquery",
    "''::tsquery",
    "'cat & dog | !bird'::tsquery",
    "'(cat | dog) & !(bird | fish)'::tsquery",
    "'!!cat'::tsquery",
    "'cat <-> dog <3> bird'::tsquery",
    "'cat <-> (dog <-> bird)'::tsquery",
    "'(cat & dog) <-> bird'::tsquery",
    "'cat:*AB & ''it''''s'':CD'::tsquery",
    "'a & b & c | d | e & f'::tsquery",
    "'a | (b & (c | d))'::tsquery",
    "'!(a <-> b)'::tsquery",
    "'(!a) <-> b'::tsquery",
    "pg_sleep(0)",
    "current_schema()",
    "'a & b*'::ltxtquery",
    "1 / 3.0",
    "sqrt(2)",
    "sqrt(2)::float4",
    "1e16::float8 + 1",
    "count(*)",
    "sum(1)",
    "avg(2)",
    "array_agg(1)",
    "json_agg(1)",
    "'pg_catalog'::name",
];

fn expressions() -> Vec<String> {
    let of_type = |(ty, words): &(&str, &str)| {
        words.split_ascii_whitespace().map(|word| format!("'{word}'::{ty}")).collect::<Vec<_>>()
    };
    WORDS.iter().flat_map(of_type).chain(EXPRESSIONS.iter().map(|sql| (*sql).to_owned())).collect()
}

#[tokio::test]
async fn every_type_is_rendered_as_to_json_does() {
    let Some(types) = Types::new() else { return };
    let expressions = expressions();
    assert!(expressions.len() > 300, "only {} values", expressions.len());
    types.compare(&expressions).await;
}

/// Whatever has an element may be null, empty, alone or among others, and nested.
#[tokio::test]
async fn every_type_is_rendered_inside_of_others_as_to_json_does() {
    let Some(types) = Types::new() else { return };
    let mut expressions = Vec::new();
    for (ty, words) in WORDS.iter().filter(|(ty, _)| !ty.contains('(')) {
        let values: Vec<String> = words.split_ascii_whitespace().map(|word| format!("'{word}'::{ty}")).collect();
        let all = values.join(", ");
        let first = &values[0];
        expressions.push(format!("ARRAY[{all}, NULL]"));
        expressions.push(format!("ARRAY[ARRAY[{first}, NULL], ARRAY[{first}, {first}]]"));
        expressions.push(format!("(ARRAY[{first}])[1:0]"));
    }
    types.compare(&expressions).await;
}
