//! Queries that Salesforce refuses: each fault, its place and what to write instead.

use super::{read, read_typed};
use crate::value::Scalar;

/// A query, and its faults: place, message and help.
type Wrong = (&'static str, &'static [(&'static str, &'static str, &'static str)]);

const WRONG: &[Wrong] = &[
    (
        "INSERT INTO Account (Name) VALUES ('x')",
        &[(
            "INSERT",
            "SOQL only reads, and `INSERT` writes",
            "use `mode: write` and `options: { operation: create, object: …, fields: … }` instead of `soql`",
        )],
    ),
    (
        "update Account set Name = 'x'",
        &[(
            "update",
            "SOQL only reads, and `UPDATE` writes",
            "use `mode: write` and `options: { operation: update, object: …, fields: … }` instead of `soql`",
        )],
    ),
    ("FIND {x} IN ALL FIELDS", &[("FIND", "this is SOSL; an action runs SOQL", "write `SELECT … FROM …`")]),
    ("SELCT Id FROM Account", &[("SELCT", "a query begins with `SELECT`, got `SELCT`", "did you mean `SELECT`?")]),
    ("Id FROM Account", &[("Id", "a query begins with `SELECT`, got `Id`", "write `SELECT … FROM …`")]),
    ("SELECT Id FROM Account WHER Name = 'x'", &[("WHER", "expected a clause, got `WHER`", "did you mean `WHERE`?")]),
    (
        "SELECT Id FROM Account WHERE Name = 'x' ODER BY Name",
        &[("ODER", "expected a clause, got `ODER`", "did you mean `ORDER`?")],
    ),
    (
        "SELECT Id FROM Account WHERE Name = 'x' ORDER Name",
        &[("ORDER", "expected `AND`, `OR` or the next clause, got `ORDER`", "write `ORDER BY`")],
    ),
    (
        "SELECT Id FROM Account JOIN Contact ON Contact.AccountId = Account.Id",
        &[(
            "JOIN",
            "SOQL has no joins",
            "write `Account.Name` for the field of a parent, `(SELECT Id FROM Contacts)` after SELECT for children, and `Id IN (SELECT …)` to filter",
        )],
    ),
    (
        "SELECT Id FROM Account a LEFT JOIN Contact c ON c.AccountId = a.Id WHERE a.Name = 'x'",
        &[(
            "LEFT",
            "SOQL has no joins",
            "write `Account.Name` for the field of a parent, `(SELECT Id FROM Contacts)` after SELECT for children, and `Id IN (SELECT …)` to filter",
        )],
    ),
    ("SELECT Id FROM Account UNION SELECT Id FROM Contact", &[("UNION", "SOQL has no `UNION`", "write two actions")]),
    (
        "SELECT Account(Name, City) FROM Contact",
        &[(
            "Account(Name, City)",
            "SOQL has no function `Account`",
            "the fields of a parent are written with a dot: `Account.Name, Account.City`; or did you mean `COUNT`?",
        )],
    ),
    (
        "SELECT COUNT(*) FROM Account",
        &[(
            "*",
            "expected a field in `COUNT(…)`, got `*`",
            "write `COUNT()` alone for the number of records, or `COUNT(Id)`",
        )],
    ),
    (
        "SELECT COUNT(DISTINCT Name) FROM Account",
        &[("DISTINCT", "expected a field in `COUNT(…)`, got `DISTINCT`", "write `COUNT_DISTINCT(Name)`")],
    ),
    ("SELECT TOP 5 Id FROM Account", &[("TOP 5", "SOQL has no `TOP`", "write `LIMIT 5` at the end")]),
    (
        "SELECT Id, Amount * 2 FROM Opportunity",
        &[(
            "*",
            "SOQL computes nothing: `*` cannot stand here",
            "leave it to the caller, or add a formula field in Salesforce",
        )],
    ),
    (
        "SELECT FirstName || ' ' || LastName FROM Contact",
        &[(
            "|",
            "SOQL computes nothing: `|` cannot stand here",
            "leave it to the caller, or add a formula field in Salesforce",
        )],
    ),
    (
        "SELECT CASE WHEN a = 1 THEN 2 END FROM Contact",
        &[("CASE", "SOQL has no `CASE`", "leave it to the caller, or add a formula field in Salesforce")],
    ),
    (
        "SELECT Id FROM Account WHERE Account. = 'x'",
        &[(".", "expected a name after `Account.`, got `=`", "name the field, or remove the dot")],
    ),
    (
        "SELECT Id, Account. FROM Contact",
        &[(".", "expected a name after `Account.`, got `FROM`", "name the field, or remove the dot")],
    ),
    ("SELECT \"Id\" FROM Account", &[("\"Id\"", "expected a field, got `\"Id\"`", "names stand without quotes: `Id`")]),
    ("SELECT `Id` FROM Account", &[("`", "expected a field, got ```", "names stand without quotes")]),
    (
        "SELECT Id FROM Account WHERE CreatedDate > '2023-01-01'",
        &[(
            "'2023-01-01'",
            "a date stands without quotes",
            "write `2023-01-01T00:00:00Z`, or compare the day: `DAY_ONLY(CreatedDate)`",
        )],
    ),
    (
        "SELECT Id FROM Task WHERE ActivityDate >= '2026-11-01T00:00:00Z'",
        &[("'2026-11-01T00:00:00Z'", "a date stands without quotes", "write `2026-11-01`")],
    ),
    (
        "SELECT Id FROM Opportunity WHERE CloseDate < '2026-11-01'",
        &[("'2026-11-01'", "a date stands without quotes", "write `2026-11-01`")],
    ),
    (
        "SELECT Id FROM Account WHERE CreatedDate > '2023-01-01T00:00:00'",
        &[("'2023-01-01T00:00:00'", "a date stands without quotes", "write `2023-01-01T00:00:00Z`")],
    ),
    (
        "SELECT Id FROM Account WHERE CreatedDate > 2023-01-01",
        &[(
            "2023-01-01",
            "`CreatedDate` is a datetime, and `2023-01-01` a date",
            "write `2023-01-01T00:00:00Z`, or compare the day: `DAY_ONLY(CreatedDate)`",
        )],
    ),
    (
        "SELECT Id FROM Account WHERE LastActivityDate = '2023-01-01'",
        &[("'2023-01-01'", "a date stands without quotes", "write `2023-01-01`")],
    ),
    (
        "SELECT Id FROM Account WHERE CloseDate = DATE '2023-01-01'",
        &[("DATE '2023-01-01'", "SOQL has no `DATE` before a value", "write `2023-01-01`, without quotes")],
    ),
    (
        "SELECT Id FROM Account WHERE CreatedDate = TIMESTAMP '2023-01-01 10:00:00'",
        &[(
            "TIMESTAMP '2023-01-01 10:00:00'",
            "SOQL has no `TIMESTAMP` before a value",
            "write `2023-01-01T10:00:00Z`, without quotes",
        )],
    ),
    (
        "SELECT Id FROM Account WHERE CreatedDate > NOW()",
        &[(
            "NOW()",
            "a value is no call of a function, got `NOW(…)`",
            "write `TODAY`, `LAST_N_DAYS:7`, or bind a parameter",
        )],
    ),
    (
        "SELECT Id FROM Account WHERE CreatedDate > TODDAY",
        &[("TODDAY", "expected a value, got `TODDAY`", "did you mean `TODAY`?")],
    ),
    (
        "SELECT Id FROM Account WHERE YEAR(CreatedDate) = 2020",
        &[("YEAR(CreatedDate)", "SOQL has no function `YEAR`", "write `CALENDAR_YEAR(…)`")],
    ),
    (
        "SELECT Id FROM Account WHERE UPPER(Name) = 'X'",
        &[(
            "UPPER(Name)",
            "SOQL has no function `UPPER`",
            "leave it out: SOQL compares texts without regard to their case",
        )],
    ),
    (
        "SELECT Id FROM Account WHERE EXISTS (SELECT Id FROM Contact)",
        &[(
            "EXISTS (SELECT Id FROM Contact)",
            "SOQL has no function `EXISTS`",
            "write `Id IN (SELECT AccountId FROM Contact WHERE …)`",
        )],
    ),
    (
        "SELECT Id FROM Account WHERE COUNT(Id) > 5",
        &[("COUNT(Id)", "`COUNT` cannot stand in WHERE", "compare it after `GROUP BY …`, in `HAVING`")],
    ),
    (
        "SELECT Id FROM Account WHERE Name IN ?",
        &[("?", "expected a list in brackets, got a bound value", "write `({{ values | spread }})`")],
    ),
    (
        "SELECT Id FROM Account WHERE Name IN (\"a\", 'b')",
        &[("\"a\"", "a text stands in single quotes", "write `'a'`")],
    ),
    ("SELECT Id FROM Account WHERE A = 1 && B = 2", &[("&&", "SOQL writes `AND`", "write `AND`")]),
    ("SELECT Id FROM Account WHERE A = 1 || B = 2", &[("||", "SOQL writes `OR`", "write `OR`")]),
    (
        "SELECT Id FROM Account WHERE !IsActive",
        &[("!", "expected a field, got `!`", "write `NOT`, or `Field = FALSE`")],
    ),
    (
        "SELECT Id FROM Account WHERE Name ILIKE 'a%' AND B == 2 AND C IS NOT NULL AND D BETWEEN 1 AND 2 OR E NOT LIKE 'x'",
        &[
            (
                "ILIKE",
                "SOQL has no `ILIKE`",
                "write `Name LIKE {{ … | contains }}`: LIKE does not regard the case of letters",
            ),
            ("==", "SOQL has no operator `==`", "write `=`"),
            ("IS NOT NULL", "SOQL has no `IS NOT NULL`", "write `C != NULL`"),
            ("BETWEEN", "SOQL has no `BETWEEN`", "write `D >= … AND D <= …`"),
            ("OR", "`AND` and `OR` are not mixed without brackets", "write `(a AND b) OR c`, or `a AND (b OR c)`"),
            ("NOT LIKE", "SOQL has no `NOT LIKE`", "write `(NOT E LIKE …)`"),
        ],
    ),
    (
        "SELECT Id FROM Account WHERE A > 1,000",
        &[(",", "expected `AND`, `OR` or the next clause, got `,`", "a number has no commas")],
    ),
    (
        "SELECT Id FROM Account WHERE A = 2023-1-1",
        &[("2023-1-1", "a date is written with four, two and two digits", "write `2023-01-01`")],
    ),
    ("SELECT Id FROM Account WHERE A => 5", &[("=>", "SOQL has no operator `=>`", "write `>=`")]),
    (
        "SELECT Id FROM Account WHERE 'x' = Name",
        &[("'x'", "expected a field, got `'x'`", "write the field first: `Name = 'Ada'`")],
    ),
    (
        "SELECT Id FROM Account WHERE Status = Open",
        &[(
            "Open",
            "expected a value, got `Open`",
            "a text stands in quotes: `'Open'`; a field is not compared with another one",
        )],
    ),
    (
        "SELECT Id FROM Account WHERE A = B__c",
        &[(
            "B__c",
            "SOQL compares a field with a value, not with another field, got `B__c`",
            "compare them in a formula field in Salesforce",
        )],
    ),
    (
        "SELECT Id FROM (SELECT Id FROM Account)",
        &[(
            "(",
            "expected an object, got `(`",
            "FROM takes an object; children are selected by a subquery after SELECT, and `Id IN (SELECT …)` filters",
        )],
    ),
    (
        "SELECT Id FROM Account WHERE Name LIKE 'x' ESCAPE '\\\\'",
        &[("LIKE 'x' ESCAPE", "SOQL's LIKE has no `ESCAPE`", "remove it: `\\` escapes `%` and `_` by itself")],
    ),
    (
        "SELECT Id FROM Account WHERE Id IN (SELECT AccountId FROM Contact) OR Name = 'x'",
        &[(
            "OR",
            "a condition with `IN (SELECT …)` is not joined with `OR`",
            "write two actions, or join it with `AND`",
        )],
    ),
    (
        "SELECT Id, COUNT(Id) FROM Account",
        &[("Id", "`Id` is neither grouped nor aggregated", "add it to `GROUP BY`, or write `MAX(Id)`")],
    ),
    (
        "SELECT Name, COUNT(Id) FROM Account GROUP BY Type",
        &[("Name", "`Name` is neither grouped nor aggregated", "add it to `GROUP BY`, or write `MAX(Name)`")],
    ),
    (
        "SELECT Id, (SELECT COUNT(Id) FROM Contacts) FROM Account",
        &[(
            "COUNT(Id)",
            "a child subquery answers records, not groups: it has no aggregate and no `GROUP BY`",
            "group in an action of its own, whose FROM is the child object",
        )],
    ),
    (
        "SELECT Name, (SELECT Id FROM Contacts), COUNT(Id) FROM Account GROUP BY Name",
        &[(
            "(SELECT Id FROM Contacts)",
            "a query that groups answers no records, which a child subquery could belong to",
            "remove the subquery, or the aggregates",
        )],
    ),
    (
        "SELECT a.b.c.d.e.f.g FROM X",
        &[(
            "a.b.c.d.e.f.g",
            "this path leads through 6 parents, and 5 is the most",
            "begin at an object that is nearer, or add a formula field",
        )],
    ),
    (
        "SELECT (SELECT (SELECT (SELECT (SELECT (SELECT Id FROM F) FROM E) FROM D) FROM C) FROM B) FROM A",
        &[(
            "(",
            "child subqueries stand at most 4 deep in one another",
            "begin at the child, and reach its parents with a dot",
        )],
    ),
    (
        "SELECT FIELDS(ALL) FROM Account",
        &[("FIELDS(ALL)", "`FIELDS(ALL)` needs a `LIMIT` of at most 200", "add `LIMIT 200`, or name the fields")],
    ),
    (
        "SELECT FIELDS(ALL) FROM Account LIMIT 500",
        &[("FIELDS(ALL)", "`FIELDS(ALL)` needs a `LIMIT` of at most 200", "add `LIMIT 200`, or name the fields")],
    ),
    ("SELECT Id FROM Account LIMIT 'x'", &[("'x'", "expected a whole number after `LIMIT`, got `'x'`", "")]),
    (
        "SELECT Id FROM Account LIMIT ALL",
        &[("ALL", "expected a whole number after `LIMIT`, got `ALL`", "leave the clause out for all rows")],
    ),
    (
        "SELECT Id FROM Account GROUP BY 1",
        &[("1", "expected a field, got `1`", "name the field; SOQL does not count them")],
    ),
    ("SELECT Id FROM Account WHERE (A = 1", &[("1", "expected `)`, got the end of the query", "")]),
    (
        "SELECT Id FROM Account WHERE A = 1)",
        &[(")", "expected the end of the query, got `)`", "remove it, or what opens it is missing")],
    ),
    (
        "SELECT Id FROM Account WHERE CALENDAR_YEA(CreatedDate) = 1",
        &[("CALENDAR_YEA(CreatedDate)", "SOQL has no function `CALENDAR_YEA`", "did you mean `CALENDAR_YEAR`?")],
    ),
    (
        "SELECT Id FROM Account, Contact",
        &[(
            "Contact",
            "`Contact` is reached from `Account`: a query has one object",
            "write `FROM Account x, x.Contact y`, with the relationship's name",
        )],
    ),
    (
        "SELECT Id Name FROM Account",
        &[(
            "Name",
            "`Name` cannot rename a field of a record",
            "if it is a field of its own, put a comma before it; only aggregates, functions and grouped fields have other names",
        )],
    ),
    (
        "SELECT convertTimezone(CreatedDate) FROM Account",
        &[(
            "convertTimezone(CreatedDate)",
            "`convertTimezone` stands inside of another function",
            "write it in a date function, `HOUR_IN_DAY(convertTimezone(CreatedDate))`",
        )],
    ),
    (
        "SELECT Id FROM Account WHERE A = 5+3",
        &[("5+3", "SOQL computes nothing: `5+3` is no number", "write the result")],
    ),
    ("SELECT Id FROM Account WHERE A IN (1, 2 3)", &[("3", "expected `,` or `)`, got `3`", "")]),
    (
        "SELECT Id FROM Account WHERE A = 'it's'",
        &[("s", "expected `AND`, `OR` or the next clause, got `s`", "a quote inside of a text is written as `\\'`")],
    ),
    (
        "SELECT Id FROM Account FETCH FIRST 5 ROWS ONLY",
        &[("FETCH", "expected a clause such as `WHERE`, got `FETCH`", "write `LIMIT 10`")],
    ),
    (
        "SELECT Id FROM Account WITH SECURITY_ENFORCE",
        &[("SECURITY_ENFORCE", "`WITH` knows no `SECURITY_ENFORCE`", "did you mean `SECURITY_ENFORCED`?")],
    ),
    (
        "SELECT Id FROM Account WHERE A = LAST_N_DAYS:-5",
        &[("-5", "expected a whole number without a sign, got `-5`", "write `LAST_N_DAYS:30`")],
    ),
    (
        "SELECT Id FROM Account WHERE A INCLUDES 'x'",
        &[("'x'", "expected a list in brackets, got `'x'`", "write `INCLUDES ('a;b', 'c')`")],
    ),
    (
        "SELECT Id FROM Account WHERE A NOT INCLUDES ('x')",
        &[("NOT INCLUDES", "SOQL has no `NOT INCLUDES`", "write `A EXCLUDES (…)`")],
    ),
    ("SELECT Id,, Name FROM Account", &[(",", "expected a field, got `,`", "")]),
    (
        "SELECT Id FROM Account WHERE AND A = 1",
        &[("AND", "expected a field, got `AND`", "`AND` is a word of SOQL, and no name")],
    ),
    ("SELECT Id FROM Account WHERE A = 1 AND", &[("AND", "expected a field, got the end of the query", "")]),
    (
        "SELECT Id FROM Account WHERE A = TRUE AND OR B = 2",
        &[("OR", "expected a field, got `OR`", "`OR` is a word of SOQL, and no name")],
    ),
    (
        "SELECT Id FROM Account ORDER BY Name DESCENDING",
        &[("DESCENDING", "expected `,` or the next clause, got `DESCENDING`", "")],
    ),
    (
        "SELECT COUNT(Id) AS c FROM Account",
        &[("AS", "SOQL has no `AS` before a name", "write the name alone, without `AS`")],
    ),
    (
        "SELECT Id FROM Account WHERE 1=1",
        &[(
            "1=1",
            "two values are compared: `1=1`",
            "leave it out; to begin a list of optional conditions, put `WHERE` itself into an `{% if %}`",
        )],
    ),
    (
        "SELECT Id FROM Account WHERE A = 1 AND B = 2 OR C = 3",
        &[("OR", "`AND` and `OR` are not mixed without brackets", "write `(a AND b) OR c`, or `a AND (b OR c)`")],
    ),
    (
        "SELECT Id FROM Account WHERE NOT A = 1 AND B = 2",
        &[(
            "AND",
            "a condition with `NOT` must stand alone, or in brackets",
            "write `(NOT …)` with brackets around it",
        )],
    ),
    (
        "SELECT Id FROM Account WHERE A = 1 AND NOT B = 2",
        &[("NOT", "`NOT` after `AND` must stand in brackets", "write `AND (NOT …)`")],
    ),
    ("SELECT Id FROM Account WHERE NOT NOT A = 1", &[("NOT", "a second `NOT`", "remove both")]),
    ("SELECT Id FROM Account WHERE A IS NULL", &[("IS NULL", "SOQL has no `IS NULL`", "write `A = NULL`")]),
    ("SELECT Id FROM Account WHERE A = 1e5", &[("1e5", "a number has no exponent", "write `100000`")]),
    ("SELECT Id FROM Account WHERE A = 5.", &[("5.", "a number must have digits behind its point", "write `5`")]),
    (
        "SELECT Id FROM Account WHERE A = -USD5000",
        &[("-USD5000", "a currency value has no sign", "compare with the number alone, in the user's currency")],
    ),
    (
        "SELECT Id FROM Account WHERE A = LAST_N_DAYS",
        &[("LAST_N_DAYS", "`LAST_N_DAYS` needs a number", "write `LAST_N_DAYS:30`")],
    ),
    (
        "SELECT Id FROM Account WHERE A = 2020-01-01T10:00:00",
        &[(
            "2020-01-01T10:00:00",
            "a datetime is written as 2026-11-20T14:05:30Z, with its zone",
            "write `2020-01-01T10:00:00Z`",
        )],
    ),
    (
        "SELECT Id FROM Account WHERE A = 10:00:00",
        &[("10:00:00", "a time is written as 14:05:30Z, with its zone", "write `10:00:00Z`")],
    ),
    ("SELECT Id FROM Account WHERE A = 2020-13-45", &[("2020-13-45", "there is no day or time `2020-13-45`", "")]),
    (
        "SELECT Id FROM Account WHERE A IN ()",
        &[(
            "()",
            "an empty list",
            "leave the condition out where there is nothing to look for: `{% if ids %}…{% endif %}`",
        )],
    ),
    ("SELECT Id FROM Account WHERE A IN ('a',)", &[(",", "a comma with nothing behind it", "remove it")]),
    (
        "SELECT Id FROM Account WHERE A IN 'a'",
        &[("'a'", "expected a list in brackets, got `'a'`", "write `IN ('a', 'b')`")],
    ),
    (
        "SELECT Id FROM Account WHERE A IN (SELECT B FROM C WHERE D = 1 LIMIT 5)",
        &[("LIMIT", "`LIMIT` cannot stand in a query inside of `IN (…)`", "remove it")],
    ),
    (
        "SELECT Id FROM Account WHERE A IN (SELECT B, D FROM C)",
        &[("D", "a query inside of `IN (…)` selects one field", "leave out the others")],
    ),
    (
        "SELECT Id FROM Account WHERE A IN (SELECT COUNT(Id) FROM C)",
        &[("COUNT(Id)", "a query inside of `IN (…)` selects one field", "name the field that holds the ids")],
    ),
    (
        "SELECT Id FROM Account WHERE A = (SELECT B FROM C)",
        &[("(", "expected a value, got `(`", "write `IN (SELECT …)`")],
    ),
    (
        "SELECT Id FROM Account WHERE A NOT LIKE 'a%'",
        &[("NOT LIKE", "SOQL has no `NOT LIKE`", "write `(NOT A LIKE …)`")],
    ),
    ("SELECT Id FROM Account WHERE A LIKE 5", &[("5", "`LIKE` compares with a text, got `5`", "write `'5'`")]),
    ("SELECT FIELDS(FOO) FROM Account", &[("FOO", "expected `ALL`, `STANDARD` or `CUSTOM`, got `FOO`", "")]),
    (
        "SELECT COUNT(), Id FROM Account",
        &[(
            "COUNT()",
            "`COUNT()` must stand alone after SELECT: its answer is a number, not records",
            "count a field, `COUNT(Id)`",
        )],
    ),
    (
        "SELECT COUNT() FROM Account GROUP BY Name",
        &[("COUNT()", "`COUNT()` counts all records, not those of groups", "count a field, `COUNT(Id)`")],
    ),
    (
        "SELECT Name FROM Account FOR UPDATE",
        &[(
            "FOR UPDATE",
            "`FOR UPDATE` is known in Apex only",
            "remove it: over REST a query ends with its answer, and so would its locks",
        )],
    ),
    (
        "SELECT Name FROM Account ALL ROWS",
        &[(
            "ALL ROWS",
            "`ALL ROWS` is known in Apex only",
            "remove it: over REST, deleted records are not part of a query",
        )],
    ),
    (
        "SELECT Name FROM Account -- it's a comment",
        &[(
            "-- it's a comment",
            "SOQL has no comments",
            "write `{# … #}`: a comment of the template is not part of the query",
        )],
    ),
    ("SELECT Name FROM Account;", &[(";", "SOQL has no `;`", "remove it")]),
    (
        "SELECT Name FROM Account LIMIT 5 ORDER BY Name",
        &[("ORDER BY", "`ORDER BY` must stand before `LIMIT`", "move it in front of `LIMIT`")],
    ),
    ("SELECT Name FROM Account LIMIT 5 LIMIT 6", &[("LIMIT", "a second `LIMIT`", "a query has each clause once")]),
    (
        "SELECT Name FROM Account WHERE A = 1 WHERE B = 2",
        &[("WHERE", "a second `WHERE`", "join the conditions with `AND`")],
    ),
    (
        "SELECT Name FROM Account HAVING COUNT(Id) > 1",
        &[(
            "HAVING",
            "`HAVING` without `GROUP BY`",
            "conditions on records stand in WHERE; to compare an aggregate, group first",
        )],
    ),
    (
        "SELECT * FROM Account",
        &[("*", "expected a field, got `*`", "name the fields; all that there are: `FIELDS(ALL)`, with `LIMIT 200`")],
    ),
    (
        "SELECT Name FROM Account WHERE A = \"it's\"",
        &[("\"it's\"", "a text stands in single quotes", "write `'it\\'s'`")],
    ),
    (
        "SELECT DISTINCT Name FROM Account",
        &[(
            "DISTINCT",
            "SOQL has no `DISTINCT` after SELECT",
            "group by the fields: `SELECT Type FROM Account GROUP BY Type`",
        )],
    ),
    (
        "SELECT Id FROM Account OFFSET 3000",
        &[(
            "3000",
            "`OFFSET` passes over at most 2000 rows",
            "go on behind the last record instead: `WHERE Id > {{ last }} ORDER BY Id`",
        )],
    ),
    ("SELECT Id FROM Account LIMIT 1, 2", &[(",", "`LIMIT` takes one number", "write `LIMIT 10 OFFSET 20`")]),
    ("SELECT Id FROM Account LIMIT -1", &[("-1", "expected a whole number after `LIMIT`, got `-1`", "")]),
    ("SELECT Id FROM Account WHERE A = 'a\\_b'", &[("\\_", "`\\_` is an escape after LIKE only", "write `_`")]),
    (
        "SELECT Id FROM Account WHERE A = 'a\\qb'",
        &[(
            "\\q",
            "SOQL has no escape `\\q`",
            "write `\\\\q` for a backslash; the escapes are \\n \\r \\t \\b \\\" \\' \\\\ \\uXXXX",
        )],
    ),
    (
        "SELECT Id FROM Account WHERE A",
        &[(
            "A",
            "expected a comparison after `A`, got the end of the query",
            "write `A = TRUE`, or another comparison",
        )],
    ),
    ("SELECT Id FROM Account WHERE", &[("WHERE", "expected a field, got the end of the query", "")]),
    ("SELECT Id FROM", &[("FROM", "expected an object, got the end of the query", "")]),
    ("SELECT FROM Account", &[("FROM", "expected a field, got `FROM`", "`FROM` is a word of SOQL, and no name")]),
    (
        "SELECT Id, FROM Account",
        &[("FROM", "expected a field, got `FROM`", "remove the comma before it, or name one more")],
    ),
    (
        "SELECT Id Account",
        &[("Account", "expected `FROM`, got the end of the query", "a query is `SELECT fields FROM object …`")],
    ),
    (
        "SELECT SUM(A + B) FROM Account",
        &[(
            "+",
            "SOQL computes nothing: `+` cannot stand here",
            "leave it to the caller, or add a formula field in Salesforce",
        )],
    ),
    (
        "SELECT Name FROM Account ORDER BY 1",
        &[("1", "expected a field, got `1`", "name the field; SOQL does not count them")],
    ),
    (
        "SELECT Name FROM Account ORDER BY Name NULLS LAST DESC",
        &[("DESC", "`DESC` must stand before `NULLS`", "write `ORDER BY Name DESC NULLS LAST`")],
    ),
    (
        "SELECT TYPEOF What ELSE Phone END FROM Event",
        &[("ELSE", "expected `WHEN`, got `ELSE`", "write `TYPEOF What WHEN Account THEN Phone END`")],
    ),
    ("SELECT Account . Name FROM Contact", &[(".", "no blank stands around the dot of a path", "remove the blank")]),
    (
        "SELECT Id FROM Account WHERE DISTANCE(Loc__c, GEOLOCATION(1, 2), 'm') < 20",
        &[("'m'", "expected `'km'` or `'mi'`, got `'m'`", "")],
    ),
    (
        "SELECT Id FROM Contact WHERE Birthdate > 1990-01-01T00:00:00Z",
        &[(
            "1990-01-01T00:00:00Z",
            "`Birthdate` is a date, and `1990-01-01T00:00:00Z` a datetime",
            "write `1990-01-01`",
        )],
    ),
    ("SELECT Name FROM Account GROUP BY ROLLUP(Name), Type", &[(",", "expected `,` or the next clause, got `,`", "")]),
    (
        "SELECT Id FROM Account WHERE Name = 'Ada' AND (Phone == '1' OR Fax = NULL",
        &[("==", "SOQL has no operator `==`", "write `=`"), ("NULL", "expected `)`, got the end of the query", "")],
    ),
    (
        "SELECT ? FROM Account",
        &[(
            "?",
            "expected a field, got a bound value",
            "only values are bound; to offer a field, declare a parameter of type `choice`",
        )],
    ),
    (
        "SELECT Id FROM Account ORDER BY ?",
        &[(
            "?",
            "expected a field, got a bound value",
            "only values are bound; to offer a field, declare a parameter of type `choice`",
        )],
    ),
    ("SELECT Id FROM Account USING mine", &[("mine", "expected `SCOPE`, got `mine`", "write `USING SCOPE mine`")]),
    (
        "SELECT Id FROM Account WHERE Name = 'x' USING SCOPE mine",
        &[(
            "USING",
            "expected `AND`, `OR` or the next clause, got `USING`",
            "`USING SCOPE` stands right after the object",
        )],
    ),
    (
        "SELECT Name, COUNT(Id) FROM Account GROUP BY Name + 1 HAVING COUNT(Id) > 1 LIMIT x",
        &[
            (
                "+",
                "SOQL computes nothing: `+` cannot stand here",
                "leave it to the caller, or add a formula field in Salesforce",
            ),
            ("x", "expected a whole number after `LIMIT`, got `x`", ""),
        ],
    ),
    (
        "SELECT Status, MAX(CreatedDate) last FROM Case GROUP BY Status",
        &[("last", "expected `,` or `FROM`, got `last`", "`last` is a word of SOQL, and no name")],
    ),
    (
        "SELECT Id FROM A WHERE Id IN (SELECT B FROM C WHERE D IN (SELECT E FROM F))",
        &[("SELECT", "a query inside of `IN (…)` has no other one in its WHERE", "write two actions")],
    ),
    (
        "SELECT Id FROM A WHERE Id IN (SELECT B FROM C) AND Id IN (SELECT D FROM E) AND Id NOT IN (SELECT F FROM G)",
        &[("SELECT", "a WHERE has at most two `IN (SELECT …)`", "filter by fields of parents, or write two actions")],
    ),
    (
        "SELECT Id FROM Account WHERE Id IN (SELECT ParentId FROM account WHERE Name = 'x')",
        &[(
            "account",
            "`IN (SELECT …)` asks another object, and `account` is that of the query itself",
            "write its conditions into the query's own WHERE; those on a parent with a dot, `Parent.Name = 'Ada'`",
        )],
    ),
    (
        "SELECT OwnerId FROM A GROUP BY OwnerId HAVING OwnerId IN (SELECT B FROM C)",
        &[("SELECT", "`IN (SELECT …)` cannot stand in HAVING", "move the condition to WHERE")],
    ),
    (
        "SELECT Id FROM A WHERE DISTANCE(B, GEOLOCATION(1, 2), 'km') = 5",
        &[("=", "`DISTANCE` is compared with `<` or `>` only", "write `DISTANCE(…) < 20`")],
    ),
    (
        "SELECT MAX(CreatedDate) FROM Account LIMIT 1",
        &[("LIMIT", "`LIMIT` cannot stand with aggregates without `GROUP BY`", "leave it out: the answer is one row")],
    ),
    (
        "SELECT COUNT(Id) FROM A ORDER BY Name",
        &[("Name", "`Name` is neither grouped nor aggregated", "add it to `GROUP BY`, or write `MAX(Name)`")],
    ),
    (
        "SELECT COUNT() FROM A ORDER BY Name LIMIT 5",
        &[("ORDER BY", "`COUNT()` has no `ORDER BY`: its answer is a number, not records", "remove it")],
    ),
    (
        "SELECT CALENDAR_YEAR(CreatedDate) FROM A",
        &[(
            "CALENDAR_YEAR(CreatedDate)",
            "`CALENDAR_YEAR` stands after SELECT only in a query that groups by it",
            "select the field, or add `GROUP BY`; in WHERE it may stand without",
        )],
    ),
    (
        "SELECT CALENDAR_YEAR(B), COUNT(Id) FROM A GROUP BY CALENDAR_MONTH(B)",
        &[("CALENDAR_YEAR(B)", "`CALENDAR_YEAR(B)` is neither grouped nor aggregated", "add it to `GROUP BY`")],
    ),
    (
        "SELECT Type FROM A GROUP BY Type HAVING COUNT(Id) > 1 AND (City LIKE 'x%') ORDER BY Industry",
        &[
            (
                "City",
                "`City` is neither grouped nor aggregated",
                "add it to `GROUP BY`, or write the condition in WHERE",
            ),
            (
                "Industry",
                "`Industry` is neither grouped nor aggregated",
                "add it to `GROUP BY`, or write `MAX(Industry)`",
            ),
        ],
    ),
    (
        "SELECT TYPEOF What WHEN Account THEN Phone END, COUNT(Id) FROM Event GROUP BY WhatId",
        &[(
            "TYPEOF What WHEN Account THEN Phone END",
            "`TYPEOF` cannot stand in a query that groups",
            "name the grouped fields",
        )],
    ),
];

#[test]
fn wrong_queries_are_told_what_is_wrong_where_and_what_to_write() {
    assert!(WRONG.len() > 60, "{}", WRONG.len());
    for (text, expected) in WRONG {
        let faults = read(text).expect_err(text);
        let found: Vec<_> = faults
            .iter()
            .map(|fault| {
                (&text[fault.range.clone()], fault.message.as_str(), fault.help.as_deref().unwrap_or_default())
            })
            .collect();
        assert_eq!(found, *expected, "{text}");
    }
}

#[test]
fn values_of_other_types_than_the_dates_that_every_org_has_are_faults() {
    let one = |text: &str, ty: Scalar, help: &str| {
        let faults = read_typed(text, &[ty]).expect_err(text);
        let found: Vec<_> = faults.iter().map(|fault| (&text[fault.range.clone()], fault.help.as_deref())).collect();
        assert_eq!(found, [("?", Some(help))], "{text}");
    };
    one("SELECT Id FROM Case WHERE CreatedDate > ?", Scalar::String, "declare the parameter as `timestamp`");
    one(
        "SELECT Id FROM Case WHERE Account.LastModifiedDate = ?",
        Scalar::Date,
        "declare the parameter as `timestamp`, or compare the day: `DAY_ONLY(LastModifiedDate)`",
    );
    one("SELECT Id FROM Contact WHERE Birthdate IN (?)", Scalar::Timestamp, "declare the parameter as `date`");
    for (text, ty) in [
        ("SELECT Id FROM Case WHERE CreatedDate > ?", Scalar::Timestamp),
        ("SELECT Id FROM Contact WHERE Birthdate = ?", Scalar::Date),
        ("SELECT Id FROM Case WHERE DAY_ONLY(CreatedDate) = ?", Scalar::Date),
        ("SELECT Id FROM Case WHERE CALENDAR_YEAR(CreatedDate) = ?", Scalar::Integer),
        ("SELECT Id FROM Case WHERE CALENDAR_YEAR(LastModifiedDate) IN (?)", Scalar::Integer),
        ("SELECT Id FROM Case WHERE DAY_ONLY(CreatedDate) NOT IN (2026-01-01, ?)", Scalar::Date),
        ("SELECT Id FROM Case WHERE Shown_Date__c = ?", Scalar::String),
    ] {
        assert!(read_typed(text, &[ty]).is_ok(), "{text}");
    }
}

#[test]
fn brackets_too_deep_are_a_fault_and_no_crash() {
    let deep = |levels: usize| format!("SELECT Id FROM A WHERE {}B = 1{}", "(".repeat(levels), ")".repeat(levels));
    assert!(read(&deep(39)).is_ok());
    for levels in [41, 8_000] {
        let faults = read(&deep(levels)).expect_err("too deep");
        assert!(faults.iter().any(|fault| fault.message == "more than 40 levels of brackets"), "{faults:?}");
    }
    let calls = format!("SELECT {}Id{} FROM A", "FORMAT(".repeat(5_000), ")".repeat(5_000));
    assert!(read(&calls).is_err());
    let queries = format!("SELECT {}Id FROM A{}", "(SELECT ".repeat(5_000), " FROM B)".repeat(5_000));
    assert!(read(&queries).is_err());
}

#[test]
fn long_queries_are_read_in_their_time() {
    let names: Vec<String> = (0..4_000).map(|n| format!("a{n}")).collect();
    let names = names.join(",");
    assert!(read(&format!("SELECT {names} FROM A GROUP BY {names} ORDER BY {names}")).is_ok());
    let conditions = vec!["B = 1"; 4_000].join(" AND ");
    assert!(read(&format!("SELECT Id FROM A WHERE {conditions}")).is_ok());
    assert!(read(&"SELECT (".repeat(8_000)).is_err());
}
