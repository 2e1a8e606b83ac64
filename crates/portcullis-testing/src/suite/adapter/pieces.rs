//! A body in pieces.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::Stream;

/// The body of a request: it comes in pieces, and the suite sees how many were asked for.
///
/// It is a stream of them.
///
/// # Examples
///
/// ```
/// use bytes::Bytes;
/// use portcullis_testing::suite::adapter::Pieces;
///
/// let mut body = Pieces::from(Bytes::from_static(b"a=1"));
/// assert_eq!(body.piece().unwrap(), "a=1");
/// assert_eq!(body.piece(), None);
/// ```
#[derive(Debug, Default)]
pub struct Pieces {
    rest: VecDeque<Bytes>,
    read: Arc<AtomicUsize>,
}

impl Pieces {
    /// Takes the next piece.
    pub fn piece(&mut self) -> Option<Bytes> {
        self.read.fetch_add(1, Ordering::SeqCst);
        self.rest.pop_front()
    }

    pub(super) fn new(pieces: impl IntoIterator<Item = Bytes>) -> Self {
        Self { rest: pieces.into_iter().collect(), read: Arc::default() }
    }

    /// Cuts a body in the middle.
    pub(super) fn halves(mut body: Bytes) -> Self {
        let first = body.split_to(body.len() / 2);
        Self::new([first, body].into_iter().filter(|piece| !piece.is_empty()))
    }

    /// Shares the number of pieces that were asked for.
    pub(super) fn read(&self) -> Arc<AtomicUsize> {
        Arc::clone(&self.read)
    }
}

impl From<Bytes> for Pieces {
    fn from(body: Bytes) -> Self {
        Self::new([body])
    }
}

impl Stream for Pieces {
    type Item = Result<Bytes, Infallible>;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Poll::Ready(self.piece().map(Ok))
    }
}
