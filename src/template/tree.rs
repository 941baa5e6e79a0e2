//! A template as we see it: the few things of Jinja that mean something here, checked and typed.
//!
//! Ranges are bytes of the template's text. Nothing here knows how the tree was parsed.

use std::ops::Range;

use crate::value::{ParamType, Scalar, Value};

/// A whole template.
#[derive(Debug)]
pub(super) struct Tree {
    /// What it is made of, in order.
    pub nodes: Vec<Node>,
    /// The place of each `{{ … }}`, by the number of its site.
    pub sites: Vec<Range<usize>>,
    /// Which parameters it mentions.
    pub used: Vec<bool>,
    /// Whether a part could not be understood, so that its shapes would mean nothing.
    pub broken: bool,
}

impl Tree {
    /// Calls `found` with each parameter that is a condition, or a side of one, only by being true, and is a boolean or a
    /// number.
    pub fn truthy_guards(&self, found: &mut impl FnMut(Range<usize>, usize)) {
        let mut left: Vec<&Node> = self.nodes.iter().collect();
        while let Some(node) = left.pop() {
            match node {
                Node::Text(_) | Node::Bind(_) | Node::Spread(_) | Node::Choice { .. } => {}
                Node::If { branches, otherwise } => {
                    for (condition, nodes) in branches {
                        condition.truthy(found);
                        left.extend(nodes);
                    }
                    left.extend(otherwise);
                }
                Node::For { body, .. } => left.extend(body),
            }
        }
    }
}

/// One piece of a template.
#[derive(Debug)]
pub(super) enum Node {
    /// Text that is copied.
    Text(Range<usize>),
    /// One placeholder.
    Bind(Site),
    /// One placeholder for each element of a list.
    Spread(Spread),
    /// The author's text for the word in a choice parameter.
    Choice {
        /// The parameter.
        param: usize,
        /// The name in the template.
        range: Range<usize>,
    },
    /// `if`, `elif`, `else`.
    If {
        /// Conditions and what they guard, in order.
        branches: Vec<(Expr, Vec<Node>)>,
        /// What stands when none holds.
        otherwise: Vec<Node>,
    },
    /// `for`.
    For {
        /// The list parameter.
        list: usize,
        /// Its name in the template.
        range: Range<usize>,
        /// What is repeated.
        body: Vec<Node>,
    },
}

/// A `{{ … }}` that binds one value.
#[derive(Debug)]
pub(super) struct Site {
    /// Its number.
    pub id: usize,
    /// The value.
    pub expr: Expr,
    /// The type that is bound, whatever the value.
    pub ty: ParamType,
    /// The parameter, where it is exactly one.
    pub param: Option<usize>,
    /// For a timestamp: the parameter whose zone is meant.
    pub zone: Option<usize>,
    /// Whether wildcards are escaped in it.
    pub like: bool,
}

impl Site {
    /// The site of a value; what was reported gets a type of no meaning.
    pub fn new(id: usize, expr: Expr) -> Self {
        let ty = match expr.ty {
            Type::Of(ty) => ty,
            Type::Null | Type::Unknown => ParamType::one(Scalar::String),
        };
        let mut like = false;
        expr.visit(&mut |expr| like |= expr.is_pattern());
        let mut zone = None;
        if ty.scalar == Scalar::Timestamp {
            expr.visit(&mut |expr| match expr.kind {
                Kind::Param(param) | Kind::Item { list: param, .. } => zone = zone.or(Some(param)),
                _ => {}
            });
        }
        Self { id, param: expr.only_param(), ty, zone, like, expr }
    }
}

/// `{{ list | spread }}`.
#[derive(Debug)]
pub(super) struct Spread {
    /// Its number.
    pub id: usize,
    /// The list parameter.
    pub list: usize,
    /// The list's name in the template.
    pub range: Range<usize>,
    /// The type of an element.
    pub ty: ParamType,
    /// Whether the number of placeholders is rounded up to a power of two.
    pub padded: bool,
}

impl Spread {
    /// How many placeholders a list of this length gets.
    pub fn count(&self, length: usize) -> usize {
        if self.padded { length.next_power_of_two() } else { length }
    }
}

/// What is known about a value before any call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Type {
    /// A value of this type, or null.
    Of(ParamType),
    /// `none`.
    Null,
    /// Nothing: what it is made of is wrong elsewhere.
    Unknown,
}

impl Type {
    /// A single value.
    pub const fn one(scalar: Scalar) -> Self {
        Self::Of(ParamType::one(scalar))
    }
}

/// An expression.
#[derive(Debug)]
pub(super) struct Expr {
    /// What it does.
    pub kind: Kind,
    /// What it gives.
    pub ty: Type,
    /// Its place.
    pub range: Range<usize>,
}

/// What an [`Expr`] does.
#[derive(Debug)]
pub(super) enum Kind {
    /// A constant.
    Const(Value),
    /// A parameter's value.
    Param(usize),
    /// The current element of a loop, counted from the outermost.
    Item {
        /// The loop.
        depth: usize,
        /// The list parameter that it walks.
        list: usize,
    },
    /// `loop.first`, `loop.last` or `loop.index` of a loop, counted from the outermost.
    Loop(LoopField, usize),
    /// `a ~ b ~ …`.
    Concat(Vec<Expr>),
    /// A filter of a value.
    Filter(Filter, Box<Expr>),
    /// `a | default(b)`.
    Default(Box<Expr>, Box<Expr>),
    /// `name is defined`.
    Defined(Box<Expr>),
    /// `a is none`.
    IsNull(Box<Expr>),
    /// A comparison.
    Compare(Comparison, Box<Expr>, Box<Expr>),
    /// `a in [b, c]`.
    OneOf(Box<Expr>, Vec<Expr>),
    /// `a in b`, with a list parameter or a text.
    In(Box<Expr>, Box<Expr>),
    /// `not a`.
    Not(Box<Expr>),
    /// `a and b`.
    And(Box<Expr>, Box<Expr>),
    /// `a or b`.
    Or(Box<Expr>, Box<Expr>),
    /// Something wrong that was reported.
    Invalid,
}

/// What a template may know of its loop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LoopField {
    First,
    Last,
    Index,
}

/// The comparisons.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Comparison {
    /// Whether it only asks for equality, which more types have than an order.
    pub fn is_equality(self) -> bool {
        matches!(self, Self::Equal | Self::NotEqual)
    }
}

/// The filters that compute a value (`default` and `spread` are no such filters).
#[derive(Debug)]
pub(super) enum Filter {
    Upper,
    Lower,
    Trim,
    Length,
    Replace(Box<Expr>, Box<Expr>),
    Round(u32),
    Abs,
    Contains,
    StartsWith,
    EndsWith,
}

impl Expr {
    /// Whether nothing about it comes from a caller. What was reported is no constant.
    pub fn is_constant(&self) -> bool {
        let mut constant = true;
        self.visit(&mut |expr| {
            constant &= !matches!(expr.kind, Kind::Param(_) | Kind::Item { .. } | Kind::Loop(..) | Kind::Invalid);
        });
        constant
    }

    /// Visits this expression and all below it.
    pub fn visit<'e>(&'e self, f: &mut impl FnMut(&'e Self)) {
        f(self);
        match &self.kind {
            Kind::Const(_) | Kind::Param(_) | Kind::Item { .. } | Kind::Loop(..) | Kind::Invalid => {}
            Kind::Concat(parts) => parts.iter().for_each(|part| part.visit(f)),
            Kind::Filter(filter, input) => {
                input.visit(f);
                if let Filter::Replace(from, to) = filter {
                    from.visit(f);
                    to.visit(f);
                }
            }
            Kind::Defined(input) | Kind::IsNull(input) | Kind::Not(input) => input.visit(f),
            Kind::OneOf(input, items) => {
                input.visit(f);
                items.iter().for_each(|item| item.visit(f));
            }
            Kind::Default(a, b) | Kind::Compare(_, a, b) | Kind::In(a, b) | Kind::And(a, b) | Kind::Or(a, b) => {
                a.visit(f);
                b.visit(f);
            }
        }
    }

    /// Whether it makes a pattern of LIKE.
    pub fn is_pattern(&self) -> bool {
        matches!(self.kind, Kind::Filter(Filter::Contains | Filter::StartsWith | Filter::EndsWith, _))
    }

    fn truthy(&self, found: &mut impl FnMut(Range<usize>, usize)) {
        match (&self.kind, self.ty) {
            (Kind::Param(param), Type::Of(ParamType { scalar, list: false })) => {
                use Scalar::{Boolean, Decimal, Float, Integer};
                if matches!(scalar, Boolean | Integer | Decimal | Float) {
                    found(self.range.clone(), *param);
                }
            }
            (Kind::Not(input), _) => input.truthy(found),
            (Kind::And(a, b) | Kind::Or(a, b), _) => {
                a.truthy(found);
                b.truthy(found);
            }
            _ => {}
        }
    }

    /// The parameter that it depends on, where it is exactly one.
    pub fn only_param(&self) -> Option<usize> {
        let mut found = Vec::new();
        self.visit(&mut |expr| match expr.kind {
            Kind::Param(param) | Kind::Item { list: param, .. } if !found.contains(&param) => found.push(param),
            _ => {}
        });
        if let [only] = found[..] { Some(only) } else { None }
    }
}
