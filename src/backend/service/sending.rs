//! Whether a request began to be sent: before that it certainly has no effect, from then on it may have one.

use std::{
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU8, Ordering},
    },
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};
use reqwest::{Body, Request};

const WAITING: u8 = 0;
const SENT: u8 = 1;
const WITHDRAWN: u8 = 2;

/// One request on its way. Either it begins to be sent or it is withdrawn, never both, whichever thread is the first.
#[derive(Clone, Debug, Default)]
pub struct Sending(Arc<AtomicU8>);

impl Sending {
    /// Watches a request. A connection asks for the body before it sends the first byte; a request without a body counts as
    /// sent from now on.
    pub fn watch(&self, request: &mut Request) {
        match request.body_mut().take().filter(|body| !body.is_end_stream()) {
            Some(body) => *request.body_mut() = Some(Body::wrap(Watched { body, sending: self.clone() })),
            None => _ = self.begin(),
        }
    }

    /// Keeps it from being sent, if that can be: then it has no effect.
    pub fn withdraw(&self) -> bool {
        self.leave(WITHDRAWN)
    }

    fn begin(&self) -> bool {
        self.leave(SENT)
    }

    /// Whether it has gone this way, now or before.
    fn leave(&self, way: u8) -> bool {
        let gone = self.0.compare_exchange(WAITING, way, Ordering::AcqRel, Ordering::Acquire);
        gone.map_or_else(|gone| gone == way, |_| true)
    }
}

/// A body that tells when it is sent.
struct Watched {
    body: Body,
    sending: Sending,
}

impl HttpBody for Watched {
    type Data = Bytes;
    type Error = Box<dyn std::error::Error + Send + Sync>;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        if !self.sending.begin() {
            return Poll::Ready(Some(Err(io::Error::other("the request is withdrawn").into())));
        }
        Pin::new(&mut self.body).poll_frame(context).map_err(Into::into)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// Keeps a flag true to what is known of one request: set where it may have taken effect. Dropped on the way, it withdraws the
/// request.
pub struct Doubt<'a> {
    flag: &'a AtomicBool,
    /// The request.
    pub sending: Sending,
    settled: bool,
}

impl<'a> Doubt<'a> {
    /// Of a request that is not sent yet.
    pub fn new(flag: &'a AtomicBool) -> Self {
        Self { flag, sending: Sending::default(), settled: false }
    }

    /// Its outcome is known, and whether it may have taken effect without an answer that says so.
    pub fn settle(mut self, in_doubt: bool) {
        self.settled = true;
        self.flag.store(in_doubt, Ordering::Relaxed);
    }
}

impl Drop for Doubt<'_> {
    fn drop(&mut self) {
        if !self.settled {
            self.flag.store(!self.sending.withdraw(), Ordering::Relaxed);
        }
    }
}
