//! What the author's SQL looks like around a tag, before there is any finished text.

use super::Dialect;

/// SQL that happens to be Jinja's syntax is the usual cause: literals of arrays, and patterns of LIKE.
/// `end` is where reading stopped.
pub(super) fn help(text: &str, end: usize, dialect: Dialect) -> Option<String> {
    let before = &text[..end];
    let (tag, opening) = ["{{", "{%", "{#"].iter().filter_map(|tag| Some((before.rfind(tag)?, *tag))).max()?;
    let line = &text[text[..tag].rfind('\n').map_or(0, |at| at + 1)..];
    let line = line.lines().next().unwrap_or_default();
    let column = tag - (line.as_ptr() as usize - text.as_ptr() as usize);
    let rest = &line[column..];
    if opening == "{{" && (rest.contains("},") || rest.find(',').is_some_and(|comma| !rest[..comma].contains('|'))) {
        let array =
            if dialect == Dialect::Postgres { "write it as ARRAY[[1, 2], [3, 4]]" } else { "write it otherwise" };
        return Some(format!(
            "`{{{{` begins a placeholder; if this is an array, {array}, or wrap it in {{% raw %}}…{{% endraw %}}"
        ));
    }
    let quoted = line[..column].matches('\'').count() % 2 == 1;
    quoted.then(|| {
        format!("`{opening}` is template syntax, also inside a literal: write {{% raw %}}'…'{{% endraw %}} around it")
    })
}

/// Whether a text ends with `IN (`.
pub(super) fn ends_with_in(text: &str) -> bool {
    let Some(before) = text.trim_end().strip_suffix('(') else { return false };
    let before = before.trim_end();
    let start = before.rfind(|c: char| !c.is_alphanumeric() && c != '_').map_or(0, |at| at + 1);
    before.get(start..).is_some_and(|word| word.eq_ignore_ascii_case("in"))
}
