//! `test --update`: what came becomes what is expected, in the files of the tests.
//!
//! Only values below `expect` change, of tests that failed, and only members that their author named; everything else of a
//! file stays byte for byte. What is sensitive is never written. A test whose call succeeds where it was to fail, or fails
//! where it was to succeed, says something else now: that is left to its author.

use std::fs;

use anyhow::Context;
use serde_json::{Map, Value as Json};

use super::{
    expect::{Answered, Outcome, Refused, equal, fold, fold_soql},
    run::{Ran, Run, Verdict},
    secrets::Secrets,
};
use crate::{
    cli::write,
    spec::Shape,
    yaml::{
        self, Kind, Node,
        edit::{Child, Edit, Editor, Slot, apply},
    },
};

/// An `expect` that is empty gets the rows themselves where there are no more than this; else their number alone.
const MOST_ROWS: usize = 20;
/// Why something sensitive is not in the file.
const SENSITIVE: &str = "holds the value of a sensitive parameter";

/// What became of one test that had failed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Updated {
    /// Whether it passes from now on.
    pub passes: bool,
    /// What was not written, and why.
    pub left: Vec<String>,
}

/// Writes what came into the file of these runs, which are those of all its tests. Answers what became of each that failed,
/// by its number, and whether the file was written.
pub fn file(runs: &[Run]) -> anyhow::Result<(Vec<(usize, Updated)>, bool)> {
    let Some((loaded, action)) = runs.first().and_then(|run| Some((&run.loaded, run.loaded.action.as_ref()?))) else {
        return Ok((Vec::new(), false));
    };
    let source = &loaded.report.source.text;
    let ran: Vec<(usize, &Ran)> = runs.iter().map(|run| (run.number, &run.ran)).collect();
    let (text, updated) = rewrite(source, action.result.shape, &ran);
    if let Some(text) = &text {
        let failed = || format!("cannot write {}", loaded.path.display());
        let mark = match fs::read_to_string(&loaded.path).with_context(failed)? {
            now if now == *source => "",
            now if now.strip_prefix('\u{feff}') == Some(source) => "\u{feff}",
            _ => anyhow::bail!("{} changed while its tests ran; nothing was written to it", loaded.path.display()),
        };
        write::replace(&loaded.path, &format!("{mark}{text}")).with_context(failed)?;
    }
    Ok((updated, text.is_some()))
}

/// The new text of a file, if anything of it changes, and what becomes of each test that failed.
fn rewrite(source: &str, shape: Shape, ran: &[(usize, &Ran)]) -> (Option<String>, Vec<(usize, Updated)>) {
    let Some(document) = yaml::parse(source).0 else { return (None, Vec::new()) };
    let mut wanted = document.root.to_json();
    let (mut edits, mut text): (Vec<Edit>, _) = (Vec::new(), None);
    let mut updated = Vec::new();
    for &(number, ran) in ran.iter().filter(|(_, ran)| matches!(ran.verdict, Verdict::Failed(_))) {
        let mut planner = Planner::new(source, &ran.secrets);
        let root = planner.editor.root(&document);
        let tests = planner.editor.member(root, "tests").map(|tests| planner.editor.children(tests));
        let test = tests.and_then(|tests| tests.get(number).map(|(_, test)| *test));
        let Some(expect) = test.and_then(|test| planner.editor.member(test, "expect")) else { continue };
        let mut all = wanted.clone();
        all["tests"][number]["expect"] = planner.expectation(expect, &ran.outcome, shape);
        let Planner { editor, mut left, omitted, .. } = planner;
        let new = editor.into_edits();
        if !new.is_empty() {
            let both = [&*edits, &new].concat();
            match apply(source, &both, &all) {
                Some(changed) => (edits, text, wanted) = (both, Some(changed), all),
                None => left.push("it is written in a way in which a change would touch something else too".into()),
            }
        }
        let passes = left.is_empty();
        left.extend(omitted);
        updated.push((number, Updated { passes, left }));
    }
    (text, updated)
}

/// Notes the changes of one test.
struct Planner<'a> {
    editor: Editor<'a>,
    secrets: &'a Secrets,
    /// What keeps the test from passing.
    left: Vec<String>,
    /// What is not written of something that is new.
    omitted: Vec<String>,
}

impl<'a> Planner<'a> {
    fn new(source: &'a str, secrets: &'a Secrets) -> Self {
        Self { editor: Editor::new(source), secrets, left: Vec::new(), omitted: Vec::new() }
    }

    /// What the test expects from now on.
    fn expectation(&mut self, expect: Slot<'a>, outcome: &Outcome, shape: Shape) -> Json {
        let mut wanted = expect.node.to_json();
        let children = self.editor.children(expect);
        if children.is_empty() {
            let new = self.anew(outcome, shape);
            if new != wanted {
                self.editor.replace(expect, &new);
            }
            return new;
        }
        if let Some(reason) = turned(&wanted, outcome) {
            self.left.push(reason);
            return wanted;
        }
        for (name, slot) in children {
            let Some(name) = name else { continue };
            let new = match (name, &outcome.answer) {
                ("code", Some(Err(refused))) => self.scalar(name, slot, &refused.code.as_str().into()),
                ("row_count", Some(Ok(answered))) => self.scalar(name, slot, &answered.row_count.into()),
                ("result", Some(Ok(answered))) => self.merge(name, slot, &answered.result, false),
                ("sql" | "soql", _) => self.statement(name, slot, outcome),
                ("binds", _) => self.merge(name, slot, &Json::Array(outcome.binds.clone()), false),
                ("record", _) => self.record(slot, outcome),
                _ => continue,
            };
            wanted[name] = new;
        }
        wanted
    }

    /// What an empty `expect` becomes.
    fn anew(&mut self, outcome: &Outcome, shape: Shape) -> Json {
        let mut new = Map::new();
        match &outcome.answer {
            Some(Err(refused)) => match not_its_own(refused) {
                None => drop(new.insert("code".into(), refused.code.clone().into())),
                Some(reason) => self.left.push(reason),
            },
            Some(Ok(Answered { result, row_count })) => {
                let shown = self.shown("result", result);
                if shape == Shape::Rows || shown.is_none() {
                    new.insert("row_count".into(), (*row_count).into());
                }
                let many = result.as_array().is_some_and(|rows| rows.len() > MOST_ROWS);
                if many {
                    self.omitted.push(format!("result: more than {MOST_ROWS} rows"));
                }
                new.extend(shown.filter(|_| !many).map(|result| ("result".to_owned(), result)));
            }
            None => self.left.push("nothing was called".into()),
        }
        Json::Object(new)
    }

    /// One value that is no list and no map.
    fn scalar(&mut self, path: &str, slot: Slot<'a>, got: &Json) -> Json {
        self.merge(path, slot, got, true)
    }

    /// The text of the statements. A text on several lines stays one.
    fn statement(&mut self, name: &str, slot: Slot<'a>, outcome: &Outcome) -> Json {
        let old = slot.node.to_json();
        let fold = if name == "soql" { fold_soql } else { fold };
        let Some(got) = &outcome.text else { return old };
        let folded = fold(got);
        if old.as_str().is_some_and(|old| fold(old) == folded) {
            return old;
        }
        if outcome.secret && name == "soql" {
            self.left.push(format!("{name}: it {SENSITIVE}"));
            return old;
        }
        let lines = unindented(got);
        let new = if self.editor.is_literal(slot) && fold(&lines) == folded { lines } else { folded };
        let new = Json::from(new);
        self.editor.replace(slot, &new);
        new
    }

    /// The record that is written: its members as named, its fields as a whole.
    fn record(&mut self, slot: Slot<'a>, outcome: &Outcome) -> Json {
        let mut wanted = slot.node.to_json();
        let Some(got) = &outcome.record else { return wanted };
        for (name, member) in self.editor.children(slot) {
            let Some(name) = name else { continue };
            wanted[name] = self.merge(&format!("record.{name}"), member, &got[name], true);
        }
        wanted
    }

    /// Brings an expected value to what came: of a map the named members, or `all`; of a list each element.
    fn merge(&mut self, path: &str, slot: Slot<'a>, got: &Json, all: bool) -> Json {
        let old = slot.node.to_json();
        match (&slot.node.kind, got) {
            (Kind::Map(_), Json::Object(got)) => self.merge_map(path, slot, got, all),
            (Kind::List(_), Json::Array(got)) => self.merge_list(path, slot, got, all),
            (Kind::Scalar(_), got) if equal(&old, got) => old,
            _ => match self.shown(path, got) {
                Some(new) => {
                    self.editor.replace(slot, &new);
                    new
                }
                None => {
                    self.left.push(format!("{path}: it {SENSITIVE}"));
                    old
                }
            },
        }
    }

    fn merge_map(&mut self, path: &str, slot: Slot<'a>, got: &Map<String, Json>, all: bool) -> Json {
        let children = self.editor.children(slot);
        let mut wanted = Map::new();
        let mut gone = Vec::new();
        for (at, (name, child)) in children.iter().enumerate() {
            let name = name.unwrap_or_default();
            match got.get(name) {
                Some(got) => {
                    drop(wanted.insert(name.to_owned(), self.merge(&format!("{path}.{name}"), *child, got, all)))
                }
                None => gone.push(at),
            }
        }
        let mut new = Vec::new();
        for (name, value) in got.iter().filter(|(name, _)| all && slot.node.get(name).is_none()) {
            if self.secrets.are_in(value) {
                self.left.push(format!("{path}.{name}: it {SENSITIVE}"));
            } else {
                wanted.insert(name.clone(), value.clone());
                new.push(Child { name: Some(name.clone()), value: value.clone() });
            }
        }
        self.resize(slot, children.len(), &gone, new, Json::Object(wanted))
    }

    fn merge_list(&mut self, path: &str, slot: Slot<'a>, got: &[Json], all: bool) -> Json {
        let children = self.editor.children(slot);
        // New elements name what the one before them names.
        let last = children.last().map(|(_, last)| last.node);
        let new = got.iter().enumerate().skip(children.len());
        let new = new.map(|(at, got)| self.shown(&format!("{path}[{at}]"), &like(last, got)));
        let Some(new) = new.collect::<Option<Vec<Json>>>() else {
            self.left.push(format!("{path}: it {SENSITIVE}"));
            return slot.node.to_json();
        };
        let pairs = children.iter().zip(got).enumerate();
        let mut wanted: Vec<Json> =
            pairs.map(|(at, ((_, child), got))| self.merge(&format!("{path}[{at}]"), *child, got, all)).collect();
        wanted.extend(new.iter().cloned());
        let gone: Vec<usize> = (got.len()..children.len()).collect();
        let new = new.into_iter().map(|value| Child { name: None, value }).collect();
        self.resize(slot, children.len(), &gone, new, Json::Array(wanted))
    }

    /// Takes children out and adds others; where none stays, the whole is written anew.
    fn resize(&mut self, slot: Slot<'a>, children: usize, gone: &[usize], new: Vec<Child>, wanted: Json) -> Json {
        if gone.is_empty() && new.is_empty() {
            return wanted;
        }
        if gone.len() == children {
            self.editor.replace(slot, &wanted);
        } else {
            self.editor.resize(slot, gone, &new);
        }
        wanted
    }

    /// A value without members that hold something sensitive, which is told; nothing where that is not enough.
    fn shown(&mut self, path: &str, value: &Json) -> Option<Json> {
        match value {
            Json::Object(members) => {
                let mut shown = Map::new();
                for (name, value) in members {
                    let path = format!("{path}.{name}");
                    match self.shown(&path, value) {
                        Some(value) => drop(shown.insert(name.clone(), value)),
                        None => self.omitted.push(format!("{path}: it {SENSITIVE}")),
                    }
                }
                Some(Json::Object(shown))
            }
            Json::Array(items) => {
                let shown = items.iter().enumerate().map(|(at, item)| self.shown(&format!("{path}[{at}]"), item));
                shown.collect::<Option<Vec<_>>>().map(Json::Array)
            }
            value => (!self.secrets.are_in(value)).then(|| value.clone()),
        }
    }
}

/// Why a test is left: its call ends otherwise than it was to.
fn turned(expect: &Json, outcome: &Outcome) -> Option<String> {
    let fails = expect.get("code").is_some() || expect["status"] == "error";
    match &outcome.answer {
        Some(Ok(_)) if fails => Some("it succeeds now; write what else it should expect, if that is right".into()),
        Some(Err(refused)) if !fails => {
            let code = &refused.code;
            Some(format!("it fails now; write `expect: {{ code: {code} }}`, if that is right"))
        }
        Some(Err(refused)) if expect.get("code").is_some_and(|code| *code != *refused.code) => not_its_own(refused),
        None if fails => Some("its variables are accepted now".into()),
        _ => None,
    }
}

/// Why a code is not written: it says how the backend or the gateway is at the moment, and nothing of the action.
fn not_its_own(refused: &Refused) -> Option<String> {
    (refused.status >= 500).then(|| format!("code: `{}` may be another one the next time", refused.code))
}

/// A value with the members that another one names; the whole where that names none.
fn like(model: Option<&Node>, value: &Json) -> Json {
    match (model.map(|model| &model.kind), value) {
        (Some(Kind::Map(entries)), Json::Object(members)) if !entries.is_empty() => {
            let named = entries.iter().filter_map(|(name, model)| {
                members.get(&name.value).map(|value| (name.value.clone(), like(Some(model), value)))
            });
            Json::Object(named.collect())
        }
        _ => value.clone(),
    }
}

/// A statement's lines without those that are empty and without what all of them are indented by.
fn unindented(text: &str) -> String {
    let lines: Vec<&str> = text.lines().map(str::trim_end).filter(|line| !line.is_empty()).collect();
    let indent = lines.iter().map(|line| line.len() - line.trim_start_matches(' ').len()).min().unwrap_or_default();
    lines.iter().map(|line| format!("{}\n", &line[indent..])).collect()
}

#[cfg(test)]
mod tests;
