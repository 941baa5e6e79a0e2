//! Rows as NDJSON while they come (SPEC 5): the call runs beside its answer, whose body takes the rows from a bounded channel.

use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use actix_http::{
    Response, StatusCode,
    body::{BodyStream, BoxBody},
    header::HeaderValue,
};
use actix_rt::{self as rt, task::JoinHandle};
use bytes::Bytes;
use futures_util::{FutureExt, Stream};
use tokio::sync::mpsc;

use super::{
    Received, answer,
    calls::{Beside, Callee},
    log::Line,
    problem::Problem,
    request::NDJSON,
};
use crate::{
    action::Variables,
    call::{self, Trace},
    catalog::Entry,
};

/// So many chunks may wait for the reader.
const CHUNKS: usize = 4;

/// Answers a call with its rows as they come. A failure before the first chunk is an answer of its own.
pub async fn answer<'a>(
    received: Received<'a>,
    entry: &'a Arc<Entry>,
    variables: Variables<'_>,
    line: &mut Line<'a>,
) -> Result<Response<BoxBody>, Problem> {
    let beside = Beside::of(received, entry, line);
    let variables = variables.into_owned();
    let (sender, chunks) = mpsc::channel(CHUNKS);
    let write = entry.action.as_ref().is_some_and(|action| action.result.write);
    let call = rt::spawn(async move {
        let mut line = beside.line();
        let callee = Callee::of(&beside.gateway, &beside.entry)?;
        let trace = line.trace.insert(Trace::default());
        let outcome = call::stream(callee.target(false, beside.id.as_str()), &variables, trace, sender).await;
        match outcome {
            Ok(streamed) if streamed.gone => Ok(End::Abandoned),
            Ok(streamed) => {
                line.rows = Some(streamed.row_count as u64);
                line.success();
                Ok(End::Whole)
            }
            Err(error) => {
                let problem = Problem::from(error);
                line.problem(&problem);
                Err(problem)
            }
        }
    });
    let mut rows = Rows { first: None, chunks, call, ended: false };
    rows.first = rows.chunks.recv().await.map(Bytes::from);
    if rows.first.is_none() {
        rows.ended = true;
        (&mut rows.call).await.map_err(|_| Problem::lost(write))??;
    }
    let body = BoxBody::new(BodyStream::new(rows));
    Ok(answer::with_type(StatusCode::OK, HeaderValue::from_static(NDJSON), body))
}

/// How a stream ended whose call did not fail.
enum End {
    /// With its last row, or the line that says where it was cut.
    Whole,
    /// Its reader took nothing for too long.
    Abandoned,
}

/// The chunks of a stream. Dropping it, as when the reader leaves, ends the call.
struct Rows {
    first: Option<Bytes>,
    chunks: mpsc::Receiver<Vec<u8>>,
    call: JoinHandle<Result<End, Problem>>,
    ended: bool,
}

impl Stream for Rows {
    type Item = io::Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if let Some(first) = self.first.take() {
            return Poll::Ready(Some(Ok(first)));
        }
        if self.ended {
            return Poll::Ready(None);
        }
        if let Some(chunk) = ready!(self.chunks.poll_recv(context)) {
            return Poll::Ready(Some(Ok(chunk.into())));
        }
        let end = ready!(self.call.poll_unpin(context));
        self.ended = true;
        Poll::Ready(match end {
            // A failed call has said so in its last line.
            Ok(Ok(End::Whole) | Err(_)) => None,
            // The connection is broken off, so that what was sent cannot pass for all there is.
            Ok(Ok(End::Abandoned)) | Err(_) => Some(Err(io::Error::other("the rows are not complete"))),
        })
    }
}

impl Drop for Rows {
    fn drop(&mut self) {
        self.call.abort();
    }
}

#[cfg(test)]
mod tests {
    use futures_util::StreamExt;
    use tokio::task::LocalSet;

    use super::*;
    use crate::call::Code;

    /// What a body gives of a stream with one chunk that ended so.
    fn check(end: Result<End, Problem>) -> Vec<Result<Bytes, String>> {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        LocalSet::new().block_on(&runtime, async {
            let (sender, chunks) = mpsc::channel(CHUNKS);
            sender.send(b"{}\n".to_vec()).await.expect("room");
            drop(sender);
            let rows = Rows { first: None, chunks, call: rt::spawn(async { end }), ended: false };
            rows.map(|chunk| chunk.map_err(|error| error.to_string())).collect().await
        })
    }

    #[test]
    fn only_an_abandoned_stream_breaks_off() {
        let chunk = Ok(Bytes::from_static(b"{}\n"));
        assert_eq!(check(Ok(End::Whole)), std::slice::from_ref(&chunk));
        assert_eq!(check(Err(Code::Timeout.into())), std::slice::from_ref(&chunk), "the last line says it");
        assert_eq!(check(Ok(End::Abandoned)), [chunk, Err("the rows are not complete".into())]);
    }
}
