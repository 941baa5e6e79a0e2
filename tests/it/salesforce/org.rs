//! What the server knows: objects with their fields and records, and queries over them. It reads a query with datadip's own
//! grammar, and evaluates as much of WHERE as the tests need.

use std::collections::{HashMap, HashSet};

use datadip::{
    template::{
        Dialect, Template,
        soql::{FieldKind, Outline, Select},
    },
    yaml::{self, Kind},
};
use serde_json::{Map, Value as Json, json};

use super::{server::Reply, sobjects::Sobjects};

/// An org.
#[derive(Debug, Default)]
pub struct Org {
    /// The tokens that are good.
    pub tokens: HashSet<String>,
    pub logins: usize,
    /// The address of its data, where that is another one.
    pub instance: Option<String>,
    /// `Sforce-Limit-Info` of each answer.
    pub limits: Option<String>,
    /// The most records of a page, and of a page of children.
    pub page: usize,
    pub children_page: usize,
    /// The records that are written one by one.
    pub sobjects: Sobjects,
    /// Answers to queries that have this in them, instead of what the objects would give.
    pub canned: Vec<(String, Vec<Json>)>,
    objects: Vec<Object>,
    /// The records that are left, by cursor.
    cursors: HashMap<String, (Vec<Json>, usize)>,
    cursor: usize,
}

/// An object.
#[derive(Debug)]
pub struct Object {
    name: String,
    fields: Vec<Field>,
    children: Vec<(String, String, String)>,
    pub records: Vec<Map<String, Json>>,
}

#[derive(Debug)]
struct Field {
    name: String,
    kind: String,
    nillable: bool,
    relationship: Option<String>,
    reference_to: Vec<String>,
}

impl Org {
    /// An org without objects.
    pub fn new() -> Self {
        Self { page: 2000, children_page: 200, ..Self::default() }
    }

    /// An org with customers, their cases and users.
    pub fn demo() -> Self {
        let mut org = Self::new();
        org.object("User", "Id:id Name:string Email:email");
        org.object(
            "Account",
            "Id:id Name:string Industry:picklist? AnnualRevenue:currency? NumberOfEmployees:int? Active__c:boolean \
             CreatedDate:datetime Founded__c:date? Note__c:textarea? OwnerId:reference=Owner>User",
        );
        org.object(
            "Contact",
            "Id:id FirstName:string? LastName:string Email:email? Phone:phone? AccountId:reference?=Account>Account \
             LastCall__c:datetime? Score__c:double? MailingAddress:address?",
        );
        org.object(
            "Case",
            "Id:id CaseNumber:string Subject:string? Status:picklist Priority:picklist? CreatedDate:datetime \
             ContactId:reference?=Contact>Contact OwnerId:reference=Owner>User,Group Origin:picklist? SuppliedPhone:phone? \
             Topics__c:multipicklist? Call_Id__c:string?",
        );
        org.object(
            "Task",
            "Id:id Subject:combobox? Status:picklist WhoId:reference?=Who>Contact,Lead ActivityDate:date? \
             IsReminderSet:boolean ReminderDateTime:datetime?",
        );
        org.children("Account", "Contacts", "Contact", "AccountId");
        org.children("Contact", "Cases", "Case", "ContactId");
        org.record("User", json!({ "Id": "005A", "Name": "Grace Hopper", "Email": "grace@example.com" }));
        org.record(
            "Account",
            json!({ "Id": "001A", "Name": "Acme", "Industry": "Energy", "AnnualRevenue": 1250000.50, "NumberOfEmployees": 20,
                "Active__c": true, "CreatedDate": "2024-02-29T09:30:00.000+0000", "Founded__c": "1999-12-31",
                "Note__c": "2024-02-29T09:30:00.000+0000", "OwnerId": "005A" }),
        );
        org.record(
            "Account",
            json!({ "Id": "001B", "Name": "O'Neil & Söhne", "Active__c": false,
                "CreatedDate": "2025-06-01T23:00:00.123+0000", "OwnerId": "005A" }),
        );
        org.record(
            "Contact",
            json!({ "Id": "003A", "FirstName": "Ada", "LastName": "Lovelace", "Email": "ada@example.com",
                "Phone": "+12025550123", "AccountId": "001A", "LastCall__c": "2026-11-19T08:15:00.000+0000", "Score__c": 7.5,
                "MailingAddress": { "city": "London", "postalCode": "W1" } }),
        );
        org.record("Contact", json!({ "Id": "003B", "LastName": "Nobody", "Email": "nobody@example.com" }));
        for (id, number, subject, status) in
            [("500A", "00001001", "No dial tone", "New"), ("500B", "00001002", "Invoice", "Closed")]
        {
            org.record(
                "Case",
                json!({ "Id": id, "CaseNumber": number, "Subject": subject, "Status": status, "Priority": "High",
                    "CreatedDate": "2026-11-18T10:00:00.000+0000", "ContactId": "003A", "OwnerId": "005A" }),
            );
        }
        org
    }

    /// Adds an object: fields as `Name:type`, `?` where it may be null, `=Relationship>Object,Object` for a key.
    pub fn object(&mut self, name: &str, fields: &str) {
        let field = |text: &str| {
            let (name, rest) = text.split_once(':').expect("a name and a type");
            let (kind, reference) = rest.split_once('=').map_or((rest, None), |(kind, key)| (kind, Some(key)));
            let (relationship, objects) = reference.and_then(|key| key.split_once('>')).unzip();
            Field {
                name: name.to_owned(),
                kind: kind.trim_end_matches('?').to_owned(),
                nillable: kind.ends_with('?'),
                relationship: relationship.map(str::to_owned),
                reference_to: objects.map(|all| all.split(',').map(str::to_owned).collect()).unwrap_or_default(),
            }
        };
        let fields = fields.split_whitespace().map(field).collect();
        self.remove(name);
        self.objects.push(Object { name: name.to_owned(), fields, children: Vec::new(), records: Vec::new() });
    }

    /// Removes an object.
    pub fn remove(&mut self, name: &str) {
        self.objects.retain(|object| object.name != name);
    }

    /// Adds a relationship to children, whose `key` names their parent.
    pub fn children(&mut self, object: &str, relationship: &str, child: &str, key: &str) {
        let object = self.find_mut(object).expect("an object");
        object.children.push((relationship.to_owned(), child.to_owned(), key.to_owned()));
    }

    /// Adds a record.
    pub fn record(&mut self, object: &str, record: Json) {
        let Json::Object(record) = record else { panic!("a record is an object") };
        self.find_mut(object).expect("an object").records.push(record);
    }

    /// An object by its name, in whatever letters.
    pub fn find_mut(&mut self, name: &str) -> Option<&mut Object> {
        self.objects.iter_mut().find(|object| object.name.eq_ignore_ascii_case(name))
    }

    fn find(&self, name: &str) -> Option<&Object> {
        self.objects.iter().find(|object| object.name.eq_ignore_ascii_case(name))
    }

    /// What is said of an object.
    pub fn describe(&self, name: &str) -> Option<Reply> {
        let object = self.find(name)?;
        let fields: Vec<Json> = object
            .fields
            .iter()
            .map(|field| {
                json!({ "name": field.name, "type": field.kind, "nillable": field.nillable, "label": field.name,
                    "relationshipName": field.relationship, "referenceTo": field.reference_to, "length": 80 })
            })
            .collect();
        let children: Vec<Json> = object
            .children
            .iter()
            .map(|(name, child, key)| json!({ "relationshipName": name, "childSObject": child, "field": key }))
            .chain([json!({ "relationshipName": null, "childSObject": "ActivityHistory", "field": "WhoId" })])
            .collect();
        let body = json!({ "name": object.name, "label": object.name, "queryable": true, "fields": fields,
            "childRelationships": children });
        Some(Reply::json(200, &body))
    }

    /// The names of all objects.
    pub fn describe_global(&self) -> Reply {
        let objects: Vec<Json> =
            self.objects.iter().map(|object| json!({ "name": object.name, "queryable": true })).collect();
        Reply::json(200, &json!({ "encoding": "UTF-8", "maxBatchSize": 200, "sobjects": objects }))
    }

    /// Answers a query.
    pub fn query(&mut self, query: &str, options: Option<&str>) -> Reply {
        let batch = match options.map(|options| options.strip_prefix("batchSize=").map(str::parse::<usize>)) {
            None => 2000,
            Some(Some(Ok(batch @ 200..=2000))) => batch,
            Some(_) => return Reply::error(400, "INVALID_QUERY_OPTIONS", "batchSize is 200 to 2000"),
        };
        let page = batch.min(self.page);
        if let Some((_, records)) = self.canned.iter().find(|(part, _)| query.contains(part.as_str())) {
            let records = records.clone();
            return Reply::json(200, &self.page(records, page));
        }
        let Some(outline) = outline(query) else {
            let message = format!("\n{query}\n^\nERROR at Row:1:Column:1\nunexpected token: '{query}'");
            return Reply::error(400, "MALFORMED_QUERY", &message);
        };
        let excerpt = format!("\n{query}\n       ^\nERROR at Row:1:Column:8\n");
        let Some(object) = self.find(&outline.query.from.text) else {
            let message = format!("{excerpt}sObject type '{}' is not supported.", outline.query.from.text);
            return Reply::error(400, "INVALID_TYPE", &message);
        };
        let records: Vec<&Map<String, Json>> =
            object.records.iter().filter(|record| self.matches(object, record, query)).take(limit(query)).collect();
        if outline.counts() {
            return Reply::json(200, &json!({ "totalSize": records.len(), "done": true, "records": [] }));
        }
        let mut shown = Vec::new();
        let mut later = Vec::new();
        for record in records {
            match self.shown(object, record, &outline.query, &mut later) {
                Ok(record) => shown.push(record),
                Err(reason) => return Reply::error(400, "INVALID_FIELD", &format!("{excerpt}{reason}")),
            }
        }
        if let Err(reason) = self.check(object, &outline.query) {
            return Reply::error(400, "INVALID_FIELD", &format!("{excerpt}{reason}"));
        }
        self.cursors.extend(later);
        Reply::json(200, &self.page(shown, page))
    }

    /// The next page of a cursor.
    pub fn next(&mut self, cursor: &str) -> Reply {
        match self.cursors.remove(cursor) {
            Some((records, page)) => Reply::json(200, &self.page(records, page)),
            None => Reply::error(400, "INVALID_QUERY_LOCATOR", "invalid query locator"),
        }
    }

    fn page(&mut self, mut records: Vec<Json>, page: usize) -> Json {
        let total = records.len();
        if total <= page {
            return json!({ "totalSize": total, "done": true, "records": records });
        }
        let rest = records.split_off(page);
        self.cursor += 1;
        let cursor = format!("01gD{}-{page}", self.cursor);
        self.cursors.insert(cursor.clone(), (rest, page));
        let next = format!("/services/data/v66.0/query/{cursor}");
        json!({ "totalSize": total, "done": false, "nextRecordsUrl": next, "records": records })
    }

    /// Whether an object has what a query selects, also where it has no records.
    fn check(&self, object: &Object, select: &Select) -> Result<(), String> {
        self.shown(object, &Map::new(), select, &mut Vec::new()).map(drop)
    }

    /// A record as a query shows it.
    fn shown(
        &self,
        object: &Object,
        record: &Map<String, Json>,
        select: &Select,
        later: &mut Vec<(String, (Vec<Json>, usize))>,
    ) -> Result<Json, String> {
        let mut shown = Map::new();
        let id = record.get("Id").and_then(Json::as_str).unwrap_or_default();
        let url = format!("/services/data/v66.0/sobjects/{}/{id}", object.name);
        shown.insert("attributes".into(), json!({ "type": object.name, "url": url }));
        for field in &select.fields {
            match &field.kind {
                FieldKind::Path(path) => self.show_path(object, record, path, &mut shown)?,
                FieldKind::Child(child) => {
                    let name = &child.from.text;
                    let known = object.children.iter().find(|(known, ..)| known.eq_ignore_ascii_case(name));
                    let (relationship, of, key) = known.ok_or(format!("Didn't understand relationship '{name}'"))?;
                    let of = self.find(of).expect("an object");
                    let ours = of.records.iter().filter(|record| record.get(key).and_then(Json::as_str) == Some(id));
                    let mut children = Vec::new();
                    for record in ours {
                        children.push(self.shown(of, record, child, later)?);
                    }
                    let value = self.children_of(children, later);
                    shown.insert(relationship.clone(), value);
                }
                other => panic!("the server cannot show {other:?}: give it an answer"),
            }
        }
        Ok(Json::Object(shown))
    }

    fn children_of(&self, mut children: Vec<Json>, later: &mut Vec<(String, (Vec<Json>, usize))>) -> Json {
        let total = children.len();
        if total == 0 {
            return Json::Null;
        }
        if total <= self.children_page {
            return json!({ "totalSize": total, "done": true, "records": children });
        }
        let rest = children.split_off(self.children_page);
        let cursor = format!("01gC{}-{}-{total}", self.cursor, later.len());
        later.push((cursor.clone(), (rest, self.children_page)));
        let next = format!("/services/data/v66.0/query/{cursor}");
        json!({ "totalSize": total, "done": false, "nextRecordsUrl": next, "records": children })
    }

    fn show_path(
        &self,
        object: &Object,
        record: &Map<String, Json>,
        path: &[String],
        shown: &mut Map<String, Json>,
    ) -> Result<(), String> {
        let [name, rest @ ..] = path else { return Ok(()) };
        if rest.is_empty() {
            let field = object.fields.iter().find(|field| field.name.eq_ignore_ascii_case(name));
            let field = field.ok_or(format!("No such column '{name}' on entity '{}'.", object.name))?;
            shown.insert(field.name.clone(), record.get(&field.name).cloned().unwrap_or_default());
            return Ok(());
        }
        let related =
            |field: &&Field| field.relationship.as_deref().is_some_and(|known| known.eq_ignore_ascii_case(name));
        let key = object.fields.iter().find(related).ok_or(format!("Didn't understand relationship '{name}'"))?;
        let parent = self.find(&key.reference_to[0]).expect("an object");
        let found = record.get(&key.name).and_then(Json::as_str).and_then(|id| parent.by_id(id));
        let relationship = key.relationship.clone().expect("it is a relationship");
        let empty = Map::new();
        let mut members = match shown.remove(&relationship) {
            Some(Json::Object(members)) => members,
            _ => Map::from_iter([("attributes".to_owned(), json!({ "type": parent.name, "url": "/x" }))]),
        };
        self.show_path(parent, found.unwrap_or(&empty), rest, &mut members)?;
        shown.insert(relationship, if found.is_some() { Json::Object(members) } else { Json::Null });
        Ok(())
    }

    /// Whether a record is what the query's WHERE asks for.
    fn matches(&self, object: &Object, record: &Map<String, Json>, query: &str) -> bool {
        let Some(condition) = clause(query, "WHERE", &["GROUP BY", "ORDER BY", "LIMIT", "OFFSET", "FOR"]) else {
            return true;
        };
        split(&condition, " AND ").iter().all(|condition| self.holds(object, record, condition.trim()))
    }

    fn holds(&self, object: &Object, record: &Map<String, Json>, condition: &str) -> bool {
        let operators = [" IN (", " != ", " >= ", " <= ", " = ", " > ", " < ", " LIKE "];
        let found = operators.iter().find_map(|operator| Some((operator, condition.split_once(operator)?)));
        let Some((operator, (path, literal))) = found else { panic!("the server cannot evaluate `{condition}`") };
        let path: Vec<String> = path.trim().split('.').map(str::to_owned).collect();
        let mut shown = Map::new();
        self.show_path(object, record, &path, &mut shown).expect("the condition names a field");
        let mut value = Json::Object(shown);
        for name in &path {
            let members = value.as_object().cloned().unwrap_or_default();
            value =
                members.into_iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map_or(Json::Null, |(_, v)| v);
        }
        let value = match value {
            Json::String(text) => text,
            Json::Null => String::from("null"),
            other => other.to_string(),
        };
        let comparable = |text: &str| text.chars().take(19).collect::<String>();
        let order = match (value.parse::<f64>(), literal.parse::<f64>()) {
            (Ok(value), Ok(literal)) => value.partial_cmp(&literal),
            _ => Some(comparable(&value).cmp(&comparable(&text(literal)))),
        }
        .expect("numbers");
        match operator.trim() {
            "=" => value.eq_ignore_ascii_case(&text(literal)) || order.is_eq() && !literal.starts_with('\''),
            "!=" => !value.eq_ignore_ascii_case(&text(literal)),
            ">" => order.is_gt(),
            "<" => order.is_lt(),
            ">=" => order.is_ge(),
            "<=" => order.is_le(),
            "LIKE" => like(&value.to_lowercase(), &literal.trim_matches('\'').to_lowercase()),
            _ => split(literal.trim_end_matches(')'), ",")
                .iter()
                .any(|item| text(item.trim()).eq_ignore_ascii_case(&value)),
        }
    }
}

impl Object {
    fn by_id(&self, id: &str) -> Option<&Map<String, Json>> {
        self.records.iter().find(|record| record.get("Id").and_then(Json::as_str) == Some(id))
    }
}

/// What a query asks for; `None` where the grammar refuses it.
fn outline(query: &str) -> Option<Outline> {
    let (document, mut out) = yaml::parse(&Json::from(query).to_string());
    let Kind::Scalar(text) = document?.root.kind else { return None };
    let template = Template::compile(&text, Dialect::Soql, &[], &mut out)?;
    let (_, statement) = template.shapes().next()?;
    statement.outline().cloned()
}

fn limit(query: &str) -> usize {
    let text = clause(query, "LIMIT", &["OFFSET", "FOR"]);
    text.map_or(usize::MAX, |text| text.trim().parse().expect("a number"))
}

/// What follows a keyword of the outermost query, up to the next one.
fn clause(query: &str, keyword: &str, next: &[&str]) -> Option<String> {
    let query = query.split_whitespace().collect::<Vec<_>>().join(" ");
    let pieces = split(&query, &format!(" {keyword} "));
    let mut rest = pieces.get(1)?.clone();
    for next in next {
        rest.truncate(split(&rest, &format!(" {next} "))[0].len());
    }
    Some(rest)
}

/// Splits at a separator outside of quotes and brackets.
fn split(text: &str, separator: &str) -> Vec<String> {
    let (mut pieces, mut from, mut depth, mut quoted, mut escaped) = (Vec::new(), 0, 0, false, false);
    for (at, c) in text.char_indices() {
        if at >= from && depth == 0 && !quoted && text[at..].starts_with(separator) {
            pieces.push(text[from..at].to_owned());
            from = at + separator.len();
        }
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '\'' => quoted = !quoted,
            '(' if !quoted => depth += 1,
            ')' if !quoted => depth -= 1,
            _ => {}
        }
    }
    pieces.push(text[from..].to_owned());
    pieces
}

/// The text of a literal.
fn text(literal: &str) -> String {
    let Some(inner) = literal.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\'')) else {
        return literal.to_owned();
    };
    let mut text = String::new();
    let mut chars = inner.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => match chars.next().expect("an escape has a letter") {
                'n' => text.push('\n'),
                'r' => text.push('\r'),
                't' => text.push('\t'),
                'b' => text.push('\u{8}'),
                other => text.push(other),
            },
            c => text.push(c),
        }
    }
    text
}

/// LIKE, with `%`, `_` and escapes.
fn like(value: &str, pattern: &str) -> bool {
    let mut chars = pattern.chars();
    match chars.next() {
        None => value.is_empty(),
        Some('%') => (0..=value.len()).any(|at| value.is_char_boundary(at) && like(&value[at..], chars.as_str())),
        Some(c) => {
            let (wanted, rest) = match c {
                '_' => (None, chars.as_str()),
                '\\' => (chars.next(), chars.as_str()),
                c => (Some(c), chars.as_str()),
            };
            let mut value = value.chars();
            value.next().is_some_and(|c| wanted.is_none_or(|wanted| wanted == c)) && like(value.as_str(), rest)
        }
    }
}
