//! A text that is exactly one `{{ … }}`: a value by itself, where there is no statement around it.

use std::{borrow::Cow, sync::Arc};

use super::{
    Param, Refusal, Values,
    eval::{self, Halt, Lookup},
    lower,
    tree::{Expr, Kind, Type},
};
use crate::{
    diagnostic::{Diagnostic, RECORD_FIELD, TEMPLATE_TOO_LARGE},
    value::{ParamType, Scalar, Value},
    yaml::Text,
};

/// A compiled expression. What is undefined in it makes its value undefined.
#[derive(Debug)]
pub struct Expression {
    expr: Expr,
    ty: ParamType,
    params: Arc<[usize]>,
    optional: Option<usize>,
}

impl Expression {
    /// Whether a text has anything of a template in it; else it is a constant.
    pub fn is_in(text: &str) -> bool {
        ["{{", "{%", "{#"].iter().any(|tag| text.contains(tag))
    }

    /// Compiles a text that must be one placeholder, blanks around it aside. All errors go to `out`.
    pub fn compile(source: &Text, params: &[Param], out: &mut Vec<Diagnostic>) -> Option<Self> {
        if source.value.len() > super::MAX_TEMPLATE_BYTES {
            let message = format!("a value has at most {} bytes", super::MAX_TEMPLATE_BYTES);
            out.push(TEMPLATE_TOO_LARGE.at(source.span, message).help("let the caller send it as a parameter"));
            return None;
        }
        let mut found = Vec::new();
        let expr = lower::expression(source, params, &mut found);
        for mut diagnostic in found {
            // There is no statement to do the work.
            if diagnostic.help.as_ref().is_some_and(|help| help.contains("SQL")) {
                diagnostic.help = Some("let the caller send the finished value as a parameter".into());
            }
            out.push(diagnostic);
        }
        let expr = expr?;
        let ty = match expr.ty {
            Type::Of(ty) => ty,
            Type::Null => ParamType::one(Scalar::String),
            Type::Unknown => return None,
        };
        let mut mentioned = Vec::new();
        let mut pattern = None;
        expr.visit(&mut |part| match &part.kind {
            Kind::Param(param) if !mentioned.contains(param) => mentioned.push(*param),
            Kind::Filter(..) if part.is_pattern() => pattern = pattern.take().or(Some(part.range.clone())),
            _ => {}
        });
        if let Some(range) = pattern {
            let message = "this filter makes a pattern for LIKE, with wildcards in it, and a field holds a value";
            out.push(RECORD_FIELD.at(source.span_of(range), message).help("remove the filter"));
            return None;
        }
        Some(Self { optional: optional(&expr, params), expr, ty, params: mentioned.into() })
    }

    /// The type of its value, whatever the call.
    pub fn ty(&self) -> ParamType {
        self.ty
    }

    /// The parameters that it mentions.
    pub fn params(&self) -> &Arc<[usize]> {
        &self.params
    }

    /// A parameter that leaves it undefined when a caller does not send it.
    pub fn optional(&self) -> Option<usize> {
        self.optional
    }

    /// Its value; nothing where a parameter that it needs was not sent.
    ///
    /// # Errors
    ///
    /// When a filter has no value here.
    pub fn value(&self, values: &Values) -> Result<Option<Value>, Refusal> {
        match eval::value(&self.expr, &Sent(values), &[]) {
            Ok(value) => Ok(value.map(Cow::into_owned)),
            Err(Halt::Undefined { .. }) => Ok(None),
            Err(halt) => Err(super::refusal(halt)),
        }
    }
}

/// The values of a call.
struct Sent<'v>(&'v Values);

impl<'v> Lookup<'v> for Sent<'v> {
    fn param(&self, param: usize) -> Result<Option<&'v Value>, Halt> {
        Ok(self.0.get(param).and_then(Option::as_ref))
    }
}

/// A parameter whose absence makes an expression undefined. A condition always has a value.
fn optional(expr: &Expr, params: &[Param]) -> Option<usize> {
    match &expr.kind {
        Kind::Param(param) => params[*param].optional.then_some(*param),
        Kind::Default(input, fallback) => optional(input, params).and_then(|_| optional(fallback, params)),
        Kind::Filter(_, input) => optional(input, params),
        Kind::Concat(parts) => parts.iter().find_map(|part| optional(part, params)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZone;

    use super::*;
    use crate::yaml::{Kind as Yaml, parse};

    const TYPES: [(&str, Scalar, bool); 8] = [
        ("name", Scalar::String, false),
        ("maybe", Scalar::String, true),
        ("other", Scalar::String, true),
        ("n", Scalar::Integer, false),
        ("amount", Scalar::Decimal, false),
        ("at", Scalar::Timestamp, false),
        ("doc", Scalar::Json, false),
        ("word", Scalar::Choice, false),
    ];

    fn params() -> Vec<Param> {
        let list = Param {
            name: "tags".into(),
            ty: Some(ParamType { scalar: Scalar::String, list: true }),
            optional: false,
            nullable: false,
            choices: Vec::new(),
            zone: TimeZone::UTC,
        };
        let one = |(name, scalar, optional): (&str, Scalar, bool)| Param {
            name: name.into(),
            ty: Some(ParamType::one(scalar)),
            optional,
            ..list.clone()
        };
        TYPES.into_iter().map(one).chain([list.clone()]).collect()
    }

    fn compile(text: &str) -> (Option<Expression>, Vec<String>) {
        let file = format!("a: |2-\n  {text}");
        let Yaml::Scalar(source) = parse(&file).0.expect("YAML").root.get("a").expect("a").kind.clone() else {
            panic!()
        };
        let mut out = Vec::new();
        let compiled = Expression::compile(&source, &params(), &mut out);
        let shown = out
            .iter()
            .map(|d| format!("{} `{}` {}", d.rule.name, &file[d.span.range()], d.help.as_deref().unwrap_or_default()));
        (compiled, shown.collect())
    }

    fn value(text: &str, sent: &[(&str, Value)]) -> Result<Option<Value>, Refusal> {
        let (compiled, found) = compile(text);
        let values: Vec<Option<Value>> = params()
            .iter()
            .map(|param| sent.iter().find(|(name, _)| *name == param.name).map(|(_, value)| value.clone()))
            .collect();
        compiled.unwrap_or_else(|| panic!("{found:?}")).value(&values)
    }

    fn text(text: &str) -> Value {
        Value::Text(text.into())
    }

    #[test]
    fn a_placeholder_is_its_value() {
        let check = |template: &str, sent: &[(&str, Value)], expected: Option<Value>| {
            assert_eq!(value(template, sent), Ok(expected), "{template}");
        };
        check("{{ name }}", &[("name", text(" Ada "))], Some(text(" Ada ")));
        check(" {{ name | trim | upper }} ", &[("name", text(" Ada "))], Some(text("ADA")));
        check("{{ 'Call of ' ~ name }}", &[("name", text("Ada"))], Some(text("Call of Ada")));
        check("{{ name == 'Ada' }}", &[("name", text("Ada"))], Some(Value::Boolean(true)));
        check("{{ maybe is defined }}", &[], Some(Value::Boolean(false)));
        check("{{ name }}", &[("name", Value::Null)], Some(Value::Null));
        let tags = Value::List([text("a"), text("b")].into());
        check("{{ tags }}", &[("tags", tags.clone())], Some(tags.clone()));
        check("{{ tags | length }}", &[("tags", tags)], Some(Value::Integer(2)));
    }

    #[test]
    fn what_was_not_sent_makes_it_undefined() {
        let check = |template: &str, sent: &[(&str, Value)], expected: Option<Value>| {
            assert_eq!(value(template, sent), Ok(expected), "{template}");
        };
        check("{{ maybe }}", &[], None);
        check("{{ maybe | upper }}", &[], None);
        check("{{ name ~ maybe }}", &[("name", text("Ada"))], None);
        check("{{ maybe | default('x') }}", &[], Some(text("x")));
        check("{{ maybe | upper | default('x') }}", &[("maybe", text("a"))], Some(text("A")));
        check("{{ maybe | default(other) }}", &[], None);
    }

    #[test]
    fn it_knows_which_parameter_may_leave_it_undefined() {
        let check = |template: &str, expected: Option<usize>| {
            assert_eq!(compile(template).0.expect(template).optional(), expected, "{template}");
        };
        check("{{ name }}", None);
        check("{{ maybe | upper }}", Some(1));
        check("{{ name ~ other }}", Some(2));
        check("{{ maybe | default('x') }}", None);
        check("{{ maybe | default(other) }}", Some(2));
        check("{{ maybe is defined }}", None);
    }

    #[test]
    fn anything_but_one_placeholder_is_an_error_at_its_place() {
        let check = |template: &str, expected: &str| {
            let (compiled, found) = compile(template);
            assert!(compiled.is_none(), "{template}");
            assert_eq!(found.join("; "), expected, "{template}");
        };
        check("Call of {{ name }}", "record-field `Call of {{ name }}` write `{{ 'Call of ' ~ name }}`");
        check("{{ name }}{{ n }}", "record-field `{{ name }}{{ n }}` write `{{ name ~ n }}`");
        check(
            "it's {{ name | upper }}!",
            "record-field `it's {{ name | upper }}!` write `{{ \"it's \" ~ name | upper ~ '!' }}`",
        );
        check(
            "{% if maybe %}{{ maybe }}{% endif %}",
            "record-field `{% if maybe %}{{ maybe }}{% endif %}` write `{{ name }}`: a parameter that was not sent leaves \
             its field out",
        );
        check("{# note #}", "record-field `{# note #}` write one placeholder, as `{{ name }}`, or a constant");
        check("{{ 'x' | upper }}", "constant-placeholder `{{ 'x' | upper }}` write the value itself, without `{{ }}`");
        check("{{ tags | spread }}", "record-field `{{ tags | spread }}` write `{{ tags }}`: a list becomes `a;b`");
        check("{{ nmae }}", "unknown-parameter `nmae` did you mean `name`?");
        check("{{ n + 1 }}", "template-unsupported `n + 1` let the caller send the finished value as a parameter");
        check("{{ name | contains }}", "record-field `name | contains` remove the filter");
        check("{{ word }}", "choice-misused `word` declare it as `string`, with the words under `enum`");
        let (compiled, found) = compile("{{ name");
        assert!(compiled.is_none() && found.len() == 1, "{found:?}");
    }

    #[test]
    fn a_filter_without_a_value_is_refused() {
        let refused = value("{{ n | abs }}", &[("n", Value::Integer(i64::MIN))]);
        assert!(matches!(refused, Err(Refusal::Value { param: Some(3), .. })), "{refused:?}");
    }
}
