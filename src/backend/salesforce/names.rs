//! The names of a query, looked up in what Salesforce says of its objects.

use std::sync::Arc;

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

/// Follows relationships to an object, or says why that ends before.
pub async fn object(
    objects: &Objects,
    root: &str,
    children: &[String],
    parents: &[String],
    when: When,
) -> Result<Result<Arc<Object>, Found>, Failure> {
    let missing = |message: String| Ok(Err(Found::Missing(message)));
    let Some(mut object) = objects.get(root, when).await? else {
        return missing(format!("`{root}` is no object that the user may see"));
    };
    let steps = children.iter().map(|name| (name, true)).chain(parents.iter().map(|name| (name, false)));
    for (name, down) in steps {
        let next = if down {
            object.child(name).map(|child| Some(&child.object))
        } else {
            object.parent(name).map(|key| key.reference_to.first().filter(|_| key.reference_to.len() == 1))
        };
        let next = match next {
            Some(Some(next)) => next.clone(),
            Some(None) => return Ok(Err(Found::Open)),
            None if down => {
                return missing(format!("`{name}` is no relationship to children of the object `{}`", object.name));
            }
            None => return missing(format!("`{name}` is no relationship to a parent of the object `{}`", object.name)),
        };
        match objects.get(&next, when).await? {
            Some(next) => object = next,
            None => return Ok(Err(Found::Open)),
        }
    }
    Ok(Ok(object))
}

/// What a path leads to.
pub async fn field(objects: &Objects, path: &FieldPath, when: When) -> Result<Found, Failure> {
    let Some((name, parents)) = path.path.split_last() else { return Ok(Found::Open) };
    let object = match object(objects, &path.base.object, &path.base.children, parents, when).await? {
        Ok(object) => object,
        Err(found) => return Ok(found),
    };
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
