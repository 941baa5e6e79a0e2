//! A closed loop of keep-alive connections, each sending one request after the other. It runs on one thread and asks the
//! system for little, because it shares the processors with what it measures.

use std::{
    cell::Cell,
    fmt,
    time::{Duration, Instant},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    runtime,
    task::LocalSet,
};

use super::server::Server;

/// What one round measured.
#[derive(Clone, Copy)]
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

/// A call that is made again and again, each time for another customer.
#[derive(Clone, Copy)]
pub struct Call {
    /// Its path.
    pub path: &'static str,
    /// Customers have the numbers from 1 to this.
    pub customers: usize,
}

impl Call {
    fn write(&self, address: &str, number: usize, request: &mut Vec<u8>) {
        use std::io::Write;
        // A prime step visits every customer in no order that a cache likes.
        let customer = number * 7919 % self.customers + 1;
        let digits = customer.ilog10() as usize + 1;
        request.clear();
        write!(
            request,
            "POST {} HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n\
             {{\"variables\":{{\"customer_id\":\"{customer}\"}}}}",
            self.path,
            digits + r#"{"variables":{"customer_id":""}}"#.len()
        )
        .expect("memory can be written");
    }
}

/// Sends `requests` over `connections` and measures the server meanwhile. Panics at the first answer that is not 200.
pub fn run(server: &Server, call: Call, connections: usize, requests: usize) -> Figures {
    let sent = Cell::new(0);
    let cpu_before = cpu_time(server.process());
    let start = Instant::now();
    on_one_thread(async {
        futures_util::future::join_all((0..connections).map(|_| client(&server.address, call, &sent, requests))).await
    });
    let elapsed = start.elapsed();
    let cpu = cpu_time(server.process()) - cpu_before;
    Figures {
        requests_a_second: requests as f64 / elapsed.as_secs_f64(),
        cpu_micros: cpu.as_secs_f64() * 1e6 / requests as f64,
    }
}

/// The body of the answer to the first call.
pub fn first_answer(server: &Server, call: Call) -> serde_json::Value {
    on_one_thread(async {
        let mut connection = Connection::open(&server.address).await;
        let body = connection.call(call, 0).await;
        serde_json::from_slice(body).expect("the answer is JSON")
    })
}

fn on_one_thread<T>(work: impl Future<Output = T>) -> T {
    let runtime = runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    LocalSet::new().block_on(&runtime, work)
}

async fn client(address: &str, call: Call, sent: &Cell<usize>, requests: usize) {
    let mut connection = Connection::open(address).await;
    loop {
        let number = sent.get();
        if number >= requests {
            return;
        }
        sent.set(number + 1);
        connection.call(call, number).await;
    }
}

struct Connection<'a> {
    stream: TcpStream,
    address: &'a str,
    request: Vec<u8>,
    buffer: Vec<u8>,
}

impl<'a> Connection<'a> {
    async fn open(address: &'a str) -> Self {
        let stream = TcpStream::connect(address).await.expect("the server accepts");
        stream.set_nodelay(true).expect("a TCP socket");
        Self { stream, address, request: Vec::new(), buffer: vec![0; 64 * 1024] }
    }

    /// Makes one call; the answer's body.
    async fn call(&mut self, call: Call, number: usize) -> &[u8] {
        call.write(self.address, number, &mut self.request);
        self.stream.write_all(&self.request).await.expect("the server reads");
        let mut filled = 0;
        loop {
            filled += match self.stream.read(&mut self.buffer[filled..]).await.expect("the server answers") {
                0 => panic!("the server closed the connection"),
                read => read,
            };
            let answer = &self.buffer[..filled];
            if let Some(body) = body(answer) {
                assert!(answer.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(answer));
                return &self.buffer[body..filled];
            }
        }
    }
}

/// Where the body of an answer begins, once all of it is there.
fn body(answer: &[u8]) -> Option<usize> {
    let (mut start, mut length) = (0, 0);
    loop {
        let end = start + answer[start..].iter().position(|byte| *byte == b'\n')?;
        let line = &answer[start..end];
        start = end + 1;
        if line == b"\r" {
            return (answer.len() >= start + length).then_some(start);
        }
        if let Some(digits) = line.strip_prefix(b"content-length: ") {
            let digits = digits.iter().take_while(|byte| byte.is_ascii_digit());
            length = digits.fold(0, |length, digit| length * 10 + usize::from(digit - b'0'));
        }
    }
}

/// User and system time of all threads of a process: fields 14 and 15 of `/proc/<pid>/stat` (proc_pid_stat(5)), in ticks
/// of 10 ms, which is what Linux uses on every architecture that Rust's tier 1 names.
fn cpu_time(process: u32) -> Duration {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).expect("Linux's /proc");
    let fields: Vec<&str> = stat.rsplit_once(')').expect("the command's name").1.split_whitespace().collect();
    let ticks: u64 = fields[11].parse::<u64>().expect("utime") + fields[12].parse::<u64>().expect("stime");
    Duration::from_millis(ticks * 10)
}
