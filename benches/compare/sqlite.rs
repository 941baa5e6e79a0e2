//! SQLite: the demo's `accounts/list`, and what a careful developer would write by hand for it: actix-web, sqlx's pool,
//! serde and jsonschema.

use std::path::Path;

use actix_web::{App, HttpResponse, HttpServer, web};
use serde::{Deserialize, Serialize};
use serde_json::json;
use sqlx::{SqlitePool, sqlite::SqliteConnectOptions, sqlite::SqlitePoolOptions};

use super::{
    interleave,
    load::{self, Call},
    report,
    server::Server,
};

/// Asks this program to serve the hand-written route.
pub const HANDWRITTEN: &str = "--handwritten-sqlite";
const CALL: Call = Call { path: "/actions/accounts/list", customers: 1000 };
const CONNECTIONS: usize = 16;

/// Compares both on a database of their own.
pub fn compare() {
    let folder = tempfile::tempdir().expect("a folder for the database");
    let database = folder.path().join("demo.db").display().to_string();
    // datadip fills the database at its first call; the hand-written route then reads the same file.
    let datadip = Server::datadip(folder.path(), &config(&database));
    load::first_answer(&datadip, CALL);
    let handwritten = Server::handwritten(&[HANDWRITTEN, &database]);
    let (datadip, handwritten) = interleave(&datadip, &handwritten, CALL, CONNECTIONS, |_| ());
    report(&datadip, &handwritten, CONNECTIONS);
}

/// The repository's demo in a folder of its own, on any free port.
fn config(database: &str) -> String {
    let repository = Path::new(env!("CARGO_MANIFEST_DIR"));
    format!(
        "server: {{ listen: \"127.0.0.1:0\" }}\ntelemetry: {{ level: warn }}\n\
         actions: {actions:?}\nschemas: {schemas:?}\n\
         backends:\n  demo: {{ kind: sqlite, url: {url:?}, init: {init:?} }}\n",
        actions = repository.join("actions").display().to_string(),
        schemas = repository.join("schemas").display().to_string(),
        url = format!("sqlite:{database}"),
        init = repository.join("examples/demo.sql").display().to_string(),
    )
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
struct Account {
    id: i64,
    account_no: String,
    kind: String,
    status: String,
    balance: String,
    opened_on: String,
}

type Row = (i64, String, String, String, String, String);

impl From<Row> for Account {
    fn from((id, account_no, kind, status, balance, opened_on): Row) -> Self {
        Self { id, account_no, kind, status, balance, opened_on }
    }
}

struct State {
    pool: SqlitePool,
    schema: jsonschema::Validator,
}

async fn accounts(body: web::Json<Body>, state: web::Data<State>) -> HttpResponse {
    let Ok(customer_id) = body.variables.customer_id.trim().parse::<i64>() else {
        return HttpResponse::BadRequest().json(json!({ "status": "error", "code": "invalid_parameter" }));
    };
    let rows: Result<Vec<Row>, _> = sqlx::query_as(
        "SELECT id, account_no, kind, status, balance, opened_on FROM accounts WHERE customer_id = ? ORDER BY id LIMIT 50",
    )
    .bind(customer_id)
    .fetch_all(&state.pool)
    .await;
    let Ok(rows) = rows else {
        return HttpResponse::BadGateway().json(json!({ "status": "error", "code": "backend_error" }));
    };
    let count = rows.len();
    let to_json = |row: Row| serde_json::to_value(Account::from(row)).expect("an account is JSON");
    let rows: Vec<_> = rows.into_iter().map(to_json).collect();
    if !rows.iter().all(|row| state.schema.is_valid(row)) {
        return HttpResponse::BadGateway().json(json!({ "status": "error", "code": "result_invalid" }));
    }
    HttpResponse::Ok().json(json!({
        "status": "success", "result": rows, "row_count": count, "message": format!("{count} rows"),
    }))
}

/// Serves until killed; prints its address.
pub fn serve(database: &str) {
    let schema = json!({
        "type": "object",
        "required": ["id", "account_no", "kind", "status", "balance", "opened_on"],
        "additionalProperties": false,
        "properties": {
            "id": { "type": "integer" },
            "account_no": { "type": "string", "maxLength": 12 },
            "kind": { "type": "string", "enum": ["mobile", "broadband", "landline"] },
            "status": { "type": "string", "enum": ["active", "suspended", "closed"] },
            "balance": { "type": "string", "pattern": "^-?[0-9]+\\.[0-9]{2}$", "maxLength": 16 },
            "opened_on": { "type": "string", "format": "date", "maxLength": 10 },
        },
    });
    actix_web::rt::System::new()
        .block_on(async {
            let options = SqliteConnectOptions::new().filename(database).read_only(true);
            let pool = SqlitePoolOptions::new().max_connections(10).connect_with(options).await.expect("the database");
            let schema = jsonschema::options().should_validate_formats(true).build(&schema).expect("the schema");
            let state = web::Data::new(State { pool, schema });
            let server = HttpServer::new(move || {
                App::new().app_data(state.clone()).route("/actions/accounts/list", web::post().to(accounts))
            })
            .workers(2)
            .bind(("127.0.0.1", 0))
            .expect("a free port");
            eprintln!("serving on http://{}", server.addrs()[0]);
            server.run().await
        })
        .expect("it serves until it is killed");
}
