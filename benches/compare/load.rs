//! A closed loop of keep-alive connections, each sending one request after the other.

use std::{
    fmt,
    io::{Read, Write},
    net::TcpStream,
    sync::atomic::{AtomicUsize, Ordering},
    time::{Duration, Instant},
};

/// What one round measured.
pub struct Figures {
    /// Requests answered with 200 a second.
    pub requests_a_second: f64,
    /// The server's processor time a request, user and system, in microseconds.
    pub cpu_micros: f64,
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:>8.0} requests/s  {:>6.1} µs of processor time a request", self.requests_a_second, self.cpu_micros)
    }
}

/// Sends `requests` over `connections` and measures the process meanwhile. Panics at the first answer that is not 200.
pub fn run(address: &str, process: u32, connections: usize, requests: usize) -> Figures {
    let sent = AtomicUsize::new(0);
    let cpu_before = cpu_time(process);
    let start = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..connections {
            scope.spawn(|| client(address, &sent, requests));
        }
    });
    let elapsed = start.elapsed();
    let cpu = cpu_time(process) - cpu_before;
    Figures {
        requests_a_second: requests as f64 / elapsed.as_secs_f64(),
        cpu_micros: cpu.as_secs_f64() * 1e6 / requests as f64,
    }
}

fn client(address: &str, sent: &AtomicUsize, requests: usize) {
    let mut stream = TcpStream::connect(address).expect("the server accepts");
    stream.set_nodelay(true).expect("a TCP socket");
    stream.set_read_timeout(Some(Duration::from_secs(10))).expect("a TCP socket");
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let number = sent.fetch_add(1, Ordering::Relaxed);
        if number >= requests {
            return;
        }
        let body = format!(r#"{{"variables":{{"customer_id":"{}"}}}}"#, number % 1000 + 1);
        let request = format!(
            "POST /actions/accounts/list HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(request.as_bytes()).expect("the server reads");
        let answer = answer(&mut stream, &mut buffer);
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }
}

fn answer<'a>(stream: &mut TcpStream, buffer: &'a mut [u8]) -> std::borrow::Cow<'a, str> {
    let mut filled = 0;
    loop {
        filled += match stream.read(&mut buffer[filled..]).expect("the server answers") {
            0 => panic!("the server closed the connection"),
            read => read,
        };
        let text = &buffer[..filled];
        if let Some(head) = text.windows(4).position(|w| w == b"\r\n\r\n") {
            let headers = std::str::from_utf8(&text[..head]).expect("ASCII headers").to_ascii_lowercase();
            let length = headers.split("content-length: ").nth(1).and_then(|rest| rest.lines().next());
            let length: usize = length.and_then(|length| length.parse().ok()).expect("a content length");
            if filled >= head + 4 + length {
                break;
            }
        }
    }
    String::from_utf8_lossy(&buffer[..filled])
}

/// User and system time of all threads of a process: fields 14 and 15 of `/proc/<pid>/stat` (proc_pid_stat(5)), in ticks
/// of 10 ms, which is what Linux uses on every architecture that Rust's tier 1 names.
fn cpu_time(process: u32) -> Duration {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).expect("Linux's /proc");
    let fields: Vec<&str> = stat.rsplit_once(')').expect("the command's name").1.split_whitespace().collect();
    let ticks: u64 = fields[11].parse::<u64>().expect("utime") + fields[12].parse::<u64>().expect("stime");
    Duration::from_millis(ticks * 10)
}
