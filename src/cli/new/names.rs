//! Names of columns as parameters.

use crate::action::is_param_name;

/// A parameter's name for a column that no other one has.
pub(super) fn parameter(column: &str, taken: &[String]) -> String {
    let letter = |char: char| if char.is_ascii_alphanumeric() { char.to_ascii_lowercase() } else { '_' };
    let name: String = column.chars().map(letter).collect();
    let name = name.trim_matches('_');
    let name = match name {
        "" => "value".to_owned(),
        _ if is_param_name(name) => name.to_owned(),
        _ if is_param_name(&format!("{name}_value")) => format!("{name}_value"),
        _ => format!("value_{name}"),
    };
    let more = (2..).map(|count| format!("{name}_{count}"));
    std::iter::once(name.clone()).chain(more).find(|name| !taken.contains(name)).expect("numbers do not end")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parameter_has_a_name_of_its_own() {
        let check = |name, expected| assert_eq!(parameter(name, &["id".into(), "id_2".into()]), expected);
        check("customer_id", "customer_id");
        check("Customer No.", "customer_no");
        check("in", "in_value");
        check("2nd", "value_2nd");
        check("größe", "gr__e");
        check("日", "value");
        check("ID", "id_3");
    }
}
