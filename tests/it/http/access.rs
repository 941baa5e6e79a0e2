//! Who may call: keys, addresses, hosts and origins.

use sha2::{Digest, Sha256};

use super::with;
use crate::gateway::{CONFIG, Serving, send};

fn hash(key: &str) -> String {
    hex::encode(Sha256::digest(key))
}

/// A gateway with keys: `reader` for reads, `crm` for a folder, `writer` for the write, `far` from elsewhere, `ops`.
fn keyed(more: &str) -> Serving {
    let config = format!(
        "{CONFIG}access:
  keys:
    - {{ name: reader, sha256: {} }}
    - {{ name: crm, sha256: {}, actions: ['crm/*'] }}
    - {{ name: writer, sha256: {}, actions: [rename, find] }}
    - {{ name: far, sha256: {}, allow_ips: [203.0.113.0/24] }}
    - {{ name: ops, sha256: {}, admin: true }}
{more}",
        hash("r"),
        hash("c"),
        hash("w"),
        hash("f"),
        hash("o"),
    );
    let own = super::FIND.to_owned() + "access: [far, writer]\n";
    with(&[("datadip.yaml", &config), ("actions/own.yaml", &own)])
}

#[tokio::test]
async fn a_key_calls_what_it_may() {
    let gateway = keyed("");
    let find = ("/actions/find", r#"{"customer_id": 1}"#);
    let list = ("/actions/crm/list", r#"{"ids": [1]}"#);
    let rename = ("/actions/rename", r#"{"customer_id": 9, "name": "x"}"#);
    let own = ("/actions/own", r#"{"customer_id": 1}"#);
    for (key, expected) in [
        ("r", [200, 200, 403, 403]),
        ("c", [403, 200, 403, 403]),
        ("w", [200, 403, 200, 200]),
        ("o", [200, 200, 403, 403]),
        ("f", [403, 403, 403, 403]),
        ("x", [401, 401, 401, 401]),
    ] {
        for ((path, body), expected) in [find, list, rename, own].into_iter().zip(expected) {
            for header in [format!("Authorization: Bearer {key}"), format!("X-Api-Key: {key}")] {
                let answer = gateway.send(&format!("POST {path}\n{header}"), body).await;
                assert_eq!(answer.status, expected, "{key} {path} {}", answer.text());
                if expected != 200 {
                    assert_eq!(answer.code(), if expected == 401 { "unauthenticated" } else { "forbidden" });
                }
            }
        }
    }
}

#[tokio::test]
async fn without_a_key_nothing_is_known() {
    let gateway = keyed("");
    for path in [
        "/actions/find",
        "/actions/nope",
        "/nope",
        "/simulate/find",
        "/catalog",
        "/openapi.json",
        "/metrics",
        "/profiler",
    ] {
        let answer = gateway.post(path, "").await;
        assert_eq!((answer.status, answer.code().as_str()), (401, "unauthenticated"), "{path}");
        assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
    }
    let answer = gateway.send("POST /actions/nope\nX-Api-Key: r", "").await;
    assert_eq!(answer.code(), "action_not_found");
}

#[tokio::test]
async fn operations_want_an_admin_and_probes_want_nobody() {
    let gateway = keyed("");
    for path in ["/catalog", "/openapi.json", "/metrics", "/profiler"] {
        assert_eq!(gateway.send(&format!("GET {path}\nX-Api-Key: r"), "").await.status, 403);
        assert_eq!(gateway.send(&format!("GET {path}\nX-Api-Key: o"), "").await.status, 200);
    }
    let body = r#"{"customer_id": 1}"#;
    assert_eq!(gateway.send("POST /simulate/find\nX-Api-Key: r", body).await.status, 403);
    assert_eq!(gateway.send("POST /simulate/find\nX-Api-Key: o", body).await.status, 200);
    assert_eq!(gateway.get("/healthz").await.status, 200);
    let ready = gateway.send("GET /readyz\nHost: 10.0.0.1", "").await;
    assert_eq!(ready.json()["backends"], serde_json::json!({ "up": 1, "down": 0 }));
    assert_eq!(ready.json()["quarantined"], 0);
}

#[tokio::test]
async fn addresses_are_restricted_and_proxies_believed_only_when_trusted() {
    let own = r#"{"customer_id": 1}"#;
    let head = "POST /actions/own\nX-Api-Key: f\nX-Forwarded-For: 9.9.9.9, 203.0.113.7";
    assert_eq!(keyed("").send(head, own).await.status, 403, "nobody is trusted");
    let trusting = CONFIG.replace("workers: 1", "workers: 1, trusted_proxies: [127.0.0.0/8]");
    let config = |allow: &str| {
        format!(
            "{trusting}access:\n  keys:\n    - {{ name: far, sha256: {}, allow_ips: [203.0.113.0/24] }}\n{allow}",
            hash("f")
        )
    };
    let find = head.replace("/own", "/find");
    let gateway = with(&[("datadip.yaml", &config(""))]);
    assert_eq!(gateway.send(&find, own).await.status, 200);
    assert_eq!(gateway.send(&find.replace("203.0.113.7", "203.0.114.7"), own).await.status, 403);
    assert_eq!(gateway.send(&find.replace("9.9.9.9, 203.0.113.7", "203.0.113.7, 9.9.9.9"), own).await.status, 403);
    assert_eq!(gateway.send(&find.replace("203.0.113.7", "junk"), own).await.status, 403);
    let gateway = with(&[("datadip.yaml", &config("  allow_ips: [198.51.100.0/24]\n"))]);
    assert_eq!(gateway.send(&find, own).await.status, 403, "the list for every call applies on top");
    assert_eq!(gateway.get("/healthz").await.status, 200);
}

#[tokio::test]
async fn without_access_only_this_machine_is_served() {
    let gateway = super::customers();
    let call = |headers: &str| format!("POST /actions/find\n{headers}");
    let body = r#"{"customer_id": 1}"#;
    let port = gateway.handle.address().port();
    for headers in [
        format!("Host: localhost:{port}"),
        format!("Host: 127.0.0.1:{port}"),
        "Host: [::1]".into(),
        format!("Host: localhost:{port}\nOrigin: http://localhost:{port}"),
    ] {
        assert_eq!(gateway.send(&call(&headers), body).await.status, 200, "{headers}");
    }
    for headers in [
        "Host: evil.example".into(),
        format!("Host: localhost.evil.example:{port}"),
        "Host: ".into(),
        format!("Host: localhost:{port}\nOrigin: http://evil.example"),
        format!("Host: localhost:{port}\nOrigin: http://localhost:1"),
        format!("Host: localhost:{port}\nOrigin: null"),
    ] {
        let answer = gateway.send(&call(&headers), body).await;
        assert_eq!((answer.status, answer.code().as_str()), (403, "forbidden"), "{headers}");
        assert_eq!(gateway.send(&format!("GET /catalog\n{headers}"), "").await.status, 403, "{headers}");
    }
}

#[tokio::test]
async fn only_listed_origins_get_cors_headers() {
    let config = CONFIG.replace("workers: 1", "workers: 1, cors: ['https://app.example']");
    let gateway = with(&[("datadip.yaml", &config)]);
    let body = r#"{"customer_id": 1}"#;
    let answer = gateway.send("POST /actions/find\nOrigin: https://app.example", body).await;
    assert_eq!((answer.status, answer.header("access-control-allow-origin")), (200, Some("https://app.example")));
    assert_eq!(answer.header("vary"), Some("Origin"));
    let answer = gateway.send("POST /actions/find\nOrigin: https://evil.example", body).await;
    assert_eq!((answer.status, answer.header("access-control-allow-origin")), (403, None));
    let preflight = "OPTIONS /actions/find\nAccess-Control-Request-Method: POST\nOrigin: https://app.example";
    let answer = gateway.send(preflight, "").await;
    assert_eq!((answer.status, answer.header("access-control-allow-methods")), (204, Some("GET, POST")));
    let answer = gateway.send(&preflight.replace("app.", "evil."), "").await;
    assert_eq!((answer.status, answer.header("access-control-allow-methods")), (403, None));
}

#[tokio::test]
async fn operations_may_have_a_listener_of_their_own() {
    let config = CONFIG.replace("workers: 1", "workers: 1, admin_listen: 127.0.0.1:1");
    let gateway = with(&[("datadip.yaml", &config)]);
    let (main, admin) = (gateway.handle.address(), gateway.handle.admin_address());
    let call = ("POST /actions/find", br#"{"customer_id": 1}"#);
    assert_eq!(send(main, call.0, call.1).await.status, 200);
    assert_eq!(send(admin, call.0, call.1).await.status, 404);
    for head in [
        "GET /healthz",
        "GET /readyz",
        "GET /catalog",
        "GET /openapi.json",
        "GET /metrics",
        "GET /profiler",
        "POST /simulate/find",
    ] {
        let body: &[u8] = if head.starts_with("POST") { call.1 } else { b"" };
        assert_eq!(send(main, head, body).await.status, 404, "{head}");
        assert_eq!(send(admin, head, body).await.status, 200, "{head}");
    }
}
