//! A runtime moves a request between threads while its permission waits.
//~ cannot be sent between threads safely

use portcullis_tests::crates::portcullis::{Decision, Verdict};
use std::future::ready;

#[cfg(wrong)]
pub fn later(shared: std::rc::Rc<()>) -> Verdict<'static> {
    Verdict::wait(async move {
        ready(()).await;
        drop(shared);
        Ok(Decision::Allow)
    })
}

#[cfg(right)]
pub fn later(shared: std::sync::Arc<()>) -> Verdict<'static> {
    Verdict::wait(async move {
        ready(()).await;
        drop(shared);
        Ok(Decision::Allow)
    })
}
