//! The functions of the fuzz target on generated input: arbitrary text, and pieces of real files put together at random,
//! which get further in than noise does.

#[path = "../../fuzz/inputs.rs"]
mod inputs;

use proptest::{collection::vec, prelude::*, sample::select};

/// Words of all formats: enough for a generated text to be almost right now and then.
const PIECES: &[&str] = &[
    "{",
    "}",
    "[",
    "]",
    ":",
    ",",
    "\"",
    "'",
    "\n",
    " ",
    "  ",
    "-",
    "#",
    "|",
    "&a",
    "*a",
    "!!str",
    "\\",
    "\u{0}",
    "\u{feff}",
    "é",
    "😀",
    "variables",
    "\"s\"",
    "\"i\"",
    "\"l\"",
    "null",
    "true",
    "-42",
    "1e309",
    "0.10",
    "99999999999999999999",
    "2026-11-20",
    "24:00",
    "2026-02-30T25:61:61Z",
    "backend: demo",
    "params:",
    "sql:",
    "  SELECT 1",
    "result:",
    "schema:",
    "tests:",
    "type: integer",
    "{{ a }}",
    "{{ b }}",
    "{{ c | spread }}",
    "{% if b is defined %}",
    "{% endif %}",
    "{% for x in c %}",
    "{% endfor %}",
    "{{ x }}",
    "{% raw %}",
    "{#",
    "#}",
    "~",
    "| upper",
    "not",
    "and",
    "==",
    "SELECT",
    "FROM",
    "t",
    "WHERE",
    "IN (",
    ")",
    "LIMIT",
    "--",
    "/*",
    "*/",
    "$1",
    "?",
    ";",
    "access:",
    "keys:",
    "limits:",
    "backends:",
    "${X}",
    "kind: sqlite",
    "url: x",
    "server:",
    "listen: 127.0.0.1:1",
    "# datadip: allow(missing-limit)\n",
];

/// Entries of an action file; those of a map may stand in any order.
const ENTRIES: &[&str] = &[
    "backend: demo",
    "description: d",
    "owner: 007",
    "mode: read",
    "params: { a: integer }",
    "params:\n  a:\n    # one\n    min: 1\n    type: integer\n  # datadip: allow(unused-parameter)\n  b: string",
    "sql: SELECT * FROM t",
    "sql: |\n  SELECT *\n  FROM t",
    "result:\n  max_rows: 5\n  # two\n  shape: rows",
    "result:\n  # datadip: allow(missing-result-schema)\n  max_rows: 5\n  shape: rows",
    "tests:\n  - variables: {}\n    name: 1.10\n    expect: { row_count: 1 }",
    "tests:\n  # datadip: allow(ambiguous-scalar)\n  - name: 1.10\n    expect: { row_count: 1 }",
];

/// What may stand above an entry, or beside it.
const COMMENTS: &[&str] = &[
    "",
    "",
    "\n",
    "# why\n",
    "# datadip: allow(missing-test)\n",
    "# datadip: allow(missing-description, select-star)\n",
    "# datadip: allow(missing-result-schema)\n",
    "# datadip: allow(missing-limit, select-star)\n",
    "# datadip: allow(ambiguous-scalar)\n",
    "  # datadip: allow(select-star)\n",
];

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        vec(select(PIECES), 0..60).prop_map(|pieces| pieces.concat()),
        vec((select(PIECES), any::<char>()), 0..20)
            .prop_map(|pieces| pieces.into_iter().map(|(piece, c)| format!("{piece}{c}")).collect()),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 10_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_body_is_read_or_refused(input in text()) {
        inputs::body(&input);
    }

    #[test]
    fn any_template_compiles_or_has_diagnostics(input in text()) {
        inputs::template(&input);
    }

    #[test]
    fn any_action_file_compiles_or_has_diagnostics(input in text()) {
        inputs::action_file(&input);
    }

    #[test]
    fn what_is_allowed_in_an_action_file_stays_so_when_it_is_formatted(
        entries in vec((select(ENTRIES), select(COMMENTS), select(COMMENTS)), 1..7),
    ) {
        let entry = |(entry, above, beside): (&str, &str, &str)| match entry.split_once('\n') {
            Some((first, rest)) => format!("{above}{first} {}\n{rest}\n", beside.trim_end()),
            None => format!("{above}{entry} {}\n", beside.trim_end()),
        };
        inputs::action_file(&entries.into_iter().map(entry).collect::<String>());
    }

    #[test]
    fn any_datadip_yaml_is_read_or_has_diagnostics(input in text()) {
        inputs::settings_file(&input);
    }
}
