//! The bytes of a connection. What is no HTTP never becomes a request: actix answers it alone, with a status and no body.
//! That answer is caught here on its way out and ours goes in its place, in the form of every other failure.
//!
//! Nothing is known here of requests and their answers, which pass through as they are.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
    time::{Duration, Instant},
};

use actix_http::body::MessageBody;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Sleep, sleep},
};

use super::{
    log::Line,
    problem::Problem,
    request::{RequestId, X_REQUEST_ID},
};

/// How long a connection whose end is decided still takes bytes that nobody reads: closed with some of them unread, it would
/// be reset, and the caller might lose the answer.
pub const PARTING: Duration = Duration::from_secs(1);
/// The head of a request has at most so many bytes: a limit of actix (`h1::decoder::MAX_BUFFER_SIZE`).
const MAX_HEAD: usize = 128 * 1024;

/// Longer than any request takes from its first byte to its answer.
const STALL: Duration = Duration::from_secs(150);

/// A connection, with our words for what actix refuses.
#[derive(Debug)]
pub struct Connection<S> {
    stream: S,
    /// Whether the caller ever sent anything.
    heard: bool,
    /// Whether the caller closed its side.
    left: bool,
    stall: Stall,
    parting: Option<Parting>,
}

impl<S> Connection<S> {
    /// A connection that was just accepted.
    pub fn new(stream: S) -> Self {
        Self { stream, heard: false, left: false, stall: Stall::new(STALL), parting: None }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Connection<S> {
    /// A caller who closes its side has left: that is an error, which drops the call and so cancels its statement. What it
    /// sent before is still looked at first, and answered if that takes no waiting.
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.left {
            return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()));
        }
        let before = buffer.filled().len();
        match Pin::new(&mut this.stream).poll_read(context, buffer) {
            Poll::Pending if this.stall.poll(context).is_ready() => {
                return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
            }
            read => ready!(read)?,
        }
        if buffer.filled().len() == before {
            this.left = true;
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        this.heard = true;
        this.stall.unanswered = true;
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Connection<S> {
    /// A refusal of actix is the last thing that it writes. Answers of ours may stand before it in the same bytes: they go
    /// out first.
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        this.stall.answered();
        if this.parting.is_none()
            && let Some(refusal) = Refusal::at_end_of(bytes)
        {
            let before = bytes.len() - refusal.length;
            if before > 0 {
                return Pin::new(&mut this.stream).poll_write(context, &bytes[..before]);
            }
            // Who opens a connection in advance and sends nothing has asked nothing: bytes of ours would be taken for the
            // answer to a request that is under way.
            if !this.heard {
                return Poll::Ready(Ok(bytes.len()));
            }
            this.parting = Some(Parting::with(refusal.answer()));
        }
        match &mut this.parting {
            None => Pin::new(&mut this.stream).poll_write(context, bytes),
            Some(parting) => {
                ready!(parting.poll(&mut this.stream, context))?;
                Poll::Ready(Ok(bytes.len()))
            }
        }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(context)
    }
}

/// Notices a connection on which a request began and came to no end: actix bounds the time of its first head alone. It looks
/// now and then, so that a request costs no timer.
#[derive(Debug)]
struct Stall {
    period: Duration,
    next: Option<Pin<Box<Sleep>>>,
    /// Whether something came since the last answer.
    unanswered: bool,
    /// Whether that was so when it looked last, and nothing was written since.
    before: bool,
}

impl Stall {
    fn new(period: Duration) -> Self {
        Self { period, next: None, unanswered: false, before: false }
    }

    fn answered(&mut self) {
        (self.unanswered, self.before) = (false, false);
    }

    /// Ready once a request has waited for one to two periods.
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let next = self.next.get_or_insert_with(|| Box::pin(sleep(self.period)));
        while next.as_mut().poll(context).is_ready() {
            if self.before {
                return Poll::Ready(());
            }
            self.before = self.unanswered;
            next.as_mut().reset(tokio::time::Instant::now() + self.period);
        }
        Poll::Pending
    }
}

/// An answer that actix wrote by itself.
#[derive(Debug, PartialEq)]
struct Refusal<'a> {
    status: u16,
    date: &'a [u8],
    /// How many bytes it has.
    length: usize,
}

impl<'a> Refusal<'a> {
    /// The refusal that these bytes end with. Answers of ours are never taken for one: their heads have an `X-Request-Id`,
    /// and no body of ours has line breaks followed by these words, which in JSON stand escaped within a text.
    fn at_end_of(bytes: &'a [u8]) -> Option<Self> {
        const DATE: usize = "Fri, 20 Nov 2026 09:00:00 GMT".len();
        let rest = bytes.strip_suffix(b" GMT\r\n\r\n")?;
        let (rest, date) = rest.split_at_checked((rest.len() + " GMT".len()).checked_sub(DATE)?)?;
        let date = &bytes[rest.len()..rest.len() + date.len() + " GMT".len()];
        let rest = rest.strip_suffix(b"date: ")?;
        let connections: [&[u8]; 3] =
            [b"connection: close\r\n", b"connection: keep-alive\r\n", b"connection: upgrade\r\n"];
        let rest = connections.iter().find_map(|header| rest.strip_suffix(*header)).unwrap_or(rest);
        let rest = rest.strip_suffix(b"\r\ncontent-length: 0\r\n")?;
        let lines: [(u16, &[u8]); 3] =
            [(400, b"400 Bad Request"), (408, b"408 Request Timeout"), (431, b"431 Request Header Fields Too Large")];
        let (status, rest) = lines.iter().find_map(|(status, line)| Some((*status, rest.strip_suffix(*line)?)))?;
        let rest = rest.strip_suffix(b"HTTP/1.1 ").or_else(|| rest.strip_suffix(b"HTTP/1.0 "))?;
        Some(Self { status, date, length: bytes.len() - rest.len() })
    }

    /// What it says in our words.
    fn problem(&self) -> Problem {
        match self.status {
            431 => Problem::head_too_large(MAX_HEAD),
            408 => Problem::invalid_request("the request did not arrive in time"),
            _ => Problem::invalid_request("what came is no HTTP request"),
        }
    }

    /// Our answer instead, as it goes over the wire, on record like that to any request.
    fn answer(&self) -> Vec<u8> {
        let (id, problem) = (RequestId::new(), self.problem());
        Line::new(id.as_str(), Instant::now()).problem(&problem);
        let mut response = problem.response(id.as_str(), None);
        response.headers_mut().insert(X_REQUEST_ID, id.header());
        let mut head = format!("HTTP/1.1 {}\r\nconnection: close\r\n", response.status()).into_bytes();
        for (name, value) in response.headers() {
            head.extend([name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"].concat());
        }
        let body = response.into_body().try_into_bytes().expect("a problem is one piece of text");
        let length = format!("\r\ncontent-length: {}\r\n\r\n", body.len());
        [head.as_slice(), b"date: ", self.date, length.as_bytes(), &body].concat()
    }
}

/// The end of a connection: the last answer, and patience until the caller has read it.
#[derive(Debug)]
struct Parting {
    answer: Vec<u8>,
    written: usize,
    until: Pin<Box<Sleep>>,
}

impl Parting {
    fn with(answer: Vec<u8>) -> Self {
        Self { answer, written: 0, until: Box::pin(sleep(PARTING)) }
    }

    /// Writes what is left of the answer, closes our side, and drops what still comes until the caller closes its own.
    fn poll<S: AsyncRead + AsyncWrite + Unpin>(
        &mut self,
        stream: &mut S,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        if self.until.as_mut().poll(context).is_ready() {
            return Poll::Ready(Ok(()));
        }
        while self.written < self.answer.len() {
            match ready!(Pin::new(&mut *stream).poll_write(context, &self.answer[self.written..]))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                written => self.written += written,
            }
        }
        ready!(Pin::new(&mut *stream).poll_shutdown(context))?;
        let mut dropped = [0; 4096];
        loop {
            let mut buffer = ReadBuf::new(&mut dropped);
            ready!(Pin::new(&mut *stream).poll_read(context, &mut buffer))?;
            if buffer.filled().is_empty() {
                return Poll::Ready(Ok(()));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    use super::*;

    const DATE: &str = "Fri, 20 Nov 2026 09:00:00 GMT";

    fn refusal(line: &str, connection: &str) -> String {
        format!("HTTP/1.1 {line}\r\ncontent-length: 0\r\n{connection}date: {DATE}\r\n\r\n")
    }

    fn status(bytes: &str) -> Option<(u16, usize)> {
        Refusal::at_end_of(bytes.as_bytes()).map(|refusal| {
            assert_eq!(refusal.date, DATE.as_bytes());
            (refusal.status, refusal.length)
        })
    }

    #[test]
    fn only_bodiless_answers_of_actix_are_refusals() {
        for (line, code) in [("400 Bad Request", 400), ("408 Request Timeout", 408)] {
            for connection in ["", "connection: close\r\n", "connection: keep-alive\r\n"] {
                let bytes = refusal(line, connection);
                assert_eq!(status(&bytes), Some((code, bytes.len())));
                assert_eq!(status(&format!("HTTP/1.1 200 OK\r\n\r\n{{}}{bytes}")), Some((code, bytes.len())));
            }
        }
        let bytes = refusal("431 Request Header Fields Too Large", "connection: close\r\n");
        assert_eq!(status(&bytes), Some((431, bytes.len())));
        for ours in [
            refusal("200 OK", ""),
            refusal("404 Not Found", "connection: close\r\n"),
            refusal("400 Bad Request", "x-request-id: 1\r\n"),
            refusal("400 Bad Request", "").replace("length: 0", "length: 10"),
            refusal("400 Bad Request", "") + "{}",
            serde_json::json!({ "got": refusal("400 Bad Request", "") }).to_string(),
            " GMT\r\n\r\n".into(),
            String::new(),
        ] {
            assert_eq!(status(&ours), None, "{ours:?}");
        }
    }

    /// What a caller reads who sent `sent`, through a pipe of that many bytes, when actix writes `bytes` and then closes.
    fn read(sent: &str, bytes: &str, pipe: usize) -> String {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
        runtime.block_on(async {
            let (mut caller, stream) = duplex(pipe);
            let mut connection = Connection::new(stream);
            let written = async {
                let mut first = [0; 1];
                if !sent.is_empty() {
                    connection.read_exact(&mut first).await.expect("a byte");
                }
                connection.write_all(bytes.as_bytes()).await.expect("written");
                drop(connection);
            };
            let answered = async {
                let mut text = String::new();
                let (mut reader, mut writer) = tokio::io::split(&mut caller);
                let (_, read) = tokio::join!(writer.write_all(sent.as_bytes()), reader.read_to_string(&mut text));
                read.expect("text");
                drop(caller);
                text
            };
            tokio::join!(written, answered).1
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]
        #[test]
        fn a_refusal_is_said_in_our_words_however_few_bytes_go_at_once(pipe in 1_usize..400, before in 0_usize..3) {
            let ours = "HTTP/1.1 200 OK\r\nx-request-id: 1\r\ncontent-length: 2\r\n\r\n{}".repeat(before);
            let text = read("nonsense", &format!("{ours}{}", refusal("400 Bad Request", "connection: close\r\n")), pipe);
            let answer = text.strip_prefix(&ours).expect("the answers before it");
            let (head, body) = answer.split_once("\r\n\r\n").expect("a head and a body");
            let body: serde_json::Value = serde_json::from_str(body).expect("JSON");
            prop_assert_eq!(&body["code"], "invalid_request");
            prop_assert!(head.starts_with("HTTP/1.1 400 Bad Request\r\nconnection: close\r\n"), "{}", head);
            let id = body["request_id"].as_str().expect("an id");
            prop_assert!(head.contains(&format!("x-request-id: {id}")), "{}", head);
            prop_assert!(head.contains(DATE), "{}", head);
        }

        #[test]
        fn what_is_no_refusal_passes_as_it_is(bytes in "\\PC{0,50}(\r\n| GMT|\r\n\r\n){0,4}", pipe in 1_usize..100) {
            prop_assert_eq!(read("x", &bytes, pipe), bytes);
        }
    }

    #[test]
    fn each_refusal_has_its_code() {
        let told = |line: &str| {
            let text = read("GET", &refusal(line, ""), 1000);
            let (head, body) = text.split_once("\r\n\r\n").expect("a head and a body").to_owned();
            let body: serde_json::Value = serde_json::from_str(body).expect("JSON");
            let status = head.split(' ').nth(1).expect("a status").to_owned();
            (status, body["code"].as_str().expect("a code").to_owned())
        };
        assert_eq!(told("431 Request Header Fields Too Large"), ("413".into(), "request_too_large".into()));
        assert_eq!(told("408 Request Timeout"), ("400".into(), "invalid_request".into()));
    }

    #[test]
    fn who_never_sent_anything_is_told_nothing() {
        assert_eq!(read("", &refusal("408 Request Timeout", ""), 1000), "");
    }

    #[test]
    fn a_request_that_comes_to_no_end_is_not_waited_for_for_good() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
        runtime.block_on(async {
            let (mut caller, stream) = duplex(100);
            let period = Duration::from_millis(20);
            let mut connection = Connection { stall: Stall::new(period), ..Connection::new(stream) };
            let mut byte = [0; 1];
            let idle = tokio::time::timeout(period * 5, connection.read_exact(&mut byte)).await;
            assert!(idle.is_err(), "nothing began");
            for _ in 0..2 {
                caller.write_all(b"G").await.expect("sent");
                connection.read_exact(&mut byte).await.expect("a byte");
                connection.write_all(b"answer").await.expect("written");
                let idle = tokio::time::timeout(period * 5, connection.read_exact(&mut byte)).await;
                assert!(idle.is_err(), "what began was answered");
            }
            caller.write_all(b"G").await.expect("sent");
            connection.read_exact(&mut byte).await.expect("a byte");
            let error = connection.read_exact(&mut byte).await.expect_err("nothing more comes");
            assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        });
    }
}
