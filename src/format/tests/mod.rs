mod documents;

use std::sync::LazyLock;

use super::*;

/// The order of keys of action files; a test of the command line keeps the file equal to what datadip prints.
static SCHEMA: LazyLock<Json> = LazyLock::new(|| {
    let text = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/schemas/action.schema.json"));
    serde_json::from_str(text).expect("JSON")
});

/// Formats, and checks that doing so again changes nothing.
fn check(source: &str, expected: &str) {
    let formatted = format(source, &SCHEMA).expect("it can be formatted");
    assert_eq!(formatted, expected, "of {source:?}");
    assert_eq!(format(&formatted, &SCHEMA).expect("it can be formatted"), formatted, "again");
}

#[test]
fn keys_stand_in_the_order_of_the_schema_and_unknown_ones_follow_in_their_own() {
    check(
        "zoo: 1\ntests:\n  - expect: { code: x }\n    name: a\nbackend: b\nalso: 2\nparams:\n  z:\n    example: 1\n    type: integer\n  a: string\ndescription: d\n",
        "description: d\nbackend: b\nparams:\n  z:\n    type: integer\n    example: 1\n  a: string\ntests:\n  - name: a\n    expect: { code: x }\nzoo: 1\nalso: 2\n",
    );
    check(
        "result:\n  schema:\n    required: [a]\n    type: object\n  shape: row\noptions:\n  fields:\n    b: 1\n    a: 2\n  object: Case\n  operation: create\n",
        "result:\n  shape: row\n  schema:\n    required: [a]\n    type: object\noptions:\n  operation: create\n  object: Case\n  fields:\n    b: 1\n    a: 2\n",
    );
    check(
        "tests:\n  - variables: {}\n    expect:\n      result:\n        status: 1\n        code: 2\n      record:\n        fields: {}\n        object: X\n      row_count: 1\n      status: success\n    name: n\n",
        "tests:\n  - name: n\n    variables: {}\n    expect:\n      status: success\n      row_count: 1\n      result:\n        status: 1\n        code: 2\n      record:\n        object: X\n        fields: {}\n",
    );
}

#[test]
fn indentation_is_two_blanks_a_level_in_lists_too() {
    check(
        "params:\n    a:\n        type: integer\n        enum:\n        - 1\n        -   2\n        - - 3\n          - 4\ntests:\n-   name: x\n    expect:\n            code: y\n",
        "params:\n  a:\n    type: integer\n    enum:\n      - 1\n      - 2\n      - - 3\n        - 4\ntests:\n  - name: x\n    expect:\n      code: y\n",
    );
    check("  backend: a\n  mode:    read\n", "backend: a\nmode: read\n");
    check("params:\n a : integer\n b:\n  type: string\n", "params:\n  a: integer\n  b:\n    type: string\n");
    check(
        "tests:\n  -\n      name: x\n  -   # why\n      name: y\n",
        "tests:\n  -\n    name: x\n  -   # why\n    name: y\n",
    );
}

#[test]
fn the_text_of_a_statement_moves_and_stays_the_same() {
    check(
        "sql: |\n      SELECT 1\n\n        FROM t  \n      \t\n      WHERE 2\n\n\nbackend: b\n",
        "backend: b\nsql: |\n  SELECT 1\n\n    FROM t  \n  \t\n  WHERE 2\n",
    );
    check(
        "sql:\n- |4-\n      SELECT 1\n     FROM t\n- >+\n SELECT 2\n\n\n",
        "sql:\n  - |2-\n      SELECT 1\n     FROM t\n  - >+\n    SELECT 2\n\n\n",
    );
    check(
        "sql: |  # one\n   SELECT 1\n  # not of it\nmode: read",
        "sql: |  # one\n  SELECT 1\n# not of it\nmode: read\n",
    );
    check("sql: |\n  # of it\n  SELECT 1\n     \n", "sql: |\n  # of it\n  SELECT 1\n     \n");
    check("sql:\n    # why\n    |\n      SELECT 1\n", "sql:\n  # why\n  |\n  SELECT 1\n");
    check("sql: |\n\nbackend: b\n", "backend: b\nsql: |\n");
}

#[test]
fn blank_lines_never_become_part_of_a_text_that_keeps_them() {
    check(
        "backend: a\n\n\nsql: |+\n  SELECT 1\n\n\nowner: x\n\nmode: read\n",
        "backend: a\n\nsql: |+\n  SELECT 1\n\n\nmode: read\nowner: x\n",
    );
    check("mode: read\n\nsql: |+\n  SELECT 1\n", "sql: |+\n  SELECT 1\nmode: read\n");
    check("sql: |+\n  SELECT 1\n  ", "sql: |+\n  SELECT 1\n");
}

#[test]
fn quotes_styles_and_spelling_stay_as_they_are() {
    for line in [
        "description: 007",
        "description: \"no\"",
        "description: 'it''s'",
        "max_cost: 1.10",
        "description: ~",
        "description:",
        "backend: \"${X}\"",
        "params: {z: integer,   a : { type:  'string[]' } }",
        "tags: [ a, \"b\",c ]",
        "\"description\": x",
        "description: a  b  # c   d",
        "description: a\u{a0}",
        "description: &a x y",
        "'owner': é漢",
    ] {
        check(line, &format!("{line}\n"));
    }
}

#[test]
fn lines_of_one_value_move_together() {
    check(
        "params:\n    a: {\n        type: string,   # kind\n        enum: [a,\n               b]\n    }\n",
        "params:\n  a: {\n      type: string,   # kind\n      enum: [a,\n             b]\n  }\n",
    );
    check(
        "description: Finds\n             a customer\n               by name.\nowner: \"a\n\n   b  \\\n   c\"\n",
        "description: Finds\n  a customer\n    by name.\nowner: \"a\n\n  b  \\\n  c\"\n",
    );
    check("description:\n      a\n        b\n", "description:\n  a\n    b\n");
    check("tags:\t[a,\tb,\n\t'c\td']\t# e\n", "tags: [a, b,\n 'c\td'] # e\n");
}

#[test]
fn comments_move_with_what_stands_below_or_beside_them() {
    check(
        "# file\n\nowner: me # who\n# the replica\n# in Dublin\nbackend: b # name\n# end\n",
        "# file\n\n# the replica\n# in Dublin\nbackend: b # name\nowner: me # who\n# end\n",
    );
    check(
        "result:\n    # one\n    schema: {}\n    # two\n    shape: row\n    # three: 3\nparams:\n  a: integer\n  # b: string\n\n  # c: date\n# of sql\nsql: x\n",
        "params:\n  a: integer\n  # b: string\n\n  # c: date\n# of sql\nsql: x\nresult:\n  # two\n  shape: row\n  # one\n  schema: {}\n  # three: 3\n",
    );
    check(
        "tests:\n# first\n- variables: {}\n  # what\n  name: x\n# of owner\nowner: me\n",
        "tests:\n  # first\n  # what\n  - name: x\n    variables: {}\n# of owner\nowner: me\n",
    );
    check("params: # all\n  # one\n  a: integer\n", "params: # all\n  # one\n  a: integer\n");
}

#[test]
fn what_stands_at_the_top_stays_there() {
    let modeline = "# yaml-language-server: $schema=../schemas/action.schema.json\n";
    for top in [
        modeline,
        "# What this is for.\n",
        &format!("{modeline}# What this is for.\n"),
        "# Licence\n\n",
        "---\n",
        "%YAML 1.2\n---\n",
    ] {
        check(&format!("{top}backend: b\ndescription: d\n"), &format!("{top}description: d\nbackend: b\n"));
    }
    check("# top\nbackend: b\n# what\ndescription: d\n", "# top\n\n# what\ndescription: d\nbackend: b\n");
    check("\n\n# top\nbackend: b\n...\n# end\n", "# top\nbackend: b\n...\n# end\n");
}

#[test]
fn what_silences_lint_goes_on_doing_so() {
    check(
        "# datadip: allow(missing-limit)\nsql: SELECT 1\nbackend: b\n",
        "backend: b\n# datadip: allow(missing-limit)\nsql: SELECT 1\n",
    );
    check(
        "# datadip: allow(missing-test)\nsql: SELECT 1\nbackend: b\n",
        "# datadip: allow(missing-test)\nbackend: b\nsql: SELECT 1\n",
    );
    check(
        "result:\n  # datadip: allow(missing-result-schema)\n  # why\n  max_rows: 1\n  shape: row\n",
        "result:\n  # datadip: allow(missing-result-schema)\n  shape: row\n  # why\n  max_rows: 1\n",
    );
    check("sql: x # datadip: allow(missing-test)\nbackend: b\n", "sql: x # datadip: allow(missing-test)\nbackend: b\n");
    check(
        "params:\n  a: integer\n  # datadip: allow(missing-limit)\nsql: x\nowner: me\nbackend: b\n",
        "backend: b\nparams:\n  a: integer\n# datadip: allow(missing-limit)\nsql: x\nowner: me\n",
    );
    check(
        "tests:\n  # one\n  # datadip: allow(ambiguous-scalar)\n  - variables: {}\n    name: x\n",
        "tests:\n  # one\n  - name: x\n    # datadip: allow(ambiguous-scalar)\n    variables: {}\n",
    );
}

#[test]
fn blank_lines_between_groups_stay_and_others_go() {
    check(
        "\n\nbackend: b\n\n\n\nparams:\n\n  a: integer\n\n  b: integer\n   \n# c\n\n\n# d\nsql: x\n\n\n",
        "backend: b\n\nparams:\n  a: integer\n\n  b: integer\n\n# c\n\n# d\nsql: x\n",
    );
}

#[test]
fn line_ends_are_line_feeds_and_the_last_line_has_one() {
    check(
        "\u{feff}backend: b\r\nsql: |\r\n    SELECT 1\r\n\r\n    FROM t",
        "backend: b\nsql: |\n  SELECT 1\n\n  FROM t\n",
    );
    check("backend: b\rmode: read", "backend: b\nmode: read\n");
}

#[test]
fn an_alias_never_comes_before_its_anchor() {
    check("tests: &t [1]\nowner: *t\nbackend: b\n", "backend: b\ntests: &t [1]\nowner: *t\n");
    check("owner: &t [1]\ntests: *t\nbackend: b\n", "owner: &t [1]\ntests: *t\nbackend: b\n");
    check(
        "params:\n    a: &a\n        type: integer\n    b: &b string\n    c:\n        &c x\n",
        "params:\n  a: &a\n    type: integer\n  b: &b string\n  c:\n    &c x\n",
    );
    check("params:\n    &p # all\n    # one\n    a: x\n    b: &n\n", "params:\n  &p # all\n  # one\n  a: x\n  b: &n\n");
}

#[test]
fn documents_without_keys_are_left_as_they_are() {
    for text in ["just text\n", "{ b: 1, a: 2 }\n", "[ 1,\n   2 ]\n", "|\n  text\n", "# c\n'x'\n"] {
        check(text, text);
    }
}

#[test]
fn what_is_no_yaml_or_not_understood_is_refused() {
    let refused = |source| match format(source, &SCHEMA).expect_err("it is refused") {
        Refusal::Yaml(diagnostics) => diagnostics[0].rule.name.to_owned(),
        Refusal::Odd(odd) => format!("line {}", odd.line),
        Refusal::Changed => "changed".to_owned(),
    };
    assert_eq!(refused("a: [\n"), "yaml-syntax");
    assert_eq!(refused(""), "yaml-syntax");
    assert_eq!(refused("a: 1\na: 2\n"), "duplicate-key");
    assert_eq!(refused("a: 1\n? b\n: 2\n"), "line 2");
}

#[test]
fn another_document_is_told_from_the_same_one() {
    let same = |before: &str, after: &str| is_same(&parse(before).expect("YAML"), &parse(after).expect("YAML"));
    assert!(same("a: 1 # x\nb: [1, { c: d, e: f }]\n# y\n", "# y \n# x\nb: [1, { e: f, c: d }]\na: 1\n"));
    for other in [
        "a: 1\nb: 2",
        "a: '1'\nb: 2 # x",
        "a: 1\nb: 2 # y",
        "a: 1 # x",
        "a: 1\nb: 02 # x",
        "a: 1\nc: 2 # x",
        "a: 1\nb: [2] # x",
    ] {
        assert!(!same("a: 1\nb: 2 # x", other), "{other}");
    }
}
