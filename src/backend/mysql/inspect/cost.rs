//! The cost of a plan, where the server tells it: MySQL and MariaDB 11 in the plan itself, older MariaDB only as the cost of
//! the last query, which holds for a query without others in it.

use serde_json::Value as Json;

/// The cost of a plan; `last` is `Last_query_cost`. `None` where the server gives none.
pub(super) fn of(plan: &Json, last: Option<f64>) -> Option<f64> {
    let block = plan.get("query_block")?;
    if let Some(union) = block.pointer("/union_result/query_specifications").and_then(Json::as_array) {
        return union.iter().map(|part| told(part.get("query_block")?)).sum();
    }
    if let Some(cost) = told(block) {
        return Some(cost);
    }
    if blocks(plan) > 1 {
        return None;
    }
    match last {
        Some(cost) if cost > 0.0 => Some(cost),
        // Rows that are found by a whole key while the plan is made, or a condition that no row can meet.
        Some(_) if only_constant(block) => Some(0.0),
        _ => None,
    }
}

/// MySQL writes a cost as a text, MariaDB 11 as a number.
fn told(block: &Json) -> Option<f64> {
    match block.pointer("/cost_info/query_cost").or_else(|| block.get("cost"))? {
        Json::String(text) => text.parse().ok(),
        cost => cost.as_f64(),
    }
}

/// How many queries a plan has, those within others included.
fn blocks(plan: &Json) -> usize {
    match plan {
        Json::Object(members) => members.iter().map(|(key, of)| usize::from(key == "query_block") + blocks(of)).sum(),
        Json::Array(items) => items.iter().map(blocks).sum(),
        _ => 0,
    }
}

/// Whether every table of a query is read while its plan is made. What a write costs is not told.
fn only_constant(block: &Json) -> bool {
    let tables: Vec<&Json> = match (block.get("table"), block.get("nested_loop").and_then(Json::as_array)) {
        (Some(table), _) => vec![table],
        (None, Some(tables)) => tables.iter().filter_map(|item| item.get("table")).collect(),
        (None, None) => return false,
    };
    let constant = |table: &&Json| {
        let access = table.get("access_type").and_then(Json::as_str);
        matches!(access, Some("const" | "system")) || table.get("message").is_some()
    };
    !tables.is_empty() && tables.iter().all(constant)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_cost_is_taken_from_where_the_server_tells_it() {
        let check = |plan: Json, last, expected: Option<f64>| assert_eq!(of(&plan, last), expected, "{plan}");
        let all = json!({ "table_name": "t", "access_type": "ALL" });
        let constant = json!({ "table_name": "t", "access_type": "const" });
        let block = |table: &Json| json!({ "query_block": { "select_id": 1, "nested_loop": [{ "table": table }] } });

        // MySQL 8, MariaDB 11.
        check(
            json!({ "query_block": { "cost_info": { "query_cost": "506.25" }, "table": all } }),
            Some(0.0),
            Some(506.25),
        );
        check(json!({ "query_block": { "cost": 0.25, "nested_loop": [] } }), None, Some(0.25));
        let part = |cost: &str| json!({ "query_block": { "cost_info": { "query_cost": cost } } });
        let union = json!({ "query_block": { "union_result": { "query_specifications": [part("1.5"), part("2")] } } });
        check(union, None, Some(3.5));

        // MariaDB 10.11.
        check(block(&all), Some(1015.999), Some(1015.999));
        check(block(&constant), Some(0.0), Some(0.0));
        check(json!({ "query_block": { "table": { "message": "Impossible WHERE" } } }), Some(0.0), Some(0.0));
        check(block(&json!({ "materialized": block(&all), "access_type": "ALL" })), Some(7.0), None);
        let part = block(&all);
        let union = json!({ "query_block": { "union_result": { "query_specifications": [part] } } });
        check(union, Some(0.0), None);
        let update = json!({ "query_block": { "table": { "update": 1, "access_type": "index" } } });
        check(update, Some(0.0), None);
    }
}
