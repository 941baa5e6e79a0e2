//! Names of tables and columns as a statement has to write them.

use crate::template::Dialect;

/// A name as a statement writes it: in quotes where the database would fold it, or take it for a word of SQL.
pub fn identifier(name: &str, dialect: Dialect) -> String {
    let quote = if dialect == Dialect::Mysql { '`' } else { '"' };
    // Without quotes PostgreSQL takes all letters for small ones, and Snowflake for large ones.
    let fits = |char: char| match char {
        'a'..='z' => dialect != Dialect::Snowflake,
        'A'..='Z' => dialect != Dialect::Postgres,
        char => char == '_' || char.is_ascii_digit(),
    };
    let begins = name.starts_with(|char: char| fits(char) && !char.is_ascii_digit());
    if begins && name.chars().all(fits) && !is_reserved(name) {
        return name.to_owned();
    }
    format!("{quote}{}{quote}", name.replace(quote, &format!("{quote}{quote}")))
}

fn is_reserved(name: &str) -> bool {
    RESERVED.split_ascii_whitespace().any(|word| word.eq_ignore_ascii_case(name))
}

/// Words that PostgreSQL, MySQL, MariaDB or SQLite takes for its own where a column might stand.
const RESERVED: &str = "\
    accessible add all alter analyse analyze and any array as asc asensitive asymmetric authorization autoincrement \
    before between bigint binary blob both by call cascade case cast change char character check collate collation \
    column commit concurrently condition constraint continue convert create cross cube cume_dist current_catalog \
    current_date current_role current_schema current_time current_timestamp current_user cursor databases day_hour \
    day_microsecond day_minute day_second dec decimal declare default deferrable delayed delete delete_domain_id \
    dense_rank desc describe deterministic distinct distinctrow div do do_domain_ids double drop dual each else \
    elseif empty enclosed end escape escaped except exists exit explain false fetch first_value float for force \
    foreign freeze from full fulltext function generated get grant group grouping groups having high_priority \
    hour_microsecond hour_minute hour_second if ignore ignore_domain_ids ilike in index infile initially inner inout \
    insensitive insert int integer intersect interval into is isnull iterate join json_table key keys kill lag \
    last_value lateral lead leading leave left like limit linear lines load localtime localtimestamp lock long \
    longblob longtext loop low_priority manual master_demote_to_replica master_demote_to_slave \
    master_ssl_verify_server_cert match maxvalue mediumblob mediumint mediumtext member middleint minute_microsecond \
    minute_second mod modifies natural no_write_to_binlog not nothing notnull nth_value ntile null numeric of offset \
    on only optimize optimizer_costs option optionally or order out outer outfile over overlaps page_checksum \
    parallel parse_vcol_expr partition percent_rank placing portion precision primary procedure purge qualify raise \
    range rank read read_write reads real recursive ref_system_id references regexp release rename repeat replace \
    require resignal restrict return returning revoke right rlike row row_number rows schemas second_microsecond \
    select sensitive separator session_user set show signal similar smallint some spatial specific sql \
    sql_big_result sql_calc_found_rows sql_small_result sqlexception sqlstate sqlwarning ssl starting \
    stats_auto_recalc stats_persistent stats_sample_pages stored straight_join symmetric system table tablesample \
    terminated then tinyblob tinyint tinytext to trailing transaction trigger true undo union unique unlock unsigned \
    update usage use user using utc_date utc_time utc_timestamp values varbinary varchar varcharacter variadic \
    varying verbose virtual when where while window with write xor year_month zerofill";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_quoted_where_the_database_would_take_it_for_something_else() {
        let check = |name, dialect, expected| assert_eq!(identifier(name, dialect), expected);
        check("email", Dialect::Postgres, "email");
        check("Email", Dialect::Postgres, "\"Email\"");
        check("Email", Dialect::Sqlite, "Email");
        check("order", Dialect::Sqlite, "\"order\"");
        check("Order", Dialect::Mysql, "`Order`");
        check("a`b", Dialect::Mysql, "`a``b`");
        check("EMAIL", Dialect::Snowflake, "EMAIL");
        check("email", Dialect::Snowflake, "\"email\"");
        check("ORDER", Dialect::Snowflake, "\"ORDER\"");
        check("2nd", Dialect::Postgres, "\"2nd\"");
        check("größe", Dialect::Postgres, "\"größe\"");
        check("a\"b", Dialect::Sqlite, "\"a\"\"b\"");
    }
}
