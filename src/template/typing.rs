//! The types of expressions: which names there are, which filters and comparisons fit, and what to write instead.
//!
//! Every function takes operands that are already typed and answers an expression; a wrong one is reported once, and what
//! is built on it is left alone.

use std::ops::Range;

use super::{
    Dialect, Param, filters,
    tree::{Comparison, Expr, Filter, Kind, LoopField, Type},
};
use crate::{
    diagnostic::{
        CHOICE_MISUSED, Diagnostic, LIKE_ESCAPE, Rule, TEMPLATE_UNSUPPORTED, TYPE_MISMATCH, UNKNOWN_FILTER, suggest,
    },
    value::{ParamType, Scalar, Value},
    yaml::Text,
};

/// The state of typing one template.
pub(super) struct Typing<'a> {
    pub source: &'a Text,
    pub dialect: Dialect,
    pub params: &'a [Param],
    pub out: &'a mut Vec<Diagnostic>,
    /// The loops around the current place: the name of the element and the list parameter.
    pub loops: Vec<(String, usize)>,
    /// Which parameters were mentioned.
    pub used: Vec<bool>,
    /// Whether something could not be understood.
    pub broken: bool,
}

impl Typing<'_> {
    /// Reports an error at a place of the template.
    pub fn error(
        &mut self,
        rule: &'static Rule,
        range: &Range<usize>,
        message: impl Into<String>,
        help: Option<String>,
    ) {
        self.out.push(rule.at(self.source.span_of(range.clone()), message).maybe_help(help));
    }

    /// Reports something of Jinja that is not part of the language, and what to write instead.
    pub fn unsupported(&mut self, range: &Range<usize>, what: &str, instead: &str) -> Expr {
        self.error(
            &TEMPLATE_UNSUPPORTED,
            range,
            format!("{what} is not part of this template language"),
            Some(instead.into()),
        );
        invalid(range)
    }

    fn mismatch(&mut self, range: &Range<usize>, message: String, help: Option<String>) -> Expr {
        self.error(&TYPE_MISMATCH, range, message, help);
        invalid(range)
    }

    /// A name: an element of a loop around it, or a parameter.
    pub fn name(&mut self, name: &str, range: Range<usize>) -> Expr {
        if let Some(depth) = self.loops.iter().rposition(|(element, _)| element == name) {
            let list = self.loops[depth].1;
            let ty = self.params[list].ty.map_or(Type::Unknown, |ty| Type::one(ty.scalar));
            return Expr { kind: Kind::Item { depth, list }, ty, range };
        }
        if let Some(param) = self.params.iter().position(|param| param.name == name) {
            self.used[param] = true;
            // A parameter without a type was reported where it is declared.
            self.broken |= self.params[param].ty.is_none();
            let ty = self.params[param].ty.map_or(Type::Unknown, Type::Of);
            return Expr { kind: Kind::Param(param), ty, range };
        }
        if name == "loop" {
            let instead = "write `loop.first`, `loop.last` or `loop.index` inside of a `for`";
            return self.unsupported(&range, "`loop` by itself", instead);
        }
        let names = self.params.iter().map(|param| param.name.as_str());
        let names: Vec<&str> = names.chain(self.loops.iter().map(|(element, _)| element.as_str())).collect();
        let help = match suggest::help(name, names.iter().copied()) {
            Some(help) => help,
            None => format!("declare it: `params: {{ {name}: string }}`"),
        };
        self.error(&crate::diagnostic::UNKNOWN_PARAMETER, &range, format!("unknown parameter `{name}`"), Some(help));
        invalid(&range)
    }

    /// `loop.name`.
    pub fn loop_field(&mut self, name: &str, range: Range<usize>) -> Expr {
        let (field, scalar) = match name {
            "first" => (LoopField::First, Scalar::Boolean),
            "last" => (LoopField::Last, Scalar::Boolean),
            "index" => (LoopField::Index, Scalar::Integer),
            _ => {
                let instead = "there are `loop.first`, `loop.last` and `loop.index` (from 1)";
                return self.unsupported(&range, &format!("`loop.{name}`"), instead);
            }
        };
        match self.loops.len().checked_sub(1) {
            Some(depth) => Expr { kind: Kind::Loop(field, depth), ty: Type::one(scalar), range },
            None => self.unsupported(&range, "`loop` outside of a `for`", "move it inside `{% for … in … %}`"),
        }
    }

    /// `a ~ b ~ …`.
    pub fn concat(&mut self, parts: Vec<Expr>, range: Range<usize>) -> Expr {
        for part in &parts {
            let fits = match part.ty {
                Type::Unknown | Type::Null => true,
                Type::Of(ParamType { list: true, .. }) => false,
                Type::Of(ParamType { scalar, .. }) => match scalar {
                    Scalar::String | Scalar::Integer | Scalar::Decimal | Scalar::Date | Scalar::Time | Scalar::Uuid => {
                        true
                    }
                    Scalar::Choice => {
                        self.choice_misused(part, "joined with `~`");
                        return invalid(&range);
                    }
                    Scalar::Float | Scalar::Boolean | Scalar::Timestamp | Scalar::Json => false,
                },
            };
            if !fits {
                let message = format!("`~` joins texts, but {} has no single text", self.describe(part));
                return self.mismatch(&part.range.clone(), message, Some("bind it by itself and join in SQL".into()));
            }
        }
        Expr { kind: Kind::Concat(parts), ty: Type::one(Scalar::String), range }
    }

    /// A test, `is name`.
    pub fn test(&mut self, name: &str, input: Expr, range: Range<usize>) -> Expr {
        let ty = Type::one(Scalar::Boolean);
        match name {
            "defined" | "undefined" => {
                if !matches!(input.kind, Kind::Param(_) | Kind::Item { .. } | Kind::Invalid) {
                    let message = format!("`is {name}` asks for a parameter, got an expression");
                    return self.mismatch(&input.range.clone(), message, Some("test the parameter itself".into()));
                }
                let defined = Expr { kind: Kind::Defined(Box::new(input)), ty, range: range.clone() };
                if name == "defined" { defined } else { Expr { kind: Kind::Not(Box::new(defined)), ty, range } }
            }
            "none" => {
                self.no_choice(&input, "tested for null");
                Expr { kind: Kind::IsNull(Box::new(input)), ty, range }
            }
            _ => {
                let help = match name {
                    "null" => Some("write `is none`".into()),
                    "eq" | "equalto" => Some("write `==`".into()),
                    "in" => Some("write `in` without `is`".into()),
                    _ => suggest::help(name, ["defined", "undefined", "none"]),
                };
                self.error(&UNKNOWN_FILTER, &range, format!("unknown test `{name}`"), help);
                invalid(&range)
            }
        }
    }

    /// A filter with its arguments; `None` is an argument that was reported.
    pub fn filter(&mut self, name: &str, input: Expr, args: Vec<Expr>, range: Range<usize>) -> Expr {
        if !filters::NAMES.contains(&name) {
            let help = match name {
                "safe" | "escape" | "e" => {
                    Some("remove it: a value is bound and never becomes part of the text".to_owned())
                }
                "join" => Some("write `{{ list | spread }}`: one placeholder for each element".into()),
                "int" | "float" | "string" | "bool" => Some("declare the parameter with the type that you need".into()),
                _ => suggest::help(name, filters::NAMES),
            };
            self.error(&UNKNOWN_FILTER, &range, format!("unknown filter `{name}`"), help);
            return invalid(&range);
        }
        let allowed = match name {
            "replace" => 2..=2,
            "default" => 1..=1,
            "round" => 0..=1,
            _ => 0..=0,
        };
        if !allowed.contains(&args.len()) {
            let expected = match name {
                "replace" => "two arguments, `replace('from', 'to')`",
                "default" => "one argument, `default(value)`",
                "round" => "at most the number of digits, `round(2)`",
                _ => "no argument",
            };
            return self.mismatch(&range, format!("`{name}` takes {expected}, got {}", args.len()), None);
        }
        if self.no_choice(&input, "filtered") || args.iter().any(|arg| self.no_choice(arg, "used as an argument")) {
            return invalid(&range);
        }
        if name == "spread" {
            let instead = "write `{{ list | spread }}` with nothing around it";
            return self.unsupported(&range, "`spread` inside of an expression", instead);
        }
        let mut args = args.into_iter();
        match (name, args.next(), args.next()) {
            ("default", Some(fallback), _) => self.default(input, fallback, range),
            ("replace", Some(from), Some(to)) => {
                for arg in [&from, &to] {
                    if !matches!(arg.ty, Type::Unknown | Type::Null) && arg.ty != Type::one(Scalar::String) {
                        let message = format!("`replace` takes texts, but {}", self.is(arg));
                        return self.mismatch(&arg.range.clone(), message, Some("write it in quotes".into()));
                    }
                }
                self.text_filter("replace", Filter::Replace(Box::new(from), Box::new(to)), input, range)
            }
            ("upper", ..) => self.text_filter(name, Filter::Upper, input, range),
            ("lower", ..) => self.text_filter(name, Filter::Lower, input, range),
            ("trim", ..) => self.text_filter(name, Filter::Trim, input, range),
            ("contains", ..) => self.text_filter(name, Filter::Contains, input, range),
            ("starts_with", ..) => self.text_filter(name, Filter::StartsWith, input, range),
            ("ends_with", ..) => self.text_filter(name, Filter::EndsWith, input, range),
            ("length", ..) => {
                let fits = match input.ty {
                    Type::Of(ty) => ty.list || ty.scalar == Scalar::String,
                    Type::Unknown | Type::Null => true,
                };
                if !fits {
                    let message = format!("`length` takes a text or a list, but {}", self.is(&input));
                    return self.mismatch(&input.range.clone(), message, None);
                }
                Expr { kind: Kind::Filter(Filter::Length, Box::new(input)), ty: Type::one(Scalar::Integer), range }
            }
            ("abs", ..) => self.number_filter(name, Filter::Abs, input, range),
            (_, digits, _) => {
                let digits = match digits.map(|digits| (digits.kind, digits.range)) {
                    None => 0,
                    Some((Kind::Const(Value::Integer(digits @ 0..=38)), _)) => digits as u32,
                    Some((Kind::Invalid, _)) => return invalid(&range),
                    Some((_, at)) => {
                        return self.mismatch(&at, "`round` takes a constant from 0 to 38".into(), None);
                    }
                };
                self.number_filter("round", Filter::Round(digits), input, range)
            }
        }
    }

    fn text_filter(&mut self, name: &str, filter: Filter, input: Expr, range: Range<usize>) -> Expr {
        let string = Type::one(Scalar::String);
        if !matches!(input.ty, Type::Unknown | Type::Null) && input.ty != string {
            let message = format!("`{name}` takes a text, but {}", self.is(&input));
            let help = match input.kind {
                Kind::Param(param) => Some(format!("declare `{}` as `string`", self.params[param].name)),
                _ => None,
            };
            return self.mismatch(&input.range.clone(), message, help);
        }
        Expr { kind: Kind::Filter(filter, Box::new(input)), ty: string, range }
    }

    fn number_filter(&mut self, name: &str, filter: Filter, input: Expr, range: Range<usize>) -> Expr {
        let ty = input.ty;
        if !matches!(ty, Type::Unknown | Type::Null) && class(ty) != Some(Class::Number) {
            let message = format!("`{name}` takes a number, but {}", self.is(&input));
            return self.mismatch(&input.range.clone(), message, None);
        }
        Expr { kind: Kind::Filter(filter, Box::new(input)), ty, range }
    }

    fn default(&mut self, input: Expr, fallback: Expr, range: Range<usize>) -> Expr {
        let ty = match (input.ty, fallback.ty) {
            (Type::Unknown, _) | (_, Type::Unknown) => Type::Unknown,
            (Type::Null, ty) | (ty, Type::Null) => ty,
            (Type::Of(a), Type::Of(b)) if widens(b, a) => Type::Of(a),
            _ => {
                let message = format!("{}, but {}", self.is(&input), self.is(&fallback));
                let help = "give both the same type, or the parameter a `default:`";
                return self.mismatch(&fallback.range.clone(), message, Some(help.into()));
            }
        };
        Expr { kind: Kind::Default(Box::new(input), Box::new(fallback)), ty, range }
    }

    /// A comparison.
    pub fn compare(&mut self, comparison: Comparison, a: Expr, b: Expr, range: Range<usize>) -> Expr {
        if !self.comparable(comparison, &a, &b, &range) {
            return invalid(&range);
        }
        Expr { kind: Kind::Compare(comparison, Box::new(a), Box::new(b)), ty: Type::one(Scalar::Boolean), range }
    }

    /// `a in [b, c]`.
    pub fn one_of(&mut self, a: Expr, items: Vec<Expr>, range: Range<usize>) -> Expr {
        for item in &items {
            if !self.comparable(Comparison::Equal, &a, item, &item.range) {
                return invalid(&range);
            }
        }
        Expr { kind: Kind::OneOf(Box::new(a), items), ty: Type::one(Scalar::Boolean), range }
    }

    /// `a in b`.
    pub fn contained(&mut self, a: Expr, b: Expr, range: Range<usize>) -> Expr {
        let fits = match (a.ty, b.ty) {
            (Type::Unknown, _) | (_, Type::Unknown) => true,
            (_, Type::Of(ParamType { scalar, list: true })) => match class(a.ty) {
                found if found == class(Type::one(scalar)) => true,
                _ => a.ty == Type::Null,
            },
            (a, b) => a == b && a == Type::one(Scalar::String),
        };
        if self.no_choice(&b, "searched") {
            return invalid(&range);
        }
        if !fits {
            let message = format!("`in` searches a list of the same type, but {} and {}", self.is(&a), self.is(&b));
            let help = "write a list such as `status in ['open', 'new']`, or name a list parameter";
            return self.mismatch(&range, message, Some(help.into()));
        }
        Expr { kind: Kind::In(Box::new(a), Box::new(b)), ty: Type::one(Scalar::Boolean), range }
    }

    fn comparable(&mut self, comparison: Comparison, a: &Expr, b: &Expr, range: &Range<usize>) -> bool {
        let (x, y) = match (a.ty, b.ty) {
            (Type::Unknown, _) | (_, Type::Unknown) => return true,
            (Type::Null, _) | (_, Type::Null) => {
                if !comparison.is_equality() {
                    self.mismatch(range, "null has no order".into(), Some("write `is none` or `is not none`".into()));
                }
                return comparison.is_equality();
            }
            (Type::Of(x), Type::Of(y)) => (x, y),
        };
        if x.list || y.list {
            let message = format!("a list is not compared, but {} and {}", self.is(a), self.is(b));
            let help = "write `in`, `{% if list %}`, or `list | length`";
            self.mismatch(range, message, Some(help.into()));
            return false;
        }
        for (choice, other) in [(a, b), (b, a)] {
            if choice.ty == Type::one(Scalar::Choice) {
                return self.choice_comparable(comparison, choice, other, range);
            }
        }
        if x.scalar == Scalar::Json || y.scalar == Scalar::Json {
            let help = "compare in SQL, with the database's JSON functions";
            self.mismatch(range, "a JSON document is not compared in a template".into(), Some(help.into()));
            return false;
        }
        let (x, y) = (class(a.ty), class(b.ty));
        if x != y {
            let message = format!("two values of different types are compared: {} and {}", self.is(a), self.is(b));
            let help = self.mismatch_help(a, b).or_else(|| self.mismatch_help(b, a));
            let help = help.unwrap_or_else(|| "declare the parameter with the type of the other side".into());
            self.mismatch(range, message, Some(help));
            return false;
        }
        if !comparison.is_equality() && matches!(x, Some(Class::Boolean | Class::Uuid)) {
            self.mismatch(range, format!("{} and has no order", self.is(a)), Some("compare with `==` or `!=`".into()));
            return false;
        }
        true
    }

    /// A choice may only be compared for equality, with one of its words or with another text.
    fn choice_comparable(&mut self, comparison: Comparison, choice: &Expr, other: &Expr, range: &Range<usize>) -> bool {
        if !comparison.is_equality() {
            self.choice_misused(choice, "ordered");
            return false;
        }
        if !matches!(class(other.ty), Some(Class::Text | Class::Choice)) {
            let message = format!("a choice is one of its words, but {}", self.is(other));
            self.mismatch(range, message, None);
            return false;
        }
        if let (Kind::Param(param), Kind::Const(Value::Text(word))) = (&choice.kind, &other.kind) {
            let words: Vec<&str> = self.params[*param].choices.iter().map(|(word, _)| word.as_str()).collect();
            if !words.contains(&&**word) {
                let message = format!("`{word}` is not one of the words of `{}`", self.params[*param].name);
                let help = suggest::help(word, words.iter().copied());
                self.error(&CHOICE_MISUSED, &other.range, message, help);
                return false;
            }
        }
        true
    }

    /// For a constant next to a parameter of another type: how to write it.
    fn mismatch_help(&self, constant: &Expr, other: &Expr) -> Option<String> {
        let Kind::Const(value) = &constant.kind else { return None };
        let written = &self.source.value[constant.range.clone()];
        match (value, class(other.ty)?) {
            (Value::Integer(_) | Value::Decimal(_) | Value::Float(_), Class::Text) => {
                Some(format!("write `'{written}'`"))
            }
            (Value::Text(text), Class::Number) if text.parse::<f64>().is_ok() => {
                Some(format!("write `{text}` without quotes"))
            }
            (Value::Text(text), Class::Boolean) if matches!(&**text, "true" | "false") => {
                Some(format!("write `{text}` without quotes"))
            }
            (_, Class::Boolean) => Some("write `true` or `false`, or only the name".into()),
            _ => None,
        }
    }

    /// Whether SOQL can write the values of a placeholder. A pattern must be as its filter made it: it is written with the
    /// escapes that the filter added.
    pub fn is_literal(&mut self, expr: &Expr, site: &Range<usize>) -> bool {
        if class(expr.ty) == Some(Class::Json) {
            let help = "declare the parameter with the type of the field: a text, a number, a date";
            self.mismatch(site, format!("SOQL has no JSON, but {}", self.is(expr)), Some(help.into()));
            return false;
        }
        let mut changed = false;
        expr.visit(&mut |part| changed |= part.is_pattern() && !std::ptr::eq(part, expr));
        if changed {
            let message = "in SOQL `contains`, `starts_with` and `ends_with` come last in a placeholder";
            let help = "join and change the text first: `{{ (a ~ b) | lower | contains }}`";
            self.error(&LIKE_ESCAPE, site, message, Some(help.into()));
        }
        !changed
    }

    /// A value that decides a branch by itself.
    pub fn condition(&mut self, expr: Expr) -> Expr {
        if self.no_choice(&expr, "used as a condition") { invalid(&expr.range) } else { expr }
    }

    /// Reports a choice in a place where it means nothing.
    fn no_choice(&mut self, expr: &Expr, how: &str) -> bool {
        let misused = class(expr.ty) == Some(Class::Choice);
        if misused {
            self.choice_misused(expr, how);
        }
        misused
    }

    fn choice_misused(&mut self, expr: &Expr, how: &str) {
        let message = format!("a choice stands for the author's own text and cannot be {how}");
        let help = "write it by itself, `{{ name }}`, or compare it with one of its words";
        self.error(&CHOICE_MISUSED, &expr.range, message, Some(help.into()));
    }

    /// "`x` is an integer".
    pub fn is(&self, expr: &Expr) -> String {
        let ty = match expr.ty {
            Type::Of(ty) => ty.to_string(),
            Type::Null => "null".into(),
            Type::Unknown => "unknown".into(),
        };
        let article = match ty.as_str() {
            "null" | "unknown" => "",
            ty if ty.starts_with("integer") => "an ",
            _ => "a ",
        };
        format!("{} is {article}{ty}", self.quote(&expr.range))
    }

    /// "the integer `x`".
    fn describe(&self, expr: &Expr) -> String {
        match expr.ty {
            Type::Of(ty) => format!("the {ty} {}", self.quote(&expr.range)),
            Type::Null | Type::Unknown => self.quote(&expr.range),
        }
    }

    /// A piece of the template in backticks, shortened.
    fn quote(&self, range: &Range<usize>) -> String {
        let written = self.source.value.get(range.clone()).unwrap_or_default();
        let mut short: String = written.chars().take(40).collect();
        if short.len() < written.len() {
            short.push('…');
        }
        format!("`{short}`")
    }
}

/// An expression that was reported; it fits everywhere.
pub(super) fn invalid(range: &Range<usize>) -> Expr {
    Expr { kind: Kind::Invalid, ty: Type::Unknown, range: range.clone() }
}

/// Types that can be compared with each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Class {
    Text,
    Number,
    Boolean,
    Date,
    Time,
    Timestamp,
    Uuid,
    Json,
    Choice,
    List,
}

fn class(ty: Type) -> Option<Class> {
    match ty {
        Type::Null | Type::Unknown => None,
        Type::Of(ParamType { list: true, .. }) => Some(Class::List),
        Type::Of(ParamType { scalar, list: false }) => Some(match scalar {
            Scalar::String => Class::Text,
            Scalar::Integer | Scalar::Decimal | Scalar::Float => Class::Number,
            Scalar::Boolean => Class::Boolean,
            Scalar::Date => Class::Date,
            Scalar::Time => Class::Time,
            Scalar::Timestamp => Class::Timestamp,
            Scalar::Uuid => Class::Uuid,
            Scalar::Json => Class::Json,
            Scalar::Choice => Class::Choice,
        }),
    }
}

/// Whether every value of `from` can become one of `to` without loss that matters.
fn widens(from: ParamType, to: ParamType) -> bool {
    from == to
        || !from.list
            && !to.list
            && matches!(
                (from.scalar, to.scalar),
                (Scalar::Integer, Scalar::Decimal | Scalar::Float) | (Scalar::Decimal, Scalar::Float)
            )
}
