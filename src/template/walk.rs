//! The walk through a template that calls and the exploration at load share: which branches are taken, how long lists are,
//! which words are chosen. It writes no text.

use std::ops::Range;

use super::{
    FEWER,
    eval::{self, Frame, Halt, Lookup},
    tree::{Node, Site, Spread},
};
use crate::value::Value;

/// Rounds of loops and elements of spread lists that one statement may have together: PostgreSQL takes no more
/// placeholders (<https://www.postgresql.org/docs/current/limits.html>), and nested loops would multiply lists.
const MAX_STEPS: usize = 65_535;

/// What happens at the places that bind.
pub(super) trait Visitor<'v>: Lookup<'v> {
    /// The number of a word of a choice parameter.
    fn word(&self, param: usize, word: &str) -> Option<usize>;
    /// At a `{{ … }}` that binds one value.
    fn bind(&mut self, site: &'v Site, frames: &[Frame<'v>]) -> Result<(), Halt>;
    /// At a `{{ list | spread }}`, which is not empty.
    fn spread(&mut self, spread: &'v Spread, items: &'v [Value]);
}

/// A walk and what it has decided so far.
#[derive(Debug, Default)]
pub(super) struct Walk<'v> {
    /// Each decision, in order.
    pub decisions: Vec<u32>,
    frames: Vec<Frame<'v>>,
    steps: usize,
}

impl<'v> Walk<'v> {
    /// Walks through nodes.
    pub fn run(&mut self, nodes: &'v [Node], visitor: &mut impl Visitor<'v>) -> Result<(), Halt> {
        for node in nodes {
            match node {
                Node::Text(_) => {}
                Node::Bind(site) => visitor.bind(site, &self.frames)?,
                Node::Spread(spread) => {
                    let items = list(visitor, spread.list, &spread.range)?;
                    let count = spread.count(items.len());
                    self.step(count, spread.list)?;
                    self.decide(count);
                    visitor.spread(spread, items);
                }
                Node::Choice { param, range, .. } => {
                    let undefined = Halt::Undefined { param: Some(*param), range: range.clone() };
                    let Some(Value::Text(word)) = visitor.param(*param)? else { return Err(undefined) };
                    let word = visitor.word(*param, word).ok_or(undefined)?;
                    self.decide(word);
                }
                Node::If { branches, otherwise } => {
                    let mut taken = branches.len();
                    for (at, (condition, _)) in branches.iter().enumerate() {
                        if eval::truth(condition, visitor, &self.frames)? {
                            taken = at;
                            break;
                        }
                    }
                    self.decide(taken);
                    self.run(branches.get(taken).map_or(otherwise, |(_, body)| body), visitor)?;
                }
                Node::For { list: param, range, body } => {
                    let items = list(visitor, *param, range)?;
                    self.decide(items.len());
                    for index in 0..items.len() {
                        self.step(1, *param)?;
                        self.frames.push(Frame { items, index });
                        let walked = self.run(body, visitor);
                        self.frames.pop();
                        walked?;
                    }
                }
            }
        }
        Ok(())
    }

    fn decide(&mut self, decision: usize) {
        self.decisions.push(u32::try_from(decision).unwrap_or(u32::MAX));
    }

    fn step(&mut self, steps: usize, param: usize) -> Result<(), Halt> {
        self.steps += steps;
        if self.steps > MAX_STEPS {
            return Err(Halt::Value { param: Some(param), reason: FEWER });
        }
        Ok(())
    }
}

/// The elements of a list that is spread or looped over: at least one.
fn list<'v>(lookup: &impl Lookup<'v>, param: usize, range: &Range<usize>) -> Result<&'v [Value], Halt> {
    match lookup.param(param)? {
        None => Err(Halt::Undefined { param: Some(param), range: range.clone() }),
        Some(Value::List(items)) if !items.is_empty() => Ok(items),
        Some(_) => Err(Halt::EmptyList(param)),
    }
}
