//! What a call asks for as one short digest, so that stores of answers hold no values of callers.

use sha2::{Digest as _, Sha256};

use crate::{
    action::{Action, Variables},
    backend::Bound,
    template::Shape,
    value::Value,
};

/// A SHA-256: equal digests mean equal things.
pub type Digest = [u8; 32];

/// The digest of texts; none of them runs into the next.
pub(super) fn of_texts(texts: &[&str]) -> Digest {
    let mut digest = Sha256::new();
    texts.iter().for_each(|text| feed(&mut digest, text.as_bytes()));
    digest.finalize().into()
}

/// The digest of everything that the result of a read depends on, the time and the database's contents apart. `backend`
/// tells which one it is.
pub(super) fn of_statements(action: &Action, backend: &Digest, shapes: &[Shape], statements: &[Bound]) -> Digest {
    let mut digest = Sha256::new_with_prefix(backend);
    feed(&mut digest, action.revision.as_bytes());
    for (shape, bound) in shapes.iter().zip(statements) {
        shape.decisions().iter().for_each(|decision| digest.update(decision.to_le_bytes()));
        // No decision, and no tag of a value.
        digest.update(u32::MAX.to_le_bytes());
        bound.binds.iter().for_each(|bind| value(&mut digest, &bind.value));
        digest.update(u32::MAX.to_le_bytes());
    }
    digest.finalize().into()
}

/// The digest of what was sent with a call, by name: a parameter or a default that is added, changed or moved later and was
/// not sent changes nothing.
pub(super) fn of_sent(action: &Action, variables: &Variables<'_>) -> Digest {
    let sent = action.params.sent(variables);
    let mut sent: Vec<_> = action
        .params
        .list()
        .iter()
        .zip(&sent)
        .filter_map(|(param, sent)| Some((&param.name, sent.as_ref()?)))
        .collect();
    sent.sort_by_key(|(name, _)| *name);
    let mut digest = Sha256::new();
    for (name, sent) in sent {
        feed(&mut digest, name.as_bytes());
        value(&mut digest, sent);
    }
    digest.finalize().into()
}

fn feed(digest: &mut Sha256, bytes: &[u8]) {
    digest.update((bytes.len() as u64).to_le_bytes());
    digest.update(bytes);
}

/// The type and the text that makes the value: values that a database is given differently are different.
fn value(digest: &mut Sha256, of: &Value) {
    let tag: u8 = match of {
        Value::Null => 0,
        Value::Boolean(_) => 1,
        Value::Integer(_) => 2,
        Value::Float(_) => 3,
        Value::Decimal(_) => 4,
        Value::Text(_) => 5,
        Value::Date(_) => 6,
        Value::Time(_) => 7,
        Value::Timestamp(_) => 8,
        Value::Uuid(_) => 9,
        Value::Json(_) => 10,
        Value::List(_) => 11,
    };
    digest.update([tag]);
    match of {
        Value::List(items) => {
            digest.update((items.len() as u64).to_le_bytes());
            items.iter().for_each(|item| value(digest, item));
        }
        _ => feed(digest, of.text().unwrap_or_default().as_bytes()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(values: &[Value]) -> Digest {
        let mut digest = Sha256::new();
        values.iter().for_each(|each| value(&mut digest, each));
        digest.finalize().into()
    }

    fn any_value() -> impl Strategy<Value = Value> {
        let scalar = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::Boolean),
            (-3i64..3).prop_map(Value::Integer),
            "[ab1-]{0,2}".prop_map(|text| Value::Text(text.into())),
            prop::sample::select(vec!["1", "1.0", "1.00", "-1"])
                .prop_map(|text| Value::Decimal(text.parse().expect("a number"))),
            prop::sample::select(vec![0.0, -0.0, 1.0]).prop_map(Value::Float),
        ];
        let list = prop::collection::vec(scalar.clone(), 0..3).prop_map(|items| Value::List(items.into()));
        prop_oneof![scalar, list]
    }

    proptest! {
        #[test]
        fn digests_are_equal_where_the_values_are(
            a in prop::collection::vec(any_value(), 0..4),
            b in prop::collection::vec(any_value(), 0..4),
        ) {
            // Debug tells apart what `==` does not: 1.0 and 1.00, 0.0 and -0.0.
            prop_assert_eq!(of(&a) == of(&b), format!("{a:?}") == format!("{b:?}"));
        }
    }

    #[test]
    fn no_text_runs_into_the_next() {
        assert_ne!(of_texts(&["ab", "c"]), of_texts(&["a", "bc"]));
        assert_ne!(of_texts(&["a", ""]), of_texts(&["", "a"]));
    }
}
