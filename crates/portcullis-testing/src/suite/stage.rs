//! What every suite needs: a store, real concurrency, and failures that say what was found.

use std::fmt::Debug;
use std::future::poll_fn;
use std::ops::Deref;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};

use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, LocalBoxFuture, join_all};
use portcullis::store::StoreError;

use super::Broken;

/// How often two racing tasks meet.
pub(super) const ROUNDS: usize = 200;
/// How often a future is polled at most before it is dropped half-way.
pub(super) const POLLS: usize = 6;

/// Runs a task on a thread of its own, for stores that need no runtime.
///
/// # Examples
///
/// See [`suite`](crate::suite).
pub fn on_threads(task: BoxFuture<'static, ()>) {
    thread::spawn(|| block_on(task));
}

fn block_on(mut task: BoxFuture<'static, ()>) {
    struct Unpark(Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut context = Context::from_waker(&waker);
    while task.as_mut().poll(&mut context).is_pending() {
        thread::park();
    }
}

pub(super) type Check = Result<(), Failure>;

/// What was found instead.
#[derive(Debug)]
pub(super) struct Failure(String);

impl Failure {
    pub(super) fn new(how: impl Into<String>) -> Self {
        Self(how.into())
    }

    pub(super) fn into_text(self) -> String {
        self.0
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self(format!("the store failed: {error}"))
    }
}

/// Fails unless a fact holds.
pub(super) fn ensure(holds: bool, fact: &str) -> Check {
    if holds { Ok(()) } else { Err(Failure(format!("it does not hold that {fact}"))) }
}

/// Fails unless two values are equal.
pub(super) fn same<T: PartialEq + Debug>(what: &str, found: &T, expected: &T) -> Check {
    if found == expected {
        return Ok(());
    }
    let (found, expected) = (shorten(found), shorten(expected));
    Err(Failure(format!("{what}: found {found}, expected {expected}")))
}

fn shorten(value: &impl Debug) -> String {
    format!("{value:?}").chars().take(600).collect()
}

pub(super) type Spawn<'a> = &'a dyn Fn(BoxFuture<'static, ()>);
pub(super) type Clause<S> = (&'static str, for<'a> fn(&'a Stage<'a, S>) -> LocalBoxFuture<'a, Check>);

/// Lists checks with their names.
macro_rules! clauses {
    ($($name:ident),* $(,)?) => {
        [$((stringify!($name), |stage| Box::pin($name(stage)))),*]
    };
}
pub(super) use clauses;

/// An empty store and a way to run tasks beside each other.
pub(super) struct Stage<'a, S: ?Sized> {
    pub(super) store: Arc<S>,
    pub(super) spawn: Spawn<'a>,
}

impl<S: ?Sized> Deref for Stage<'_, S> {
    type Target = S;

    fn deref(&self) -> &S {
        &self.store
    }
}

impl<S: ?Sized + Send + Sync + 'static> Stage<'_, S> {
    /// Starts tasks at the same moment and awaits them all.
    pub(super) async fn at_once<T, F, I>(&self, tasks: I) -> Vec<T>
    where
        T: Send + 'static,
        F: Future<Output = T> + Send + 'static,
        I: IntoIterator<Item = F>,
    {
        let tasks: Vec<F> = tasks.into_iter().collect();
        let missing = Arc::new(AtomicUsize::new(tasks.len()));
        let handles: Vec<_> = tasks
            .into_iter()
            .map(|task| {
                let missing = Arc::clone(&missing);
                let (task, handle) = async move {
                    missing.fetch_sub(1, Ordering::SeqCst);
                    all_here(&missing).await;
                    task.await
                }
                .remote_handle();
                (self.spawn)(task.boxed());
                handle
            })
            .collect();
        join_all(handles).await
    }

    /// Runs the same task many times at once, each with the store and its number.
    pub(super) async fn crowd<T, F>(&self, size: i64, task: impl Fn(Arc<S>, i64) -> F) -> Vec<T>
    where
        T: Send + 'static,
        F: Future<Output = T> + Send + 'static,
    {
        self.at_once((0..size).map(|number| task(Arc::clone(&self.store), number))).await
    }
}

async fn all_here(missing: &AtomicUsize) {
    poll_fn(|context| {
        if missing.load(Ordering::SeqCst) == 0 {
            return Poll::Ready(());
        }
        thread::yield_now();
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// Polls a future a few times and drops it, as a server does when the client goes; tells whether it was ready.
pub(super) async fn abandon<F: Future>(future: F, polls: usize) -> bool {
    let mut future = pin!(future);
    for _ in 0..polls {
        if poll_fn(|context| Poll::Ready(future.as_mut().poll(context))).await.is_ready() {
            return true;
        }
        let_others_run().await;
    }
    false
}

/// Gives way to other tasks once.
pub(super) async fn let_others_run() {
    let mut yielded = false;
    poll_fn(|context| {
        if yielded {
            return Poll::Ready(());
        }
        yielded = true;
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// Runs every clause on a store of its own.
pub(super) async fn run<S: ?Sized>(
    clauses: &[Clause<S>],
    make: impl AsyncFn() -> Arc<S>,
    spawn: Spawn<'_>,
) -> Result<(), Broken> {
    let mut broken = Vec::new();
    for (name, check) in clauses {
        let stage = Stage { store: make().await, spawn };
        if let Err(Failure(how)) = check(&stage).await {
            broken.push((*name, how));
        }
    }
    if broken.is_empty() { Ok(()) } else { Err(Broken(broken)) }
}
