//! The names of a query, looked up in what Salesforce says of its objects.

use std::{collections::BTreeSet, sync::Arc};

use super::describe::{Field, Object, Objects, When};
use crate::{
    backend::Failure,
    template::soql::{FieldPath, Outline},
};

/// What a path of a query leads to.
#[derive(Debug)]
pub enum Found {
    /// A field of an object, by its number.
    Field(Arc<Object>, usize),
    /// Nothing, in words that begin with the name that is not there.
    Missing(String),
    /// One of several objects, or one that this user may not see: nobody can tell.
    Open,
}

impl Found {
    /// The field, where it is known.
    pub fn field(&self) -> Option<&Field> {
        match self {
            Self::Field(object, at) => object.fields.get(*at),
            Self::Missing(_) | Self::Open => None,
        }
    }
}

/// The objects that a query is about, as far as relationships have been followed before.
pub fn known(objects: &Objects, outline: &Outline) -> BTreeSet<String> {
    let mut known = BTreeSet::new();
    for way in outline.objects() {
        let mut steps = way.split('.');
        let mut name = steps.next().map(str::to_owned);
        while let Some(this) = name {
            name = objects.said(&this).and_then(|object| object.next(steps.next()?).map(str::to_owned));
            known.insert(this);
        }
    }
    known
}

/// The name of the object that relationships lead to, or why that ends before.
async fn follow(
    objects: &Objects,
    root: &str,
    steps: impl Iterator<Item = (&String, bool)>,
    when: When,
) -> Result<Result<String, Found>, Failure> {
    let mut name = root.to_owned();
    for (step, down) in steps {
        let has = |object: &Object| if down { object.child(step).is_some() } else { object.parent(step).is_some() };
        let Some(object) = objects.having(&name, when, has).await? else { return Ok(Err(absent(&name, root))) };
        let next = if down {
            object.child(step).map(|child| Some(&child.object))
        } else {
            object.parent(step).map(|key| key.reference_to.first().filter(|_| key.reference_to.len() == 1))
        };
        name = match next {
            Some(Some(next)) => next.clone(),
            Some(None) => return Ok(Err(Found::Open)),
            None => return Ok(Err(no_relationship(&object, step, down))),
        };
    }
    Ok(Ok(name))
}

fn no_relationship(object: &Object, name: &str, down: bool) -> Found {
    let kind = if down { "relationship to children" } else { "relationship to a parent" };
    Found::Missing(format!("`{name}` is no {kind} of the object `{}`", object.name))
}

/// What it means that there is no such object: where a relationship leads to it, this user may not see it.
fn absent(name: &str, root: &str) -> Found {
    if name == root { Found::Missing(format!("`{root}` is no object that the user may see")) } else { Found::Open }
}

/// The object that a query is of, or that there is none.
pub async fn object(objects: &Objects, root: &str, when: When) -> Result<Result<Arc<Object>, Found>, Failure> {
    Ok(objects.having(root, when, |_| true).await?.ok_or_else(|| absent(root, root)))
}

/// What a path leads to.
pub async fn field(objects: &Objects, path: &FieldPath, when: When) -> Result<Found, Failure> {
    let Some((name, parents)) = path.path.split_last().filter(|_| !path.base.is_any()) else { return Ok(Found::Open) };
    let root = path.base.object.as_str();
    let steps = path.base.children.iter().map(|name| (name, true)).chain(parents.iter().map(|name| (name, false)));
    let end = match follow(objects, root, steps, when).await? {
        Ok(end) => end,
        Err(found) => return Ok(found),
    };
    let has = |object: &Object| match path.relationship {
        true => object.parent(name).is_some(),
        false => object.field(name).is_some(),
    };
    let Some(object) = objects.having(&end, when, has).await? else { return Ok(absent(&end, root)) };
    if path.relationship {
        return Ok(if has(&object) { Found::Open } else { no_relationship(&object, name, false) });
    }
    let at = object.fields.iter().position(|field| field.name.eq_ignore_ascii_case(name));
    Ok(match at {
        Some(at) => Found::Field(object, at),
        None => Found::Missing(format!("`{name}` is no field of the object `{}`", object.name)),
    })
}

/// Whether a query names a datetime anywhere: whether what looks like one in its groups is one.
pub async fn has_datetime(objects: &Objects, outline: &Outline) -> Result<bool, Failure> {
    for path in &outline.paths {
        if field(objects, path, When::AtHand).await?.field().is_some_and(|field| field.kind == "datetime") {
            return Ok(true);
        }
    }
    Ok(false)
}
