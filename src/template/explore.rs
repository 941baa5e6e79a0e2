//! All shapes that values can reach, found by running the template over sample values: feasible by construction.
//!
//! A run stops at the first parameter that it needs and that has no sample yet, and goes on once for each of its samples.
//! So only parameters multiply that decide something on the same way through the template.

use std::{
    cell::OnceCell,
    collections::{BTreeMap, HashSet},
    ops::Range,
    sync::Arc,
};

use super::{
    Dialect, MAX_SHAPES, Param, Shape, Statement,
    eval::{Frame, Halt, Lookup},
    samples::Demands,
    shape_text::{MAX_TEXT_BYTES, NoText, Sources},
    tree::{Expr, Filter, Kind, Node, Site, Spread, Tree},
    walk::{Visitor, Walk},
};
use crate::{
    diagnostic::{Diagnostic, POSSIBLY_UNDEFINED, TOO_MANY_SHAPES},
    value::Value,
};

/// The most runs over sample values of one template.
const MAX_RUNS: usize = 10 * MAX_SHAPES;
/// The most bytes that the texts of all shapes of a template may have together.
const MAX_TOTAL_BYTES: usize = 16 * 1024 * 1024;

/// Explores a template, checks each shape's text once and answers the statements.
pub(super) fn explore(
    tree: &Tree,
    sources: &Arc<Sources>,
    dialect: Dialect,
    params: &[Param],
    out: &mut Vec<Diagnostic>,
) -> BTreeMap<Shape, Arc<Statement>> {
    let demands = Demands::of(&tree.nodes);
    let samples: Vec<Samples> = params.iter().map(|_| OnceCell::new()).collect();
    let mut shapes = BTreeMap::new();
    let mut findings = Findings { seen: HashSet::new(), out };
    let mut open = vec![vec![None; params.len()]];
    let (mut runs, mut bytes) = (0, 0);
    while let Some(assigned) = open.pop() {
        runs += 1;
        let exceeded = if shapes.len() > MAX_SHAPES {
            Some(format!("more than {MAX_SHAPES} texts come"))
        } else if runs > MAX_RUNS {
            Some(format!("more than {MAX_RUNS} combinations of values come"))
        } else if bytes > MAX_TOTAL_BYTES {
            Some(format!("more than {MAX_TOTAL_BYTES} bytes of texts come"))
        } else {
            None
        };
        if let Some(exceeded) = exceeded {
            findings.push(too_many(tree, sources, params, &exceeded));
            break;
        }
        let mut walk = Walk::default();
        let mut probe = Probe { params, samples: &samples, assigned: &assigned, undefined: Vec::new() };
        let ended = walk.run(&tree.nodes, &mut probe);
        for (param, range) in probe.undefined {
            findings.push(undefined(sources, params, param, range));
        }
        match ended {
            Ok(()) => {
                let shape = Shape(walk.decisions.into());
                if shapes.contains_key(&shape) {
                    continue;
                }
                let mut found = Vec::new();
                match Statement::new(tree, sources, dialect, &shape, &mut found) {
                    Ok(statement) => {
                        bytes += statement.text().len();
                        found.into_iter().for_each(|found| findings.push(found));
                        shapes.insert(shape, Arc::new(statement));
                    }
                    Err(NoText::TooLarge | NoText::Foreign) => {
                        let most = dialect.max_placeholders();
                        let message = format!(
                            "a text of this template is longer than {MAX_TEXT_BYTES} bytes, or has more than {most} placeholders"
                        );
                        let found = TOO_MANY_SHAPES.at(sources.template.span, message);
                        findings.push(found.help("nest fewer loops"));
                        break;
                    }
                }
            }
            Err(Halt::Unassigned(param)) => {
                let count = samples[param].get_or_init(|| demands.samples(param, &params[param])).len();
                // The last one pushed is explored first.
                for sample in (0..count).rev() {
                    let mut assigned = assigned.clone();
                    assigned[param] = Some(sample);
                    open.push(assigned);
                }
            }
            Err(Halt::Undefined { param, range }) => findings.push(undefined(sources, params, param, range)),
            // No call gets past this with these values either.
            Err(Halt::EmptyList(_) | Halt::Value { .. }) => {}
        }
    }
    shapes
}

type Samples = OnceCell<Vec<Option<Value>>>;

/// A run over sample values: it asks whether values are defined, and binds nothing.
struct Probe<'v> {
    params: &'v [Param],
    samples: &'v [Samples],
    assigned: &'v [Option<usize>],
    undefined: Vec<(Option<usize>, Range<usize>)>,
}

impl<'v> Lookup<'v> for Probe<'v> {
    fn param(&self, param: usize) -> Result<Option<&'v Value>, Halt> {
        let sample = self.assigned[param].and_then(|sample| self.samples[param].get()?.get(sample));
        sample.map(Option::as_ref).ok_or(Halt::Unassigned(param))
    }
}

impl<'v> Visitor<'v> for Probe<'v> {
    fn word(&self, param: usize, word: &str) -> Option<usize> {
        self.params[param].word(word)
    }

    fn bind(&mut self, site: &'v Site, _: &[Frame<'v>]) -> Result<(), Halt> {
        self.require(&site.expr);
        Ok(())
    }

    fn spread(&mut self, _: &'v Spread, _: &'v [Value]) {}
}

impl Probe<'_> {
    /// Whether a call may come here with the parameter undefined. One that no condition has asked about may be.
    fn may_be_undefined(&self, expr: &Expr) -> bool {
        match &expr.kind {
            Kind::Param(param) => match self.param(*param) {
                Ok(value) => value.is_none(),
                Err(_) => self.params[*param].optional,
            },
            Kind::Default(input, fallback) => self.may_be_undefined(input) && self.may_be_undefined(fallback),
            _ => false,
        }
    }

    /// Collects what may be undefined in an expression whose value is needed.
    fn require(&mut self, expr: &Expr) {
        match &expr.kind {
            Kind::Param(_) if self.may_be_undefined(expr) => {
                self.undefined.push((expr.only_param(), expr.range.clone()));
            }
            Kind::Default(input, fallback) => {
                self.require_parts(input);
                if self.may_be_undefined(input) {
                    self.require(fallback);
                }
            }
            _ => self.require_parts(expr),
        }
    }

    /// The same for an expression that may be undefined itself.
    fn require_parts(&mut self, expr: &Expr) {
        match &expr.kind {
            Kind::Const(_) | Kind::Param(_) | Kind::Item { .. } | Kind::Loop(..) | Kind::Invalid => {}
            Kind::Concat(parts) => parts.iter().for_each(|part| self.require(part)),
            Kind::Filter(filter, input) => {
                self.require(input);
                if let Filter::Replace(from, to) = filter {
                    self.require(from);
                    self.require(to);
                }
            }
            Kind::Default(input, fallback) => {
                self.require_parts(input);
                if self.may_be_undefined(input) {
                    self.require_parts(fallback);
                }
            }
            Kind::Defined(input) | Kind::IsNull(input) | Kind::Not(input) => self.require_parts(input),
            Kind::OneOf(input, items) => {
                self.require_parts(input);
                items.iter().for_each(|item| self.require_parts(item));
            }
            Kind::Compare(_, a, b) | Kind::In(a, b) | Kind::And(a, b) | Kind::Or(a, b) => {
                self.require_parts(a);
                self.require_parts(b);
            }
        }
    }
}

/// Findings of many shapes, each reported once.
struct Findings<'o> {
    seen: HashSet<(&'static str, u32, u32, String)>,
    out: &'o mut Vec<Diagnostic>,
}

impl Findings<'_> {
    fn push(&mut self, found: Diagnostic) {
        if self.seen.insert((found.rule.name, found.span.start, found.span.end, found.message.clone())) {
            self.out.push(found);
        }
    }
}

fn undefined(sources: &Sources, params: &[Param], param: Option<usize>, range: Range<usize>) -> Diagnostic {
    let name =
        param.map_or_else(|| sources.template.value[range.clone()].to_owned(), |param| params[param].name.clone());
    let list = param.and_then(|param| params[param].ty).is_some_and(|ty| ty.list);
    let help = if list {
        format!("put `{{% if {name} %}}…{{% endif %}}` around it")
    } else {
        format!(
            "put `{{% if {name} is defined %}}…{{% endif %}}` around it, write `{{{{ {name} | default(…) }}}}`, or give it \
             a `default:`"
        )
    };
    let message = format!("`{name}` can be undefined here: a caller need not send it");
    POSSIBLY_UNDEFINED.at(sources.template.span_of(range), message).help(help)
}

fn too_many(tree: &Tree, sources: &Sources, params: &[Param], exceeded: &str) -> Diagnostic {
    let mut factors = Vec::new();
    collect_factors(&tree.nodes, sources, params, &mut factors);
    let place = factors.first().map_or(0..0, |(range, _)| range.clone());
    let mut multiplied: Vec<String> = factors.iter().take(12).map(|(_, factor)| factor.clone()).collect();
    if factors.len() > multiplied.len() {
        multiplied.push(format!("{} more", factors.len() - multiplied.len()));
    }
    let message = format!("{exceeded} of this template, because these multiply: {}", multiplied.join(" × "));
    let help = "split it into several actions, or let SQL decide: `({{ x }} IS NULL OR column = {{ x }})`";
    TOO_MANY_SHAPES.at(sources.template.span_of(place), message).help(help)
}

/// Everything that decides about the text, with the number of ways it can go.
fn collect_factors(nodes: &[Node], sources: &Sources, params: &[Param], factors: &mut Vec<(Range<usize>, String)>) {
    for node in nodes {
        let (range, ways) = match node {
            Node::Text(_) | Node::Bind(_) => continue,
            Node::Spread(spread) => (spread.range.clone(), 3),
            Node::Choice { param, range } => (range.clone(), params[*param].choices.len()),
            Node::If { branches, .. } => {
                (branches.first().map_or(0..0, |(condition, _)| condition.range.clone()), branches.len() + 1)
            }
            Node::For { range, .. } => (range.clone(), 3),
        };
        let written: String = sources.template.value[range.clone()].chars().take(40).collect();
        factors.push((range, format!("`{written}` ({ways})")));
        match node {
            Node::If { branches, otherwise } => {
                for body in branches.iter().map(|(_, body)| body).chain([otherwise]) {
                    collect_factors(body, sources, params, factors);
                }
            }
            Node::For { body, .. } => collect_factors(body, sources, params, factors),
            Node::Text(_) | Node::Bind(_) | Node::Spread(_) | Node::Choice { .. } => {}
        }
    }
}
