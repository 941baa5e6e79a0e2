//! One record of an answer becomes a row: without `attributes`, children as lists, datetimes in the form that all backends
//! have (SPEC 5). Nothing is asked here.

use serde_json::{Map, Value as Json};

use crate::template::soql::{FieldKind, Outline, Select};

/// The member that each record has besides its fields: its type, and where it is.
const ATTRIBUTES: &str = "attributes";

/// The columns of the rows that records like this become: what the query selects, in its order, and then what else there is.
pub fn columns(record: &Map<String, Json>, select: Option<&Select>) -> Vec<String> {
    let mut columns: Vec<String> = Vec::new();
    for member in select.and_then(Select::members).unwrap_or_default() {
        let name = record.keys().find(|name| name.eq_ignore_ascii_case(member));
        columns.extend(name.filter(|name| !columns.contains(name)).cloned());
    }
    let others: Vec<&String> = record.keys().filter(|name| *name != ATTRIBUTES && !columns.contains(name)).collect();
    let others: Vec<String> = others.into_iter().cloned().collect();
    columns.extend(others);
    columns
}

/// The values of a record in the order of the columns. `None` where it has members besides these.
pub fn row(mut record: Map<String, Json>, columns: &[String]) -> Option<Vec<Json>> {
    let values = columns.iter().map(|column| record.remove(column).unwrap_or_default()).collect();
    record.is_empty().then_some(values)
}

/// A list of children of which there are more pages.
pub fn unfinished(value: &mut Json) -> Option<&mut Map<String, Json>> {
    match value {
        Json::Object(members) => {
            let goes_on = is_page(members) && members.get("done") == Some(&Json::Bool(false));
            if goes_on { Some(members) } else { members.values_mut().find_map(unfinished) }
        }
        Json::Array(items) => items.iter_mut().find_map(unfinished),
        _ => None,
    }
}

/// Whether an object is an answer of records and no record.
fn is_page(members: &Map<String, Json>) -> bool {
    members.contains_key("totalSize") && members.get("records").is_some_and(Json::is_array)
}

/// Calls `each` with the type of each record, its own and those within it, and the record.
pub fn records(value: &mut Json, each: &mut impl FnMut(&str, &mut Map<String, Json>)) {
    match value {
        Json::Object(members) => {
            let kind = members.get(ATTRIBUTES).and_then(|attributes| attributes.get("type"));
            if let Some(kind) = kind.and_then(Json::as_str).map(str::to_owned) {
                each(&kind, members);
            }
            members.values_mut().for_each(|value| records(value, each));
        }
        Json::Array(items) => items.iter_mut().for_each(|item| records(item, each)),
        _ => {}
    }
}

/// Takes out what is not data: `attributes`, and what stands around lists of children, which are empty lists where there are
/// none.
pub fn plain(record: &mut Map<String, Json>, select: Option<&Select>) {
    record.shift_remove(ATTRIBUTES);
    for (name, value) in record.iter_mut() {
        let child = select.and_then(|select| child(select, name));
        match value {
            Json::Null if child.is_some() => *value = Json::Array(Vec::new()),
            Json::Object(members) if is_page(members) => {
                let mut children = members.remove("records").unwrap_or_default();
                children
                    .as_array_mut()
                    .into_iter()
                    .flatten()
                    .filter_map(Json::as_object_mut)
                    .for_each(|record| plain(record, child));
                *value = children;
            }
            Json::Object(members) => plain(members, None),
            _ => {}
        }
    }
}

/// A record that a test recorded, as the object that its row would be. There is nobody to ask which fields are datetimes: in a
/// raw record, which says its type, it is whatever has their form.
pub fn recorded(mut record: Json, outline: &Outline) -> Json {
    records(&mut record, &mut |_, members| {
        for value in members.values_mut() {
            if let Some(text) = value.as_str().and_then(datetime) {
                *value = text.into();
            }
        }
    });
    let Json::Object(mut members) = record else { return record };
    let select = Some(&outline.query);
    plain(&mut members, select);
    let columns = columns(&members, select);
    Json::Object(columns.iter().filter_map(|column| members.remove_entry(column)).collect())
}

/// The subquery whose records are a member.
fn child<'a>(select: &'a Select, name: &str) -> Option<&'a Select> {
    select.fields.iter().find_map(|field| match &field.kind {
        FieldKind::Child(child) if child.from.text.eq_ignore_ascii_case(name) => Some(child),
        _ => None,
    })
}

/// A datetime as Salesforce writes it, `2023-01-01T00:00:00.000+0000`, in the form of SPEC 5. `None` for other text.
pub fn datetime(text: &str) -> Option<String> {
    let (local, offset) = (text.get(..23)?, text.get(23..)?);
    let form = |text: &str, form: &str| {
        text.len() == form.len()
            && text
                .bytes()
                .zip(form.bytes())
                .all(|(byte, form)| if form == b'0' { byte.is_ascii_digit() } else { byte == form })
    };
    if !form(local, "0000-00-00T00:00:00.000") || !(form(offset, "+0000") || form(offset, "-0000")) {
        return None;
    }
    let utc = if offset.ends_with("0000") {
        local.to_owned()
    } else {
        let (hours, minutes) = offset.split_at(3);
        let instant: jiff::Timestamp = format!("{local}{hours}:{minutes}").parse().ok()?;
        instant.strftime("%Y-%m-%dT%H:%M:%S.%3f").to_string()
    };
    Some(utc.trim_end_matches('0').trim_end_matches('.').to_owned() + "+00:00")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn datetimes_are_in_utc_and_in_one_form() {
        let check = |text: &str, expected: Option<&str>| assert_eq!(datetime(text).as_deref(), expected, "{text}");
        check("2023-01-01T00:00:00.000+0000", Some("2023-01-01T00:00:00+00:00"));
        check("2023-01-01T10:20:30.120+0000", Some("2023-01-01T10:20:30.12+00:00"));
        check("2023-01-01T00:30:00.000+0100", Some("2022-12-31T23:30:00+00:00"));
        check("2023-01-01T00:30:00.005-0130", Some("2023-01-01T02:00:00.005+00:00"));
        for other in [
            "",
            "2023-01-01",
            "2023-01-01T00:00:00Z",
            "2023-01-01T00:00:00.000Z",
            "2023-01-01T00:00:00.000+00:00",
            "2023-01-01 00:00:00.000+0000",
            "2023-01-01T00:00:00.000+00000",
            "2023-01-01T00:00:00.000 0000",
            "2023-99-01T00:00:00.000+0100",
            "ä023-01-01T00:00:00.00+0000",
        ] {
            check(other, None);
        }
    }

    fn plain_of(mut record: Json) -> Json {
        let members = record.as_object_mut().expect("a record");
        plain(members, None);
        record
    }

    #[test]
    fn what_is_not_data_is_taken_out_at_every_level() {
        let attributes = json!({ "type": "Account", "url": "/services/data/v66.0/sobjects/Account/1" });
        let record = json!({
            "attributes": attributes, "Id": "1",
            "Owner": { "attributes": attributes, "Name": "Ada", "Profile": { "attributes": attributes, "Name": "x" } },
            "Parent": null,
            "BillingAddress": { "city": "Ulm", "latitude": null },
            "Contacts": { "totalSize": 1, "done": true, "records": [
                { "attributes": attributes, "Id": "2", "Cases": { "totalSize": 1, "done": true, "records": [
                    { "attributes": attributes, "Id": "3" }
                ] } }
            ] },
        });
        let expected = json!({
            "Id": "1", "Owner": { "Name": "Ada", "Profile": { "Name": "x" } }, "Parent": null,
            "BillingAddress": { "city": "Ulm", "latitude": null },
            "Contacts": [{ "Id": "2", "Cases": [{ "Id": "3" }] }],
        });
        assert_eq!(plain_of(record), expected);
    }

    #[test]
    fn numbers_keep_their_digits() {
        let text = r#"{"a":1.10,"b":12345678901234567890.123456789,"c":-0.0}"#;
        let record: Json = serde_json::from_str(text).expect("JSON");
        assert_eq!(plain_of(record).to_string(), text);
    }

    #[test]
    fn a_list_of_children_that_goes_on_is_found_wherever_it_is() {
        let page = |done: bool| json!({ "totalSize": 2, "done": done, "nextRecordsUrl": "/x", "records": [] });
        let mut record =
            json!({ "A": page(true), "B": { "records": [{ "C": page(false) }], "totalSize": 1, "done": true } });
        let found = unfinished(&mut record).expect("there is one");
        found.insert("done".into(), true.into());
        assert!(unfinished(&mut record).is_none());
        assert_eq!(record["B"]["records"][0]["C"]["done"], true);
    }

    #[test]
    fn a_row_has_the_columns_of_the_first_record_and_no_others() {
        let record = |json: Json| json.as_object().expect("an object").clone();
        let first = record(json!({ "attributes": {}, "Name": "a", "Id": 1 }));
        assert_eq!(columns(&first, None), ["Name", "Id"]);
        let check = |json: Json, expected: Option<Json>| {
            let columns = ["Name".to_owned(), "Id".to_owned()];
            assert_eq!(row(record(json), &columns).map(Json::from), expected);
        };
        check(json!({ "Id": 1, "Name": "a" }), Some(json!(["a", 1])));
        check(json!({ "Id": 1 }), Some(json!([null, 1])));
        check(json!({ "Id": 1, "Name": "a", "More": 1 }), None);
    }
}
