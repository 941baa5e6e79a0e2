//! Sample values that stand for all values of a parameter: the smallest set that makes every condition go every way that
//! it can go.
//!
//! Two values that give the same result in each condition which mentions only their parameter are one class, and one of
//! them is kept. A condition over several parameters keeps them apart.

use std::collections::HashSet;

use bigdecimal::{BigDecimal, RoundingMode, ToPrimitive};
use jiff::civil;

use super::{
    Param,
    eval::{self, Frame, Halt, Lookup},
    tree::{Expr, Filter, Kind, Node},
};
use crate::value::{Scalar, Value};

/// Lists are explored up to this length.
const MAX_LENGTH: usize = 3;
/// Texts of a length that a condition compares with are made up to this length.
const MAX_TEXT: i64 = 1_000;
/// A parameter's classes; more could not be explored.
const MAX_CLASSES: usize = 4_096;

/// What the conditions of a template ask for.
#[derive(Debug, Default)]
pub(super) struct Demands<'t> {
    atoms: Vec<Atom<'t>>,
    constants: Vec<&'t Value>,
    /// Parameters whose value is written out, so that undefined must be told from everything else.
    written: HashSet<usize>,
    /// Lists whose length decides about the text.
    counted: HashSet<usize>,
    lengths: bool,
    /// Whether conditions change the case or the blanks of texts.
    folds: bool,
    /// Texts that conditions look for in other texts.
    searched: Vec<&'t str>,
}

/// A condition without `and`, `or` and `not`, and what it depends on.
#[derive(Debug)]
struct Atom<'t> {
    expr: &'t Expr,
    /// The parameter itself, or its elements, where it is exactly one of these.
    only: Option<Subject>,
    /// All parameters that it mentions.
    params: HashSet<usize>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Subject {
    Param(usize),
    Item { list: usize, depth: usize },
    Loop,
}

impl<'t> Demands<'t> {
    /// Collects them.
    pub fn of(nodes: &'t [Node]) -> Self {
        let mut demands = Self::default();
        demands.nodes(nodes);
        demands
    }

    fn nodes(&mut self, nodes: &'t [Node]) {
        for node in nodes {
            match node {
                Node::Text(_) => {}
                Node::Bind(site) => site.expr.visit(&mut |expr| {
                    if let Kind::Param(param) = expr.kind {
                        self.written.insert(param);
                    }
                }),
                Node::Spread(spread) => {
                    self.written.insert(spread.list);
                    self.counted.insert(spread.list);
                }
                Node::Choice { param, .. } => {
                    self.written.insert(*param);
                    self.counted.insert(*param);
                }
                Node::If { branches, otherwise } => {
                    for (condition, body) in branches {
                        self.condition(condition);
                        self.nodes(body);
                    }
                    self.nodes(otherwise);
                }
                Node::For { list, body, .. } => {
                    self.written.insert(*list);
                    self.counted.insert(*list);
                    self.nodes(body);
                }
            }
        }
    }

    fn condition(&mut self, condition: &'t Expr) {
        match &condition.kind {
            Kind::And(a, b) | Kind::Or(a, b) => {
                self.condition(a);
                self.condition(b);
            }
            Kind::Not(a) => self.condition(a),
            _ => self.atom(condition),
        }
    }

    fn atom(&mut self, atom: &'t Expr) {
        let mut subjects = HashSet::new();
        atom.visit(&mut |expr| match &expr.kind {
            Kind::Param(param) => {
                subjects.insert(Subject::Param(*param));
            }
            Kind::Item { depth, list } => {
                subjects.insert(Subject::Item { list: *list, depth: *depth });
            }
            Kind::Loop(..) => {
                subjects.insert(Subject::Loop);
            }
            Kind::Const(value) => self.constants.push(value),
            Kind::Filter(Filter::Length, _) => self.lengths = true,
            Kind::Filter(Filter::Upper | Filter::Lower | Filter::Trim, _) => self.folds = true,
            Kind::In(a, _) => match &a.kind {
                Kind::Const(Value::Text(text)) if !self.searched.contains(&&**text) => self.searched.push(text),
                _ => {}
            },
            _ => {}
        });
        let params = subjects.iter().filter_map(|subject| match subject {
            Subject::Param(param) | Subject::Item { list: param, .. } => Some(*param),
            Subject::Loop => None,
        });
        let params = params.collect();
        let only = if subjects.len() == 1 { subjects.into_iter().next() } else { None };
        self.atoms.push(Atom { expr: atom, only, params });
    }

    /// The samples of a parameter, one for each class; `None` is undefined.
    pub fn samples(&self, param: usize, declared: &Param) -> Vec<Option<Value>> {
        let Some(ty) = declared.ty else { return vec![None] };
        let mut samples = Vec::new();
        if ty.list {
            let items = self.items(param, ty.scalar);
            samples.extend(lists(&items).into_iter().map(Some));
        } else if ty.scalar == Scalar::Choice {
            samples.extend(declared.choices.iter().map(|(word, _)| Some(Value::Text(word.as_str().into()))));
        } else {
            samples.extend(self.scalars(ty.scalar).into_iter().map(Some));
        }
        if declared.nullable {
            samples.push(Some(Value::Null));
        }
        if declared.optional {
            samples.push(None);
        }
        // With conditions over several parameters there is no telling which samples are alike; words that are written out
        // all differ.
        let differ = ty.scalar == Scalar::Choice && self.counted.contains(&param);
        let shared = differ || self.atoms.iter().any(|atom| atom.only.is_none() && atom.params.contains(&param));
        let mut seen = HashSet::new();
        samples.retain(|sample| shared || seen.insert(self.signature(param, sample.as_ref())));
        samples.truncate(MAX_CLASSES);
        samples
    }

    /// What conditions can tell about a value.
    fn signature(&self, param: usize, sample: Option<&Value>) -> Vec<Option<usize>> {
        let mut signature: Vec<Option<usize>> = self.outcomes(Subject::Param(param), param, sample, &[]);
        if self.written.contains(&param) {
            signature.push(Some(usize::from(sample.is_none())));
        }
        if let Some(Value::List(items)) = sample {
            if self.counted.contains(&param) {
                signature.push(Some(items.len()));
            }
            for item in items.iter() {
                signature.extend(self.item_outcomes(param, item));
            }
        }
        signature
    }

    /// The results of the conditions that mention only this subject; an error is a result, too.
    fn outcomes(
        &self,
        subject: Subject,
        param: usize,
        sample: Option<&Value>,
        frames: &[Frame<'_>],
    ) -> Vec<Option<usize>> {
        let lookup = One { param, sample };
        let atoms = self.atoms.iter().filter(|atom| atom.only == Some(subject));
        atoms.map(|atom| eval::truth(atom.expr, &lookup, frames).ok().map(usize::from)).collect()
    }

    fn item_outcomes(&self, list: usize, item: &Value) -> Vec<Option<usize>> {
        let subjects: HashSet<usize> = self
            .atoms
            .iter()
            .filter_map(|atom| match atom.only {
                Some(Subject::Item { list: of, depth }) if of == list => Some(depth),
                _ => None,
            })
            .collect();
        let mut depths: Vec<usize> = subjects.into_iter().collect();
        depths.sort_unstable();
        let items = std::slice::from_ref(item);
        depths
            .into_iter()
            .flat_map(|depth| {
                let frames = vec![Frame { items, index: 0 }; depth + 1];
                self.outcomes(Subject::Item { list, depth }, list, None, &frames)
            })
            .collect()
    }

    /// The elements to make lists of: one for each class, judged by itself and as the only element of a list.
    fn items(&self, list: usize, scalar: Scalar) -> Vec<Value> {
        let mentions_item = |atom: &Atom<'_>| {
            let mut found = false;
            atom.expr.visit(&mut |expr| found |= matches!(expr.kind, Kind::Item { list: of, .. } if of == list));
            found
        };
        let shared =
            self.atoms.iter().any(|atom| atom.only.is_none() && atom.params.contains(&list) && mentions_item(atom));
        let mut seen = HashSet::new();
        let mut items = self.scalars(scalar);
        items.retain(|item| {
            let mut signature = self.item_outcomes(list, item);
            let alone = Value::List([item.clone()].into());
            signature.extend(self.outcomes(Subject::Param(list), list, Some(&alone), &[]));
            shared || seen.insert(signature)
        });
        // All lists of three elements are made of these.
        items.truncate(12);
        items
    }

    /// Values of a type: the usual ones, the constants that conditions mention, and their neighbours.
    fn scalars(&self, scalar: Scalar) -> Vec<Value> {
        match scalar {
            Scalar::Boolean => vec![Value::Boolean(true), Value::Boolean(false)],
            Scalar::String | Scalar::Choice => self.texts().into_iter().map(|text| Value::Text(text.into())).collect(),
            Scalar::Integer => {
                let floor = |n: BigDecimal| n.with_scale_round(0, RoundingMode::Floor).to_i64();
                let mut numbers = vec![1, 0];
                let near = |n: i64| [Some(n), n.checked_sub(1), n.checked_add(1)].into_iter().flatten();
                numbers.extend(self.numbers().into_iter().filter_map(floor).flat_map(near));
                numbers.sort_unstable();
                numbers.dedup();
                numbers.into_iter().map(Value::Integer).collect()
            }
            Scalar::Decimal => self.numbers().into_iter().map(Value::Decimal).collect(),
            Scalar::Float => {
                let numbers = self.numbers().into_iter().filter_map(|n| n.to_f64());
                numbers.filter(|n| n.is_finite()).map(Value::Float).collect()
            }
            Scalar::Date => (1..=3).map(|day| Value::Date(civil::Date::constant(2000, 1, day))).collect(),
            Scalar::Time => (1..=3).map(|hour| Value::Time(civil::Time::constant(hour, 0, 0, 0))).collect(),
            Scalar::Timestamp => {
                (1..=3).map(|day| Value::Timestamp(civil::DateTime::constant(2000, 1, day, 0, 0, 0, 0))).collect()
            }
            Scalar::Uuid => (1..=3).map(|n| Value::Uuid(uuid::Uuid::from_u128(n))).collect(),
            Scalar::Json => vec![Value::Json("{}".into())],
        }
    }

    /// One, zero, the constants and their negatives (for `abs`), and a number between each two of these and beyond them.
    fn numbers(&self) -> Vec<BigDecimal> {
        let mut points: Vec<BigDecimal> = vec![BigDecimal::from(0)];
        for constant in &self.constants {
            let point = match constant {
                Value::Integer(n) => BigDecimal::from(*n),
                Value::Decimal(n) => n.clone(),
                Value::Float(n) if n.abs() < 1e18 => BigDecimal::try_from(*n).unwrap_or_default(),
                _ => continue,
            };
            points.extend([-&point, point]);
        }
        points.sort();
        points.dedup();
        let between: Vec<BigDecimal> = points.windows(2).map(|pair| (&pair[0] + &pair[1]).half()).collect();
        let beyond = [&points[0] - 1, &points[points.len() - 1] + 1];
        let mut numbers = vec![BigDecimal::from(1)];
        numbers.extend(points);
        numbers.extend(between);
        numbers.extend(beyond);
        numbers
    }

    fn texts(&self) -> Vec<String> {
        let mut texts = vec!["x".to_owned(), String::new()];
        for constant in &self.constants {
            let Value::Text(text) = constant else { continue };
            let mut shorter = text.to_string();
            shorter.pop();
            texts.extend([text.to_string(), shorter, format!("{text}a")]);
            if self.folds {
                texts.extend([text.to_lowercase(), text.to_uppercase(), format!(" {text} ")]);
            }
        }
        texts.extend(joined(&self.searched));
        if self.lengths {
            let lengths = self.constants.iter().filter_map(|constant| match constant {
                Value::Integer(n @ 0..=MAX_TEXT) => Some([*n, n - 1, n + 1]),
                _ => None,
            });
            let lengths: Vec<usize> = lengths.flatten().map(|n| usize::try_from(n).unwrap_or(0)).collect();
            let padded = |text: &String| -> Vec<String> {
                let missing = lengths.iter().filter_map(|n| n.checked_sub(text.chars().count()));
                missing.map(|missing| text.clone() + &"x".repeat(missing)).collect()
            };
            let padded: Vec<String> = texts.iter().flat_map(padded).take(MAX_CLASSES).collect();
            texts.extend(padded);
        }
        texts
    }
}

/// Texts that hold several of these: every selection of the first six, and all of them.
fn joined(texts: &[&str]) -> Vec<String> {
    let few = texts.len().min(6);
    let selections = (0..1_usize << few).filter(|selection| selection.count_ones() > 1);
    let select = |selection: usize| (0..few).filter(|at| selection >> at & 1 == 1).map(|at| texts[at]).collect();
    let mut joined: Vec<String> = selections.map(select).collect();
    joined.extend((texts.len() > few).then(|| texts.concat()));
    joined
}

/// All lists of up to three of these elements, short ones first.
fn lists(items: &[Value]) -> Vec<Value> {
    let mut lists: Vec<Vec<Value>> = vec![Vec::new()];
    let mut from = 0;
    for _ in 0..MAX_LENGTH {
        let to = lists.len();
        for at in from..to {
            for item in items {
                let mut longer = lists[at].clone();
                longer.push(item.clone());
                lists.push(longer);
            }
        }
        from = to;
    }
    lists.into_iter().map(|list| Value::List(list.into())).collect()
}

/// A call in which only one parameter has a value.
struct One<'s> {
    param: usize,
    sample: Option<&'s Value>,
}

impl<'s> Lookup<'s> for One<'s> {
    fn param(&self, param: usize) -> Result<Option<&'s Value>, Halt> {
        if param == self.param { Ok(self.sample) } else { Err(Halt::Unassigned(param)) }
    }
}
