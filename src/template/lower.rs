//! MiniJinja's syntax tree becomes ours. The only file that knows MiniJinja, which is pinned: its tree is no stable
//! interface.
//!
//! The matches are exhaustive on purpose: a construct that a newer MiniJinja adds must not slip through.

use std::ops::Range;

use bigdecimal::BigDecimal;
use minijinja::{
    machinery::{Span, Token, ast, parse, tokenize},
    syntax::SyntaxConfig,
    value::ValueKind,
};

use super::{
    Dialect, Param, sql, syntax,
    tree::{Comparison, Expr, Kind, Node, Site, Spread, Tree, Type},
    typing::{Typing, invalid},
};
use crate::{
    diagnostic::{
        CHOICE_MISUSED, CONSTANT_PLACEHOLDER, Diagnostic, LIST_NEEDS_SPREAD, RECORD_FIELD, TEMPLATE_TOO_LARGE,
        TYPE_MISMATCH,
    },
    value::{ParamType, Scalar, Value},
    yaml::Text,
};

/// How deep an expression may nest, and how many terms a chain of `~` may have.
const MAX_DEPTH: usize = 100;
/// The most operators of one `{{ … }}` or `{% … %}`, and the most `elif`s of a template: the parser nests what it reads,
/// and neither it nor the destructor of its tree watches the stack.
const MAX_OPERATORS: usize = 500;

const ALONE: &str = "write the text here: each template stands alone";
const GUARD: &str = "put `{% if %}` around the part that is not for every element";

/// Parses a template and turns it into a tree. All errors go to `out`; after an error of syntax there is no tree.
pub(super) fn lower(source: &Text, dialect: Dialect, params: &[Param], out: &mut Vec<Diagnostic>) -> Option<Tree> {
    let parsed = parsed(source, dialect, out)?;
    let ast::Stmt::Template(template) = &parsed else { return None };
    let mut lowering = Lowering::new(source, dialect, params, out);
    let nodes = lowering.nodes(&template.children);
    let Lowering { typing, sites, .. } = lowering;
    Some(Tree { nodes, sites, used: typing.used, broken: typing.broken })
}

/// Parses a text that must be one `{{ … }}`, blanks around it aside. All errors go to `out`.
pub(super) fn expression(source: &Text, params: &[Param], out: &mut Vec<Diagnostic>) -> Option<Expr> {
    let parsed = parsed(source, Dialect::Soql, out)?;
    let ast::Stmt::Template(template) = &parsed else { return None };
    let blank = |statement: &&ast::Stmt<'_>| matches!(statement, ast::Stmt::EmitRaw(raw) if raw.raw.trim().is_empty());
    let pieces: Vec<&ast::Stmt<'_>> = template.children.iter().filter(|statement| !blank(statement)).collect();
    let mut lowering = Lowering::new(source, Dialect::Soql, params, out);
    match pieces[..] {
        [ast::Stmt::EmitExpr(emit)] => {
            let expr = lowering.alone(&emit.expr, tag(&source.value, emit.span(), "}}"))?;
            (!matches!(expr.kind, Kind::Invalid)).then_some(expr)
        }
        _ => {
            let help = lowering.joined(&template.children);
            let message = "a field is a constant or one `{{ … }}`, and nothing stands around that";
            lowering.typing.error(&RECORD_FIELD, &(0..source.value.len()), message, Some(help));
            None
        }
    }
}

/// MiniJinja's tree of a template.
fn parsed<'s>(source: &'s Text, dialect: Dialect, out: &mut Vec<Diagnostic>) -> Option<ast::Stmt<'s>> {
    if let Some(diagnostic) = oversized(source) {
        out.push(diagnostic);
        return None;
    }
    let parsed = parse(&source.value, "template", SyntaxConfig::default());
    parsed.map_err(|error| out.push(syntax::error(source, &error, dialect))).ok()
}

/// Finds what the parser cannot be trusted with.
fn oversized(source: &Text) -> Option<Diagnostic> {
    let (mut operators, mut elifs, mut block, mut tag) = (0, 0, false, 0);
    for token in tokenize(&source.value, false, SyntaxConfig::default()) {
        // An error of the tokenizer is the parser's to report.
        let Ok((token, span)) = token else { return None };
        let start = matches!(token, Token::BlockStart | Token::VariableStart);
        if start {
            (operators, tag) = (0, span.start_offset as usize);
        } else if !matches!(
            token,
            Token::TemplateData(_) | Token::Str(_) | Token::String(_) | Token::Int(_) | Token::Float(_) | Token::Comma
        ) && !matches!(token, Token::Ident(name) if !matches!(name, "and" | "or" | "not" | "is" | "in" | "if" | "else"))
        {
            operators += 1;
        }
        elifs += usize::from(block && matches!(token, Token::Ident("elif")));
        block = matches!(token, Token::BlockStart);
        if operators > MAX_OPERATORS || elifs > MAX_OPERATORS {
            let what = if elifs > MAX_OPERATORS { "`elif`s" } else { "operators in one expression" };
            let place = source.span_of(tag..span.end_offset as usize);
            let found = TEMPLATE_TOO_LARGE.at(place, format!("more than {MAX_OPERATORS} {what}"));
            return Some(found.help("split it, or do the work in SQL"));
        }
    }
    None
}

struct Lowering<'a> {
    text: &'a str,
    typing: Typing<'a>,
    sites: Vec<Range<usize>>,
}

impl<'a> Lowering<'a> {
    fn new(source: &'a Text, dialect: Dialect, params: &'a [Param], out: &'a mut Vec<Diagnostic>) -> Self {
        let used = vec![false; params.len()];
        let typing = Typing { source, dialect, params, out, loops: Vec::new(), used, broken: false };
        Self { text: &source.value, typing, sites: Vec::new() }
    }

    /// The value of a `{{ … }}` that stands by itself at `range`.
    fn alone(&mut self, expr: &ast::Expr<'_>, range: Range<usize>) -> Option<Expr> {
        if let ast::Expr::Filter(filter) = expr
            && filter.name == "spread"
            && let Some(input) = &filter.expr
        {
            let list = self.text[self.range(input)].to_owned();
            let message = "`spread` writes a list into a statement, and this is none";
            let help = format!("write `{{{{ {list} }}}}`: a list becomes `a;b`");
            self.typing.error(&RECORD_FIELD, &range, message, Some(help));
            return None;
        }
        let expr = self.value(expr, 0);
        if expr.ty == Type::one(Scalar::Choice) {
            let message = "a choice stands for the author's own text in a statement, and this is none";
            let help = "declare it as `string`, with the words under `enum`";
            self.typing.error(&CHOICE_MISUSED, &expr.range, message, Some(help.into()));
            return None;
        }
        if expr.is_constant() {
            let help = "write the value itself, without `{{ }}`";
            self.typing.error(&CONSTANT_PLACEHOLDER, &range, "this placeholder holds a constant", Some(help.into()));
            return None;
        }
        Some(expr)
    }

    /// How to write text and placeholders as one placeholder.
    fn joined(&self, statements: &[ast::Stmt<'_>]) -> String {
        let piece = |statement: &ast::Stmt<'_>| match statement {
            ast::Stmt::EmitExpr(emit) => Some(self.text[self.range(&emit.expr)].to_owned()),
            ast::Stmt::EmitRaw(raw) if !raw.raw.contains('\'') => Some(format!("'{}'", raw.raw)),
            ast::Stmt::EmitRaw(raw) if !raw.raw.contains('"') => Some(format!("\"{}\"", raw.raw)),
            _ => None,
        };
        let placeholder = |statement: &ast::Stmt<'_>| matches!(statement, ast::Stmt::EmitExpr(_));
        let pieces: Option<Vec<String>> = statements.iter().map(piece).collect();
        match pieces.filter(|_| statements.iter().any(placeholder)) {
            Some(pieces) => format!("write `{{{{ {} }}}}`", pieces.join(" ~ ")),
            None if self.text.contains("{%") => {
                "write `{{ name }}`: a parameter that was not sent leaves its field out".into()
            }
            None => "write one placeholder, as `{{ name }}`, or a constant".into(),
        }
    }

    fn nodes(&mut self, statements: &[ast::Stmt<'_>]) -> Vec<Node> {
        let mut nodes = Vec::with_capacity(statements.len());
        let mut spreads = Vec::new();
        for (at, statement) in statements.iter().enumerate() {
            let node = self.node(statement);
            if let Some(Node::Spread(_)) = node {
                spreads.push((nodes.len(), follows_bracket(&statements[at + 1..])));
            }
            nodes.extend(node);
        }
        for (at, closed) in spreads {
            let padded = closed && self.after_in(&nodes[..at]) && self.typing.dialect != Dialect::Soql;
            if let Node::Spread(spread) = &mut nodes[at] {
                spread.padded = padded;
            }
        }
        nodes
    }

    /// Whether the text before ends with `IN (`.
    fn after_in(&self, nodes: &[Node]) -> bool {
        let mut before = String::new();
        for node in nodes.iter().rev() {
            let Node::Text(range) = node else { break };
            before.insert_str(0, &self.text[range.clone()]);
        }
        sql::ends_with_in(&before)
    }

    fn node(&mut self, statement: &ast::Stmt<'_>) -> Option<Node> {
        match statement {
            ast::Stmt::Template(_) => None,
            ast::Stmt::EmitRaw(raw) => {
                // A piece of raw text is always a slice of the source; its span does not show what `-` trimmed away.
                let start = raw.raw.as_ptr() as usize - self.text.as_ptr() as usize;
                Some(Node::Text(start..start + raw.raw.len()))
            }
            ast::Stmt::EmitExpr(emit) => Some(self.emit(&emit.expr, tag(self.text, emit.span(), "}}"))),
            ast::Stmt::IfCond(condition) => Some(self.branches(condition)),
            ast::Stmt::ForLoop(repeat) => self.repeat(repeat),
            ast::Stmt::WithBlock(s) => self.refuse(s.span(), "`with`", "write the expression where it is used"),
            ast::Stmt::Set(s) => self.refuse(s.span(), "`set`", "write the expression where it is used"),
            ast::Stmt::SetBlock(s) => {
                self.refuse(s.span(), "`set`", "write the text where it is used, with `{% if %}` around what varies")
            }
            ast::Stmt::AutoEscape(s) => {
                self.refuse(s.span(), "`autoescape`", "remove it: values are bound and need no escaping")
            }
            ast::Stmt::FilterBlock(s) => {
                self.refuse(s.span(), "a filter block", "write the filter in the placeholder: `{{ name | upper }}`")
            }
            ast::Stmt::Block(s) => self.refuse(s.span(), "`block`", ALONE),
            ast::Stmt::Import(s) => self.refuse(s.span(), "`import`", ALONE),
            ast::Stmt::FromImport(s) => self.refuse(s.span(), "`from … import`", ALONE),
            ast::Stmt::Extends(s) => self.refuse(s.span(), "`extends`", ALONE),
            ast::Stmt::Include(s) => self.refuse(s.span(), "`include`", ALONE),
            ast::Stmt::Macro(s) => self.refuse(s.span(), "`macro`", "write the text where it is used"),
            ast::Stmt::CallBlock(s) => self.refuse(s.span(), "`call`", "write the text where it is used"),
            ast::Stmt::Continue(s) => self.refuse(s.span(), "`continue`", GUARD),
            ast::Stmt::Break(s) => self.refuse(s.span(), "`break`", GUARD),
            ast::Stmt::Do(s) => self.refuse(s.span(), "`do`", "remove it: a template calls nothing"),
        }
    }

    fn refuse(&mut self, span: Span, what: &str, instead: &str) -> Option<Node> {
        let range = span.start_offset as usize..span.end_offset as usize;
        self.typing.unsupported(&range, what, instead);
        self.typing.broken = true;
        None
    }

    fn branches(&mut self, condition: &ast::Spanned<ast::IfCond<'_>>) -> Node {
        let mut branches = Vec::new();
        let mut current: &ast::IfCond<'_> = condition;
        loop {
            let guard = self.condition(&current.expr, 0);
            self.typing.broken |= matches!(guard.kind, Kind::Invalid);
            branches.push((guard, self.nodes(&current.true_body)));
            // An `elif` is an `if` by itself in the `else`; so is one that the author wrote there, with the same meaning.
            match &current.false_body[..] {
                [ast::Stmt::IfCond(next)] => current = next,
                otherwise => return Node::If { branches, otherwise: self.nodes(otherwise) },
            }
        }
    }

    fn repeat(&mut self, repeat: &ast::Spanned<ast::ForLoop<'_>>) -> Option<Node> {
        let range = repeat.span().start_offset as usize..self.range(&repeat.iter).end;
        let unsupported = if let Some(filter) = &repeat.filter_expr {
            Some((self.range(filter), "a condition in `for`", "put `{% if %}` inside the loop"))
        } else if repeat.recursive {
            Some((range.clone(), "a recursive loop", "write a recursive query (WITH RECURSIVE)"))
        } else if !repeat.else_body.is_empty() {
            Some((range.clone(), "`else` of a loop", "put `{% if list %}…{% else %}…{% endif %}` around the loop"))
        } else {
            None
        };
        if let Some((range, what, instead)) = unsupported {
            self.typing.unsupported(&range, what, instead);
            self.typing.broken = true;
        }
        let ast::Expr::Var(element) = &repeat.target else {
            let range = self.range(&repeat.target);
            self.typing.unsupported(&range, "unpacking in `for`", "name one element: `{% for x in list %}`");
            self.typing.broken = true;
            return None;
        };
        let iter = self.value(&repeat.iter, 0);
        let list = match (&iter.kind, iter.ty) {
            (Kind::Param(list), Type::Of(ParamType { list: true, .. })) => *list,
            (_, ty) => {
                if ty != Type::Unknown {
                    let message = format!("`for` walks a list parameter, but {}", self.typing.is(&iter));
                    self.typing.error(
                        &TYPE_MISMATCH,
                        &iter.range,
                        message,
                        Some("declare it with `[]`, as in `string[]`".into()),
                    );
                }
                self.typing.broken = true;
                return None;
            }
        };
        self.typing.loops.push((element.id.to_owned(), list));
        let body = self.nodes(&repeat.body);
        self.typing.loops.pop();
        Some(Node::For { list, range: iter.range, body })
    }

    /// A `{{ … }}`, whose place is `range`.
    fn emit(&mut self, expr: &ast::Expr<'_>, range: Range<usize>) -> Node {
        let id = self.sites.len();
        self.sites.push(range.clone());
        if let ast::Expr::Filter(filter) = expr
            && filter.name == "spread"
            && let Some(input) = &filter.expr
        {
            let input = self.value(input, 0);
            if let (Kind::Param(list), Type::Of(ParamType { scalar, list: true })) = (&input.kind, input.ty)
                && filter.args.is_empty()
            {
                let ty = ParamType::one(scalar);
                return Node::Spread(Spread { id, list: *list, range: input.range, ty, padded: false });
            }
            if input.ty != Type::Unknown {
                let message = format!("`spread` takes a list parameter, but {}", self.typing.is(&input));
                self.typing.error(
                    &TYPE_MISMATCH,
                    &range,
                    message,
                    Some("declare it with `[]`, as in `string[]`".into()),
                );
            }
            return Node::Bind(Site::new(id, invalid(&range)));
        }
        let expr = self.value(expr, 0);
        match expr.ty {
            Type::Of(ParamType { scalar: Scalar::Choice, list: false }) => {
                if let Kind::Param(param) = expr.kind {
                    return Node::Choice { param, range: expr.range };
                }
            }
            Type::Of(ParamType { list: true, .. }) => {
                let bare = matches!(expr.kind, Kind::Param(_));
                if !bare || self.typing.dialect != Dialect::Postgres {
                    let message = format!("{}, and one placeholder holds one value", self.typing.is(&expr));
                    let help = match &expr.kind {
                        Kind::Param(param) => {
                            format!("write `IN ({{{{ {} | spread }}}})`", self.typing.params[*param].name)
                        }
                        _ => "write `IN ({{ list | spread }})`, with `{% if list %}` around it".into(),
                    };
                    self.typing.error(&LIST_NEEDS_SPREAD, &range, message, Some(help));
                    return Node::Bind(Site::new(id, invalid(&range)));
                }
            }
            Type::Of(_) | Type::Null | Type::Unknown => {}
        }
        if expr.is_constant() {
            let help = "write it into the SQL text: nothing about it comes from the caller";
            self.typing.error(&CONSTANT_PLACEHOLDER, &range, "this placeholder holds a constant", Some(help.into()));
            return Node::Bind(Site::new(id, invalid(&range)));
        }
        if self.typing.dialect == Dialect::Soql && !self.typing.is_literal(&expr, &range) {
            return Node::Bind(Site::new(id, invalid(&range)));
        }
        Node::Bind(Site::new(id, expr))
    }

    /// An expression that decides a branch: the only place for `and` and `or`, which give one of their operands.
    fn condition(&mut self, expr: &ast::Expr<'_>, depth: usize) -> Expr {
        let range = self.range(expr);
        if depth > MAX_DEPTH {
            return self.too_deep(&range);
        }
        let ty = Type::one(Scalar::Boolean);
        match expr {
            ast::Expr::BinOp(op) if matches!(op.op, ast::BinOpKind::ScAnd | ast::BinOpKind::ScOr) => {
                let a = self.condition(&op.left, depth + 1);
                let b = self.condition(&op.right, depth + 1);
                match (&a.kind, &b.kind, op.op) {
                    (Kind::Invalid, ..) | (_, Kind::Invalid, _) => invalid(&range),
                    (.., ast::BinOpKind::ScAnd) => Expr { kind: Kind::And(Box::new(a), Box::new(b)), ty, range },
                    _ => Expr { kind: Kind::Or(Box::new(a), Box::new(b)), ty, range },
                }
            }
            ast::Expr::UnaryOp(op) if matches!(op.op, ast::UnaryOpKind::Not) => {
                let input = self.condition(&op.expr, depth + 1);
                match input.kind {
                    Kind::Invalid => invalid(&range),
                    _ => Expr { kind: Kind::Not(Box::new(input)), ty, range },
                }
            }
            _ => {
                let value = self.value(expr, depth);
                self.typing.condition(value)
            }
        }
    }

    fn value(&mut self, expr: &ast::Expr<'_>, depth: usize) -> Expr {
        let range = self.range(expr);
        if depth > MAX_DEPTH {
            return self.too_deep(&range);
        }
        match expr {
            ast::Expr::Var(name) => self.typing.name(name.id, range),
            ast::Expr::Const(constant) => self.constant(&constant.value, range),
            ast::Expr::UnaryOp(op) => match op.op {
                ast::UnaryOpKind::Not => self.condition(expr, depth),
                ast::UnaryOpKind::Neg => {
                    let input = self.value(&op.expr, depth + 1);
                    match input.kind {
                        Kind::Const(Value::Integer(n)) if n != i64::MIN => {
                            Expr { kind: Kind::Const(Value::Integer(-n)), ty: input.ty, range }
                        }
                        Kind::Const(Value::Decimal(n)) => {
                            Expr { kind: Kind::Const(Value::Decimal(-n)), ty: input.ty, range }
                        }
                        Kind::Const(Value::Float(n)) => {
                            Expr { kind: Kind::Const(Value::Float(-n)), ty: input.ty, range }
                        }
                        _ => self.arithmetic(&range),
                    }
                }
            },
            ast::Expr::BinOp(op) => self.binary(op, range, depth),
            ast::Expr::Compare(_) => {
                self.typing.unsupported(&range, "a chain of comparisons", "write `a < b and b < c`")
            }
            ast::Expr::Filter(filter) => self.filter(filter, range, depth),
            ast::Expr::Test(test) => {
                let input = self.value(&test.expr, depth + 1);
                if let Some(arg) = test.args.first() {
                    let range = self.argument_range(arg);
                    return self.typing.unsupported(
                        &range,
                        "a test with an argument",
                        "compare with `==`, `<` or `in`",
                    );
                }
                let typed = self.typing.test(test.name, input, offsets(test.span()));
                Expr { range, ..typed }
            }
            ast::Expr::GetAttr(attribute) => match &attribute.expr {
                ast::Expr::Var(name) if name.id == "loop" => self.typing.loop_field(attribute.name, range),
                _ => {
                    let instead = "take it apart in SQL, or let the caller send it as a parameter of its own";
                    self.typing.unsupported(&range, "a member of a value", instead)
                }
            },
            ast::Expr::GetItem(_) | ast::Expr::Slice(_) => {
                let instead = "take it apart in SQL, or let the caller send it as a parameter of its own";
                self.typing.unsupported(&range, "an element or slice of a value", instead)
            }
            ast::Expr::Call(call) => {
                let instead = match &call.expr {
                    ast::Expr::GetAttr(method) if super::filters::NAMES.contains(&method.name) => {
                        format!("write the filter: `| {}`", method.name)
                    }
                    _ => "call functions in SQL, around the placeholder".to_owned(),
                };
                self.typing.unsupported(&range, "a function call", &instead)
            }
            ast::Expr::IfExpr(_) => {
                let instead = "write `{% if … %}…{% else %}…{% endif %}`";
                self.typing.unsupported(&range, "an inline `if`", instead)
            }
            ast::Expr::List(_) | ast::Expr::Tuple(_) => {
                let instead = "a list of constants stands only after `in`; in SQL write it without placeholder";
                self.typing.unsupported(&range, "a list", instead)
            }
            ast::Expr::Map(_) => {
                let instead = "write JSON as a text literal of SQL, or take it from a `json` parameter";
                self.typing.unsupported(&range, "a map", instead)
            }
        }
    }

    fn binary(&mut self, op: &ast::Spanned<ast::BinOp<'_>>, range: Range<usize>, depth: usize) -> Expr {
        let comparison = match op.op {
            ast::BinOpKind::Eq => Comparison::Equal,
            ast::BinOpKind::Ne => Comparison::NotEqual,
            ast::BinOpKind::Lt => Comparison::Less,
            ast::BinOpKind::Lte => Comparison::LessOrEqual,
            ast::BinOpKind::Gt => Comparison::Greater,
            ast::BinOpKind::Gte => Comparison::GreaterOrEqual,
            ast::BinOpKind::ScAnd | ast::BinOpKind::ScOr => {
                let instead = "for a value to fall back on write `| default(…)`; conditions stand in `{% if %}`";
                return self.typing.unsupported(&range, "`and` and `or` as a value", instead);
            }
            ast::BinOpKind::Add
            | ast::BinOpKind::Sub
            | ast::BinOpKind::Mul
            | ast::BinOpKind::Div
            | ast::BinOpKind::FloorDiv
            | ast::BinOpKind::Rem
            | ast::BinOpKind::Pow => return self.arithmetic(&range),
            ast::BinOpKind::Concat => return self.concat(op, range, depth),
            ast::BinOpKind::In => {
                let a = self.value(&op.left, depth + 1);
                let items = match &op.right {
                    ast::Expr::List(list) => &list.items,
                    ast::Expr::Tuple(list) => &list.items,
                    other => {
                        let b = self.value(other, depth + 1);
                        return self.typing.contained(a, b, range);
                    }
                };
                let items = items.iter().map(|item| self.value(item, depth + 1)).collect();
                return self.typing.one_of(a, items, range);
            }
        };
        let a = self.value(&op.left, depth + 1);
        let b = self.value(&op.right, depth + 1);
        self.typing.compare(comparison, a, b, range)
    }

    /// A chain of `~`, which the parser nests to the left.
    fn concat(&mut self, op: &ast::Spanned<ast::BinOp<'_>>, range: Range<usize>, depth: usize) -> Expr {
        let mut terms = vec![&op.right];
        let mut left = &op.left;
        while let ast::Expr::BinOp(op) = left
            && matches!(op.op, ast::BinOpKind::Concat)
        {
            terms.push(&op.right);
            left = &op.left;
        }
        terms.push(left);
        if terms.len() > MAX_DEPTH {
            return self.too_deep(&range);
        }
        let parts = terms.into_iter().rev().map(|term| self.value(term, depth + 1)).collect();
        self.typing.concat(parts, range)
    }

    fn filter(&mut self, filter: &ast::Spanned<ast::Filter<'_>>, range: Range<usize>, depth: usize) -> Expr {
        // Only a filter block has no input.
        let Some(input) = &filter.expr else { return invalid(&range) };
        let input = self.value(input, depth + 1);
        let mut args = Vec::with_capacity(filter.args.len());
        for arg in &filter.args {
            match arg {
                ast::CallArg::Pos(arg) => args.push(self.value(arg, depth + 1)),
                ast::CallArg::Kwarg(..) | ast::CallArg::PosSplat(_) | ast::CallArg::KwargSplat(_) => {
                    let range = self.argument_range(arg);
                    return self.typing.unsupported(&range, "a named argument", "write the arguments in order");
                }
            }
        }
        // A filter's own span begins at its name: the exact place of a wrong name or argument.
        let place = offsets(filter.span());
        let typed = self.typing.filter(filter.name, input, args, place);
        Expr { range, ..typed }
    }

    fn constant(&mut self, value: &minijinja::Value, range: Range<usize>) -> Expr {
        let written = &self.text[range.clone()];
        let (value, scalar) = match value.kind() {
            ValueKind::None => return Expr { kind: Kind::Const(Value::Null), ty: Type::Null, range },
            ValueKind::Bool => (Value::Boolean(value.is_true()), Scalar::Boolean),
            ValueKind::String => (Value::Text(value.as_str().unwrap_or_default().into()), Scalar::String),
            ValueKind::Number if value.is_integer() => match i64::try_from(value.clone()) {
                Ok(n) => (Value::Integer(n), Scalar::Integer),
                Err(_) => return self.too_large_number(&range),
            },
            // The digits as written: a decimal is compared exactly. An exponent could ask for any number of them.
            ValueKind::Number => match written.replace('_', "").parse::<BigDecimal>() {
                Ok(n) if !written.contains(['e', 'E']) && n.digits() <= 38 => (Value::Decimal(n), Scalar::Decimal),
                _ => match f64::try_from(value.clone()) {
                    Ok(n) if n.is_finite() => (Value::Float(n), Scalar::Float),
                    _ => return self.too_large_number(&range),
                },
            },
            _ => return self.typing.unsupported(&range, "this constant", "write it in the SQL text"),
        };
        Expr { kind: Kind::Const(value), ty: Type::one(scalar), range }
    }

    fn too_large_number(&mut self, range: &Range<usize>) -> Expr {
        let message = "this number is larger than its type can hold";
        self.typing.error(&TYPE_MISMATCH, range, message, Some("write it in the SQL text".into()));
        invalid(range)
    }

    fn arithmetic(&mut self, range: &Range<usize>) -> Expr {
        self.typing.unsupported(range, "arithmetic", "calculate in SQL: `{{ a }} + 1`")
    }

    fn too_deep(&mut self, range: &Range<usize>) -> Expr {
        let message = format!("an expression nests deeper than {MAX_DEPTH}, or joins more than {MAX_DEPTH} terms");
        self.typing.error(&TEMPLATE_TOO_LARGE, range, message, Some("split it, or do the work in SQL".into()));
        invalid(range)
    }

    fn argument_range(&self, arg: &ast::CallArg<'_>) -> Range<usize> {
        match arg {
            ast::CallArg::Pos(expr)
            | ast::CallArg::Kwarg(_, expr)
            | ast::CallArg::PosSplat(expr)
            | ast::CallArg::KwargSplat(expr) => self.range(expr),
        }
    }

    /// The place of an expression. MiniJinja's own spans of operators begin at the token before, those of filters and
    /// tests at their name.
    fn range(&self, expr: &ast::Expr<'_>) -> Range<usize> {
        let end = expr.span().end_offset as usize;
        let mut first = expr;
        loop {
            first = match first {
                ast::Expr::Var(_)
                | ast::Expr::Const(_)
                | ast::Expr::List(_)
                | ast::Expr::Tuple(_)
                | ast::Expr::Map(_) => break,
                ast::Expr::UnaryOp(op) => {
                    let start = op.span().start_offset as usize;
                    match op.op {
                        ast::UnaryOpKind::Neg => break,
                        ast::UnaryOpKind::Not if self.text[start..].starts_with("not") => break,
                        ast::UnaryOpKind::Not => &op.expr,
                    }
                }
                ast::Expr::BinOp(op) => &op.left,
                ast::Expr::Compare(compare) => &compare.expr,
                ast::Expr::IfExpr(choice) => &choice.true_expr,
                ast::Expr::Filter(filter) => match &filter.expr {
                    Some(input) => input,
                    None => break,
                },
                ast::Expr::Test(test) => &test.expr,
                ast::Expr::GetAttr(attribute) => &attribute.expr,
                ast::Expr::GetItem(item) => &item.expr,
                ast::Expr::Slice(slice) => &slice.expr,
                ast::Expr::Call(call) => &call.expr,
            };
        }
        let start = first.span().start_offset as usize;
        start..end.max(start)
    }
}

/// Whether the text that comes next begins with `)`.
fn follows_bracket(statements: &[ast::Stmt<'_>]) -> bool {
    for statement in statements {
        let ast::Stmt::EmitRaw(raw) = statement else { return false };
        let text = raw.raw.trim_start();
        if !text.is_empty() {
            return text.starts_with(')');
        }
    }
    false
}

fn offsets(span: Span) -> Range<usize> {
    span.start_offset as usize..span.end_offset as usize
}

/// The whole tag: a statement's span ends before the closing brackets.
fn tag(text: &str, span: Span, closing: &str) -> Range<usize> {
    let Range { start, end } = offsets(span);
    let closed = text[end..].find(closing).map_or(end, |at| end + at + closing.len());
    start..closed
}
