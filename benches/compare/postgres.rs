//! PostgreSQL: a look-up of one row by its key, and the fastest thing that one could write by hand for it: actix-web and
//! jsonschema with sqlx connections in a list a worker, so that no request ever waits for a pool. `pgbench` runs the same
//! query without HTTP and JSON.

use std::{cell::RefCell, fs, path::Path, process::Command};

use actix_web::{App, HttpResponse, HttpServer, web};
use serde::{Deserialize, Serialize};
use serde_json::json;
use sqlx::{ConnectOptions, PgConnection, postgres::PgConnectOptions};

use super::{REQUESTS, interleave, load::Call, median, report, server::Server};

#[path = "../../tests/it/database.rs"]
#[expect(dead_code, reason = "the tests need more of it")]
mod database;

/// Asks this program to serve the hand-written route.
pub const HANDWRITTEN: &str = "--handwritten-postgres";
const CALL: Call = Call { path: "/actions/customers/find", customers: CUSTOMERS };
const CUSTOMERS: usize = 100_000;

const TABLE: &str = "
    CREATE TABLE customers (
      id bigint PRIMARY KEY, customer_no text NOT NULL, name text NOT NULL, tier text NOT NULL,
      active boolean NOT NULL, visits integer NOT NULL
    );
    INSERT INTO customers
    SELECT n, 'C-' || 100000 + n, 'Customer ' || n, (ARRAY['standard', 'silver', 'gold'])[n % 3 + 1], n % 7 > 0, n % 50
    FROM generate_series(1, 100000) AS n;
";

const ACTION: &str = "\
description: Finds a customer.
backend: crm
params:
  customer_id: { type: integer, min: 1 }
sql: SELECT id, customer_no, name, tier, active, visits FROM customers WHERE id = {{ customer_id }}
result:
  shape: row
  schema:
    type: object
    required: [id, customer_no, name, tier, active, visits]
    additionalProperties: false
    properties:
      id: { type: integer }
      customer_no: { type: string, maxLength: 12 }
      name: { type: string, minLength: 1, maxLength: 100 }
      tier: { type: string, enum: [standard, silver, gold] }
      active: { type: boolean }
      visits: { type: integer, minimum: 0 }
";

const PGBENCH: &str = "\
\\set customer_id random(1, 100000)
SELECT id, customer_no, name, tier, active, visits FROM customers WHERE id = :customer_id;
";

/// Compares all three at 16 and at 64 connections.
pub fn compare() {
    let Some(database) = database::Database::postgres(TABLE) else { return };
    database.run("VACUUM ANALYZE customers");
    let folder = tempfile::tempdir().expect("a folder");
    let actions = folder.path().join("actions/customers");
    fs::create_dir_all(&actions).expect("a folder can be made");
    fs::write(actions.join("find.yaml"), ACTION).expect("the action can be written");
    let script = folder.path().join("find.sql");
    fs::write(&script, PGBENCH).expect("the script can be written");
    for connections in [16, 64] {
        let config = format!(
            "server: {{ listen: \"127.0.0.1:0\" }}\ntelemetry: {{ level: warn }}\n\
             backends:\n  crm: {{ kind: postgres, url: {:?}, pool: {{ max: {connections} }} }}\n",
            database.url()
        );
        let datadip = Server::datadip(folder.path(), &config);
        let handwritten = Server::handwritten(&[HANDWRITTEN, database.url()]);
        let mut transactions = Vec::new();
        let (datadip, handwritten) = interleave(&datadip, &handwritten, CALL, connections, |round| {
            let rate = pgbench(&script, database.url(), connections);
            println!("round {round}  {:<13} {rate:>8.0} transactions/s", "pgbench");
            if round > 0 {
                transactions.push(rate);
            }
        });
        report(&datadip, &handwritten, connections);
        let transactions = median(transactions.into_iter());
        for (name, figures) in [("datadip", datadip), ("hand-written", handwritten)] {
            let rate = median(figures.iter().map(|figures| figures.requests_a_second));
            println!(
                "requests of {name} for each of pgbench's {transactions:.0} transactions: {:.2}",
                rate / transactions
            );
        }
        println!();
    }
}

/// Transactions a second of the same query, prepared, over as many connections.
fn pgbench(script: &Path, url: &str, connections: usize) -> f64 {
    let mut command = Command::new("pgbench");
    command.args(["--no-vacuum", "--protocol=prepared", "--jobs=2"]);
    command.args(["--client", &connections.to_string(), "--transactions", &(REQUESTS / connections).to_string()]);
    let output = command.arg("--file").arg(script).arg(url).output().expect("pgbench is installed");
    let text = String::from_utf8_lossy(&output.stdout);
    let tps = text.lines().find_map(|line| line.strip_prefix("tps = ")?.split(' ').next()?.parse().ok());
    tps.unwrap_or_else(|| panic!("{text}{}", String::from_utf8_lossy(&output.stderr)))
}

#[derive(Deserialize)]
struct Body {
    variables: Variables,
}

/// Flows send strings.
#[derive(Deserialize)]
struct Variables {
    customer_id: String,
}

#[derive(Serialize)]
struct Customer {
    id: i64,
    customer_no: String,
    name: String,
    tier: String,
    active: bool,
    visits: i32,
}

type Row = (i64, String, String, String, bool, i32);

impl From<Row> for Customer {
    fn from((id, customer_no, name, tier, active, visits): Row) -> Self {
        Self { id, customer_no, name, tier, active, visits }
    }
}

/// What a worker has for itself.
struct Worker {
    options: PgConnectOptions,
    idle: RefCell<Vec<PgConnection>>,
    schema: jsonschema::Validator,
}

impl Worker {
    async fn find(&self, customer_id: i64) -> sqlx::Result<Option<Row>> {
        let idle = self.idle.borrow_mut().pop();
        let mut connection = match idle {
            Some(connection) => connection,
            None => self.options.connect().await?,
        };
        let sql = "SELECT id, customer_no, name, tier, active, visits FROM customers WHERE id = $1";
        let row = sqlx::query_as(sql).bind(customer_id).fetch_optional(&mut connection).await?;
        self.idle.borrow_mut().push(connection);
        Ok(row)
    }
}

async fn find(body: web::Json<Body>, worker: web::Data<Worker>) -> HttpResponse {
    let Ok(customer_id) = body.variables.customer_id.trim().parse::<i64>() else {
        return HttpResponse::BadRequest().json(json!({ "status": "error", "code": "invalid_parameter" }));
    };
    let Ok(row) = worker.find(customer_id).await else {
        return HttpResponse::BadGateway().json(json!({ "status": "error", "code": "backend_error" }));
    };
    let count = usize::from(row.is_some());
    let row = row.map(|row| serde_json::to_value(Customer::from(row)).expect("a customer is JSON"));
    if !row.iter().all(|row| worker.schema.is_valid(row)) {
        return HttpResponse::BadGateway().json(json!({ "status": "error", "code": "result_invalid" }));
    }
    HttpResponse::Ok().json(json!({
        "status": "success", "result": row, "row_count": count, "message": format!("{count} row"),
    }))
}

/// Serves until killed; prints its address.
pub fn serve(url: &str) {
    let options: PgConnectOptions = url.parse().expect("the address of a database");
    let options = options.disable_statement_logging();
    let schema = json!({
        "type": "object",
        "required": ["id", "customer_no", "name", "tier", "active", "visits"],
        "additionalProperties": false,
        "properties": {
            "id": { "type": "integer" },
            "customer_no": { "type": "string", "maxLength": 12 },
            "name": { "type": "string", "minLength": 1, "maxLength": 100 },
            "tier": { "type": "string", "enum": ["standard", "silver", "gold"] },
            "active": { "type": "boolean" },
            "visits": { "type": "integer", "minimum": 0 },
        },
    });
    actix_web::rt::System::new()
        .block_on(async {
            let server = HttpServer::new(move || {
                let schema = jsonschema::options().should_validate_formats(true).build(&schema).expect("the schema");
                let worker = Worker { options: options.clone(), idle: RefCell::default(), schema };
                App::new().app_data(web::Data::new(worker)).route("/actions/customers/find", web::post().to(find))
            })
            .workers(2)
            .bind(("127.0.0.1", 0))
            .expect("a free port");
            eprintln!("serving on http://{}", server.addrs()[0]);
            server.run().await
        })
        .expect("it serves until it is killed");
}
