//! Addresses of services: which of them may be asked at all.

use std::net::IpAddr;

use reqwest::Url;

/// Why an address is not asked, in the words of a diagnostic.
pub const ADDRESS: &str = "an address that begins with `https://`, or with `http://` and a loopback host";

/// Whether what is sent to an address stays secret: by TLS, or because it does not leave this machine.
pub fn is_safe(url: &Url) -> bool {
    match url.scheme() {
        "https" => url.has_host(),
        "http" => is_loopback(url),
        _ => false,
    }
}

/// Whether an address leads to this machine: a proxy could not take anything there.
pub fn is_loopback(url: &Url) -> bool {
    let Some(host) = url.host_str() else { return false };
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clear_text_stays_on_this_machine() {
        let check = |url: &str, expected: bool| {
            assert_eq!(is_safe(&url.parse().expect("an address")), expected, "{url}");
        };
        check("https://example.my.salesforce.com", true);
        check("http://127.0.0.1:8080", true);
        check("http://127.9.9.9", true);
        check("http://[::1]:1", true);
        check("http://LOCALHOST/x", true);
        check("http://example.com", false);
        check("http://127.0.0.1.example.com", false);
        check("http://localhost.example.com", false);
        check("http://10.0.0.1", false);
        check("ftp://127.0.0.1", false);
        check("file:///etc/passwd", false);
    }
}
