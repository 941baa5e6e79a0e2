//! A case's Markdown becomes files, requests and expected answers.

use serde_json::Value as Json;

/// One case.
#[derive(Debug, Default)]
pub struct Case {
    /// The files of the deployment: path and text.
    pub files: Vec<(String, String)>,
    /// The requests in order.
    pub steps: Vec<Step>,
}

/// A request and its answer.
#[derive(Debug)]
pub struct Step {
    /// The request's line in the Markdown.
    pub line: usize,
    /// The request line without version, and headers.
    pub head: String,
    /// The body.
    pub body: String,
    /// What must come.
    pub expected: Expected,
}

/// An answer as written.
#[derive(Debug)]
pub struct Expected {
    /// The HTTP status.
    pub status: u16,
    /// Headers that must be so.
    pub headers: Vec<(String, String)>,
    /// The body, where anything is said of it.
    pub body: Option<Json>,
    /// Whether no other members may be there.
    pub exact: bool,
    /// Whether the body is NDJSON, and the expected one the list of its lines.
    pub lines: bool,
}

impl Case {
    /// Reads the fenced blocks of a case.
    pub fn parse(markdown: &str) -> Result<Self, String> {
        let mut case = Self::default();
        let mut request: Option<(usize, String, String)> = None;
        let mut lines = markdown.lines().enumerate();
        while let Some((at, line)) = lines.next() {
            let Some(info) = line.strip_prefix("```") else { continue };
            let mut block = String::new();
            loop {
                let (_, line) = lines.next().ok_or(format!("line {}: a block without end", at + 1))?;
                if line == "```" {
                    break;
                }
                block += line;
                block.push('\n');
            }
            let failed = |error: &str| format!("line {}: {error}", at + 1);
            match info.split_once(' ').unwrap_or((info, "")) {
                ("http", _) if request.is_none() => {
                    let (head, body) = block.split_once("\n\n").unwrap_or((block.trim_end(), ""));
                    request = Some((at + 1, head.to_owned(), body.trim_end().to_owned()));
                }
                ("json", word @ ("" | "exact" | "lines")) => {
                    let (line, head, body) = request.take().ok_or(failed("an answer without a request"))?;
                    let expected = Expected::parse(&block, word).map_err(|error| failed(&error))?;
                    case.steps.push(Step { line, head, body, expected });
                }
                ("yaml" | "sql" | "json", path) if !path.is_empty() => case.files.push((path.to_owned(), block)),
                _ => return Err(failed("neither a file nor a request nor an answer")),
            }
        }
        match request {
            Some((line, ..)) => Err(format!("line {line}: a request without an answer")),
            None if case.steps.is_empty() => Err("no request".into()),
            None => Ok(case),
        }
    }
}

impl Expected {
    fn parse(block: &str, word: &str) -> Result<Self, String> {
        let (head, body) = block.split_once("\n\n").unwrap_or((block, ""));
        let mut lines = head.lines();
        let status = lines.next().and_then(|line| line.parse().ok()).ok_or("an answer begins with its status")?;
        let header = |line: &str| line.split_once(": ").map(|(name, value)| (name.to_owned(), value.to_owned()));
        let headers =
            lines.map(header).collect::<Option<_>>().ok_or("a header is `Name: value`; an empty line ends them")?;
        let body = match body.trim() {
            "" => None,
            text => Some(serde_json::from_str(text).map_err(|error| error.to_string())?),
        };
        Ok(Self { status, headers, body, exact: word == "exact", lines: word == "lines" })
    }
}
