//! The numbers of PostgreSQL's own types, the same in every database (`pg_type.dat`), and the names of extensions' types.

macro_rules! oids {
    ($($name:ident = $number:literal),+ $(,)?) => { $( pub(super) const $name: u32 = $number; )+ };
}

oids! {
    BOOL = 16, BYTEA = 17, CHAR = 18, NAME = 19, INT8 = 20, INT2 = 21, INT2VECTOR = 22, INT4 = 23, TEXT = 25, OID = 26,
    TID = 27, XID = 28, CID = 29, OIDVECTOR = 30, JSON = 114, XML = 142, POINT = 600, LSEG = 601, PATH = 602, BOX = 603,
    POLYGON = 604, LINE = 628, CIDR = 650, FLOAT4 = 700, FLOAT8 = 701, UNKNOWN = 705, CIRCLE = 718, MACADDR8 = 774,
    MONEY = 790, MACADDR = 829, INET = 869, BPCHAR = 1042, VARCHAR = 1043, DATE = 1082, TIME = 1083, TIMESTAMP = 1114,
    TIMESTAMPTZ = 1184, INTERVAL = 1186, TIMETZ = 1266, BIT = 1560, VARBIT = 1562, NUMERIC = 1700, REFCURSOR = 1790,
    RECORD = 2249, CSTRING = 2275, VOID = 2278, RECORD_ARRAY = 2287, UUID = 2950, PG_LSN = 3220, TSVECTOR = 3614,
    TSQUERY = 3615, JSONB = 3802, JSONPATH = 4072, XID8 = 5069,
}

oids! {
    BOOL_ARRAY = 1000, INT8_ARRAY = 1016, TEXT_ARRAY = 1009, FLOAT8_ARRAY = 1022, NUMERIC_ARRAY = 1231, DATE_ARRAY = 1182,
    TIME_ARRAY = 1183, TIMESTAMPTZ_ARRAY = 1185, UUID_ARRAY = 2951, JSON_ARRAY = 199, INT4_ARRAY = 1007, TIMESTAMP_ARRAY = 1115, JSONB_ARRAY = 3807,
}

/// The name of an extension's type without the schema that it is in.
pub(super) fn extension(name: &str) -> Option<&str> {
    name.rsplit('.').next()
}
