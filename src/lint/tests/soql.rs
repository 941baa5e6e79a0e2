//! The rules on queries of SOQL.

use super::{Dialect, check_file, lint};

/// The rules found for a query with a schema, each with what it points at.
fn check(soql: &str, schema: &str) -> Vec<String> {
    check_file(Dialect::Soql, &file(soql, schema))
}

fn file(soql: &str, schema: &str) -> String {
    let schema = schema.replace('\n', "\n    ");
    // Aggregates without groups have no LIMIT.
    let limit = if soql.contains("COUNT(") || soql.contains("MAX(") { "" } else { " LIMIT 5" };
    format!(
        "backend: demo\nparams:\n  x: string\nsoql: |\n  {soql} AND X__c = {{{{ x }}}}{limit}\nresult:\n  schema:\n    {schema}\n"
    )
}

#[test]
fn parents_and_children_are_held_against_the_schema() {
    let query = "SELECT Id, Account.Name, (SELECT Id, Owner.Name FROM Cases) FROM Contact WHERE Id != NULL";
    let schema = |account: &str, cases: &str, owner: &str| {
        format!(
            "type: object\nrequired: [Id, Account, Cases]\nproperties:\n  Id: {{}}\n  Account:\n    type: [object, 'null']\n    \
             required: {account}\n    properties: {{ Name: {{}}, Type: {{}} }}\n  Cases:\n    type: array\n    items:\n      \
             required: {cases}\n      properties:\n        Id: {{}}\n        Owner: {{ properties: {owner} }}"
        )
    };
    let none: [&str; 0] = [];
    assert_eq!(check(query, &schema("[Name]", "[Id, Owner]", "{ Name: {} }")), none);
    assert_eq!(check(query, &schema("[Name, Type]", "[Id]", "{ Name: {} }")), ["missing-column Type"]);
    assert_eq!(check(query, &schema("[Name]", "[Id, Status]", "{ Name: {} }")), ["missing-column Status"]);
    assert_eq!(check(query, &schema("[Name]", "[Id]", "{ Email: {} }")), ["column-not-in-schema Owner.Name"]);
    let report = lint(Dialect::Soql, &file(query, &schema("[Name, Type]", "[Id]", "{ Name: {} }")));
    let messages: Vec<&str> = report.diagnostics.iter().map(|found| found.message.as_str()).collect();
    assert!(messages.contains(&"the schema requires `Account.Type`, and the query has no such field"), "{messages:?}");
    // By reference, and where nothing is said of the inside.
    let refers = "type: object\nrequired: [Account]\nproperties: { Id: {}, Cases: true, Account: { $ref: '#/$defs/a' } }\n\
                  $defs: { a: { required: [Industry] } }";
    assert_eq!(check(query, refers), ["missing-column '#/$defs/a'"]);
    assert_eq!(check(query, "type: object"), none);
    assert_eq!(check(query, "type: object\nproperties: { Id: {}, Account: {}, Cases: {} }"), none);
}

#[test]
fn members_are_called_as_salesforce_calls_them() {
    let schema = |name: &str| format!("type: object\nrequired: [{name}]\nproperties: {{ {name}: {{}} }}");
    let none: [&str; 0] = [];
    for (query, name) in [
        ("SELECT Id FROM A WHERE B = 1", "Id"),
        ("SELECT id FROM A WHERE B = 1", "Id"),
        ("SELECT createddate FROM A WHERE B = 1", "CreatedDate"),
        ("SELECT My_Field__c FROM A WHERE B = 1", "my_field__c"),
        ("SELECT toLabel(Status) FROM A WHERE B = 1", "Status"),
        ("SELECT toLabel(Status) shown FROM A WHERE B = 1", "shown"),
        ("SELECT COUNT(Id) FROM A WHERE B = 1", "expr0"),
        ("SELECT MAX(C) most FROM A WHERE B = 1", "most"),
        ("SELECT (SELECT Id FROM Cases) FROM A WHERE B = 1", "Cases"),
    ] {
        assert_eq!(check(query, &schema(name)), none, "{query}");
    }
    assert_eq!(check("SELECT id FROM A WHERE B = 1", &schema("id")), ["missing-column id"]);
    assert_eq!(check("SELECT Name FROM A WHERE B = 1", &schema("name")), ["missing-column Name"]);
    assert_eq!(check("SELECT MAX(C) Most FROM A WHERE B = 1", &schema("most")), ["missing-column Most"]);
    let report = lint(Dialect::Soql, &file("SELECT id FROM A WHERE B = 1", &schema("id")));
    let found = report.diagnostics.iter().find(|found| found.rule.name == "missing-column").expect("found");
    assert_eq!(found.message, "the answer calls this column `Id`, and the schema requires `id`");
    assert_eq!(found.help.as_deref(), Some("write `Id` in the schema: Salesforce calls its fields by their own names"));
    // Only Salesforce knows what these answer.
    assert_eq!(check("SELECT FIELDS(STANDARD) FROM A WHERE B = 1", &schema("Name")), ["select-star FIELDS(STANDARD)"]);
    let event = "SELECT TYPEOF What WHEN Account THEN Phone END FROM Event WHERE B = 1";
    assert_eq!(check(event, "type: object\nrequired: [What]\nproperties: { What: { required: [Name] } }"), none);
}

#[test]
fn what_is_selected_twice_is_found() {
    let any = "type: object";
    assert_eq!(check("SELECT Id, Name, id FROM A WHERE B = 1", any), ["duplicate-column id"]);
    let twice = "SELECT Owner.Name, Id, (SELECT Id, Id FROM Cases), owner.name FROM A WHERE B = 1";
    assert_eq!(check(twice, any), ["duplicate-column Id", "duplicate-column owner.name"]);
    let none: [&str; 0] = [];
    assert_eq!(check("SELECT Id, Owner.Id, Owner.Name, OwnerId FROM A WHERE B = 1", any), none);
    assert_eq!(check("SELECT Status, toLabel(Status) label FROM A WHERE B = 1", any), none);
}

#[test]
fn rows_without_a_bound_and_wildcards_are_warned_of() {
    let rules = |soql: &str| -> Vec<&str> {
        let file = format!("backend: demo\nparams: {{ x: string }}\nsoql: SELECT {soql}\n");
        let quiet = ["missing-description", "missing-result-schema", "missing-test", "unused-parameter"];
        let report = lint(Dialect::Soql, &file);
        report.diagnostics.iter().map(|found| found.rule.name).filter(|name| !quiet.contains(name)).collect()
    };
    let none: [&str; 0] = [];
    assert_eq!(rules("Id FROM A"), ["missing-limit"]);
    assert_eq!(rules("Id, (SELECT Id FROM Bs LIMIT 5) FROM A"), ["missing-limit"]);
    assert_eq!(rules("Type, COUNT(Id) n FROM A GROUP BY Type"), ["missing-limit"]);
    assert_eq!(rules("Id FROM A LIMIT 5"), none);
    assert_eq!(rules("COUNT_DISTINCT(Type) n FROM A"), none);
    assert_eq!(rules("COUNT() FROM A"), none);
    assert_eq!(rules("Id FROM A WHERE B LIKE {{ x }} LIMIT 1"), ["unescaped-like"]);
    assert_eq!(rules("Id FROM A WHERE B LIKE {{ x | contains }} LIMIT 1"), none);
}

#[test]
fn faults_stand_at_their_places_in_the_file() {
    let block = "backend: demo\nparams:\n  x: string\nsoql: |\n  SELECT Id\n  FROM A {# ä #}\n  WHERE B == {{ x }}\n    AND C IS NULL\n  LIMIT 5\n";
    assert_eq!(check_file(Dialect::Soql, block), ["soql-grammar ==", "soql-grammar IS NULL"]);
    let report = lint(Dialect::Soql, block);
    let found = report.diagnostics.iter().find(|found| found.rule.name == "soql-grammar").expect("found");
    assert_eq!(report.source.line_column(found.span.start), (7, 11));
    let choice = "backend: demo\nparams:\n  by: { type: choice, choices: { name: Name ASCC, id: Id } }\nsoql: SELECT Id FROM A ORDER BY {{ by }} LIMIT 5\n";
    assert_eq!(check_file(Dialect::Soql, choice), ["soql-grammar ASCC"]);
    assert_eq!(check_file(Dialect::Soql, "backend: demo\nsoql: DELETE FROM A\n"), ["soql-grammar DELETE"]);
    assert_eq!(check_file(Dialect::Soql, "backend: demo\nsoql: ' '\n"), ["soql-grammar  "]);
}
