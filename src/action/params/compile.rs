//! Declarations to [`Params`]: everything that can be wrong with them is reported here, at its place.

use jiff::tz::TimeZone;
use regex::RegexBuilder;

use super::{
    Absent, Param, Params, Refused,
    checks::{Checks, Pattern, compare},
    coerce,
};
use crate::{
    action::variables::{IDEMPOTENCY_KEY, Input, is_blank, trim},
    diagnostic::{
        BAD_CHOICE, BAD_PARAMETER_NAME, BAD_VALUE, Diagnostic, EMPTY_RANGE, INVALID_PATTERN, MISMATCHED_VALUE,
        MISUSED_KEY, Span, UNKNOWN_ZONE, suggest,
    },
    spec::{LongParam, ParamSpec},
    template,
    value::{ParamType, Scalar, Value},
    yaml::{Kind, Node, Spanned, read::Entries},
};

/// Names that mean something else in a template or in a call.
const RESERVED: [&str; 16] = [
    "loop",
    "not",
    "in",
    "is",
    "and",
    "or",
    "if",
    "else",
    "true",
    "True",
    "false",
    "False",
    "none",
    "None",
    "variables",
    IDEMPOTENCY_KEY,
];
/// The largest compiled pattern, in bytes.
const MAX_PATTERN: usize = 1024 * 1024;
/// `max_items` where the file sets none.
const MAX_ITEMS: u64 = 100;

impl Params {
    /// Compiles the declarations. Names, keys, ranges, patterns, zones, defaults and examples are checked here. `zone` is
    /// that of timestamps whose parameter has none.
    pub fn compile(spec: &Entries<ParamSpec>, zone: &TimeZone, out: &mut Vec<Diagnostic>) -> Self {
        let mut params = Self::default();
        for entry in &spec.0 {
            check_name(&entry.name, out);
            let long = entry.value.as_ref().map(|spec| &spec.0);
            let mut template = for_templates(&entry.name, long);
            if let Some(long) = long {
                let param = Declaration { name: &entry.name, long, out }.compile(zone);
                template.zone = param.zone.clone();
                params.list.push(param);
            }
            params.templates.push(template);
        }
        params.places = params.list.iter().enumerate().map(|(at, param)| (param.name.clone(), at)).collect();
        params
    }

    /// Warns of plain YAML numbers in a test's `variables` that stand for the text of a `string` and would change it.
    pub fn check_scalars(&self, variables: &Entries<Node>, out: &mut Vec<Diagnostic>) {
        for (name, node) in variables.iter() {
            if self.list.iter().any(|param| param.name == name.value && param.ty.scalar == Scalar::String) {
                ambiguous(node, out);
            }
        }
    }
}

/// Whether a parameter may have this name.
pub fn is_param_name(name: &str) -> bool {
    is_word(name) && !RESERVED.contains(&name)
}

/// Whether a name is a letter followed by letters, digits and `_`.
fn is_word(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

fn check_name(name: &Spanned<String>, out: &mut Vec<Diagnostic>) {
    if RESERVED.contains(&name.as_str()) {
        let message = format!("`{}` has a meaning of its own and cannot name a parameter", name.value);
        out.push(
            BAD_PARAMETER_NAME.at(name.span, message).help(format!("call it `{}_value`, for example", name.value)),
        );
    } else if !is_word(name) {
        let message = format!("`{}` is no name for a parameter", name.value);
        let help = "a name is a letter followed by letters, digits and `_`";
        out.push(BAD_PARAMETER_NAME.at(name.span, message).help(help));
    }
}

fn for_templates(name: &Spanned<String>, spec: Option<&LongParam>) -> template::Param {
    // An optional choice is an error of its own, of which a template need not tell again.
    let optional =
        |spec: &LongParam| spec.default.is_none() && is(&spec.required, false) && spec.r#type.scalar != Scalar::Choice;
    let choices = spec.and_then(|spec| spec.choices.as_ref());
    template::Param {
        name: name.value.clone(),
        ty: spec.map(|spec| spec.r#type.value),
        optional: spec.is_some_and(optional),
        nullable: spec.is_some_and(|spec| is(&spec.nullable, true)),
        choices: choices
            .map(|choices| choices.iter().map(|(word, text)| (word.value.clone(), text.clone())).collect())
            .unwrap_or_default(),
        zone: TimeZone::UTC,
    }
}

fn is(key: &Option<Spanned<bool>>, value: bool) -> bool {
    key.as_ref().is_some_and(|key| key.value == value)
}

/// A declaration that is being compiled.
struct Declaration<'a> {
    name: &'a Spanned<String>,
    long: &'a LongParam,
    out: &'a mut Vec<Diagnostic>,
}

impl Declaration<'_> {
    fn compile(mut self, zone: &TimeZone) -> Param {
        let long = self.long;
        let ty = long.r#type.value;
        self.misused_keys(ty);
        let mut param = Param {
            name: self.name.value.clone(),
            ty,
            sensitive: long.sensitive.unwrap_or_default(),
            nullable: is(&long.nullable, true),
            absent: if is(&long.required, false) { Absent::Undefined } else { Absent::Refused },
            description: long.description.clone(),
            example: long.example.as_ref().map(Node::to_json),
            allow_empty: is(&long.allow_empty, true),
            zone: self.zone().unwrap_or_else(|| zone.clone()),
            words: self.words(),
            checks: Checks::default(),
            min_items: long.min_items.as_ref().map_or(0, |min| min.value),
            max_items: long.max_items.as_ref().map_or(MAX_ITEMS, |max| max.value),
        };
        if let Some(min) = &long.min_items
            && param.min_items > param.max_items
        {
            self.empty_range(min.span, "min_items", &param.min_items.to_string(), &param.max_items.to_string());
        }
        param.checks = self.checks(&param);
        if let Some(node) = &long.default
            && let Some(value) = self.value(&param, node, "default")
        {
            param.absent = Absent::Default(value);
        }
        if let Some(node) = &long.example {
            self.value(&param, node, "example");
        }
        param
    }

    /// Keys that do not apply to the type, or not together.
    fn misused_keys(&mut self, ty: ParamType) {
        let long = self.long;
        let text = ty.scalar == Scalar::String;
        let ordered = matches!(
            ty.scalar,
            Scalar::Integer | Scalar::Decimal | Scalar::Float | Scalar::Date | Scalar::Time | Scalar::Timestamp
        );
        let choice = ty.scalar == Scalar::Choice;
        let keys = [
            ("allow_empty", long.allow_empty.as_ref().map(|key| key.span), text && !ty.list, "string"),
            ("nullable", long.nullable.as_ref().map(|key| key.span), !choice, "every type but choice"),
            (
                "enum",
                long.r#enum.as_ref().map(|key| key.span),
                !choice && ty.scalar != Scalar::Json,
                "every type but choice and json",
            ),
            ("choices", long.choices.as_ref().map(|key| key.span), choice, "choice"),
            ("pattern", long.pattern.as_ref().map(|key| key.span), text, "string"),
            ("min_length", long.min_length.as_ref().map(|key| key.span), text, "string"),
            ("max_length", long.max_length.as_ref().map(|key| key.span), text, "string"),
            ("min", long.min.as_ref().map(|key| key.span), ordered, "numbers, dates, times and timestamps"),
            ("max", long.max.as_ref().map(|key| key.span), ordered, "numbers, dates, times and timestamps"),
            ("min_items", long.min_items.as_ref().map(|key| key.span), ty.list, "lists"),
            ("max_items", long.max_items.as_ref().map(|key| key.span), ty.list, "lists"),
            ("zone", long.zone.as_ref().map(|key| key.span), ty.scalar == Scalar::Timestamp, "timestamp"),
        ];
        for (key, span, applies, types) in keys {
            if let Some(span) = span.filter(|_| !applies) {
                let message = format!("`{key}` does not apply to the type {ty}");
                self.out.push(MISUSED_KEY.at(span, message).help(format!("remove it; `{key}` is for {types}")));
            }
        }
        if let (Some(required), true) = (&long.required, long.default.is_some() && is(&long.required, true)) {
            let message = "a parameter with `default` is never required";
            self.out.push(MISUSED_KEY.at(required.span, message).help("remove `required: true` or `default`"));
        }
    }

    fn zone(&mut self) -> Option<TimeZone> {
        let zone = self.long.zone.as_ref()?;
        match TimeZone::get(&zone.value) {
            Ok(zone) => Some(zone),
            Err(_) => {
                let names: Vec<_> = jiff::tz::db().available().collect();
                let help = suggest::nearest(&zone.value, names.iter().map(|name| name.as_str()));
                let help = help.map_or("write a name such as Europe/Berlin or UTC".into(), |name| {
                    format!("did you mean `{name}`?")
                });
                let message = format!("`{}` is no time zone of the IANA database", zone.value);
                self.out.push(UNKNOWN_ZONE.at(zone.span, message).help(help));
                None
            }
        }
    }

    /// The words of a choice.
    fn words(&mut self) -> Vec<String> {
        let long = self.long;
        if long.r#type.scalar != Scalar::Choice {
            return Vec::new();
        }
        if let Some(required) = &long.required
            && !required.value
            && long.default.is_none()
        {
            let found = BAD_CHOICE.at(required.span, "a choice is required or has a default");
            self.out.push(found.help("add `default:` with one of its words, or remove `required: false`"));
        }
        let Some(choices) = long.choices.as_ref().filter(|choices| !choices.value.0.is_empty()) else {
            let span = long.choices.as_ref().map_or(long.r#type.span, |choices| choices.span);
            let found = BAD_CHOICE.at(span, "a choice without choices allows no value");
            self.out.push(found.help("add `choices:`, a map of each word to its SQL text"));
            return Vec::new();
        };
        let words = choices.value.0.iter().map(|entry| &entry.name);
        for word in words.clone().filter(|word| is_blank(word) || trim(word) != word.as_str()) {
            let message = format!("no caller can send the word {:?}: blanks around it are trimmed", word.value);
            self.out.push(BAD_CHOICE.at(word.span, message).help("write a word without blanks around it"));
        }
        words.map(|word| word.value.clone()).collect()
    }

    fn checks(&mut self, param: &Param) -> Checks {
        let long = self.long;
        let length = |key: &Option<Spanned<u64>>| key.as_ref().map(|key| key.value);
        let checks = Checks {
            one_of: long.r#enum.as_ref().map(|values| {
                if values.value.is_empty() {
                    self.out.push(BAD_VALUE.at(values.span, "an empty `enum` allows no value"));
                }
                values.value.iter().filter_map(|node| self.bound(param, node, "enum")).collect()
            }),
            min: long.min.as_ref().and_then(|node| self.bound(param, node, "min")),
            max: long.max.as_ref().and_then(|node| self.bound(param, node, "max")),
            min_length: length(&long.min_length),
            max_length: length(&long.max_length),
            pattern: self.pattern(),
        };
        if let (Some(node), Some(min), Some(max)) = (&long.min, &checks.min, &checks.max)
            && compare(min, max).is_some_and(|order| order.is_gt())
        {
            let text = |value: &Value| value.text().unwrap_or_default().into_owned();
            self.empty_range(node.span, "min", &text(min), &text(max));
        }
        if let (Some(min), Some(max)) = (&long.min_length, &long.max_length)
            && min.value > max.value
        {
            self.empty_range(min.span, "min_length", &min.value.to_string(), &max.value.to_string());
        }
        checks
    }

    fn empty_range(&mut self, span: Span, key: &str, min: &str, max: &str) {
        let other = key.replace("min", "max");
        let message = format!("`{key}` {min} is above `{other}` {max}: no value fits");
        self.out.push(EMPTY_RANGE.at(span, message));
    }

    fn pattern(&mut self) -> Option<Pattern> {
        let pattern = self.long.pattern.as_ref()?;
        let build = |source: &str| RegexBuilder::new(source).size_limit(MAX_PATTERN).build();
        // By itself first, so that brackets cannot pair up with those around it; the line break ends a comment of `(?x)`.
        let source = &pattern.value;
        let regex = build(source)
            .and_then(|_| build(&format!(r"\A(?:{source})\z")).or_else(|_| build(&format!("\\A(?:{source}\n)\\z"))));
        match regex {
            Ok(regex) => Some(Pattern { source: source.clone(), regex }),
            Err(error) => {
                let error = error.to_string();
                let reason = error.lines().last().unwrap_or_default();
                let message = format!("not a regular expression: {}", reason.trim_start_matches("error: "));
                let help = "patterns are those of Rust's regex crate: no look-around, no back-references";
                self.out.push(INVALID_PATTERN.at(pattern.span, message).help(help));
                None
            }
        }
    }

    /// A value of `enum`, `min` or `max`: of the type, without its restrictions.
    fn bound(&mut self, param: &Param, node: &Node, key: &str) -> Option<Value> {
        if param.ty.scalar == Scalar::String {
            ambiguous(node, self.out);
        }
        let input = Input::from_node(node);
        match coerce::scalar(param.ty.scalar, &param.zone, &input) {
            Ok(value) => Some(value),
            Err(reason) => {
                self.mismatch(node, key, &Refused::new(reason, &input).to_string());
                None
            }
        }
    }

    /// `default` or `example`: what a caller might have sent.
    fn value(&mut self, param: &Param, node: &Node, key: &str) -> Option<Value> {
        if param.ty.scalar == Scalar::String {
            ambiguous(node, self.out);
        }
        match param.read(&Input::from_node(node)) {
            Ok(Some(value)) => return Some(value),
            Ok(None) => self.mismatch(node, key, &format!("{}, but this means that it is not sent", param.expected())),
            Err(refused) => self.mismatch(node, key, &refused.to_string()),
        }
        None
    }

    fn mismatch(&mut self, node: &Node, key: &str, reason: &str) {
        let message = format!("`{key}` of `{}`: {reason}", self.name.value);
        self.out.push(MISMATCHED_VALUE.at(node.span, message));
    }
}

/// Warns of numbers that stand for text, also in a list.
fn ambiguous(node: &Node, out: &mut Vec<Diagnostic>) {
    match &node.kind {
        Kind::Scalar(text) => out.extend(text.ambiguous()),
        Kind::List(items) => items.iter().for_each(|item| ambiguous(item, out)),
        Kind::Map(_) => {}
    }
}
